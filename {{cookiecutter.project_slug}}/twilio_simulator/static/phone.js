// A phone held by hand: asks the simulator twice a second how the call goes, and says what there is to hear.
"use strict";

(() => {
  const POLL = 500;
  const OWN = "+14155550100";
  const $ = (id) => document.getElementById(id);
  const stages = {
    ringing: "Ringing…", menu: "Connected: a menu listens for keys", queue: "Waiting in a queue",
    "queue menu": "Waiting in a queue: it listens for keys", "after queue": "Connected", conference: "Connected",
    ended: "The call has ended",
  };
  let since = 0;
  let state = { call: null };
  let failures = 0;

  const number = () => $("number").value;
  const path = (act = "") => `/_simulator/phones/${encodeURIComponent(number())}${act}`;

  function text(call) {
    if (!call) return `Ready to call ${state.dials ?? "the call center"}`;
    if (call.ringing) return "Somebody calls you";
    if (call.live && call.stage === "conference") return call.others ? "You are through" : "Waiting for the other side";
    return stages[call.stage] ?? "Connected";
  }

  function detail(call) {
    if (!call) return "";
    const time = `${Math.floor(call.seconds / 60)}:${String(call.seconds % 60).padStart(2, "0")}`;
    const place = call.position ? `, number ${call.position} in ${call.queue}` : "";
    return call.live ? `${time}${place}` : `${call.status}, after ${time}`;
  }

  function set(element, value) {
    if (element.textContent !== value) element.textContent = value; // a screen reader speaks of every change
  }

  function show() {
    const { call } = state;
    const live = Boolean(call?.live);
    set($("status"), text(call));
    set($("detail"), detail(call));
    document.title = call?.ringing ? "Somebody calls you" : live ? "In a call – Phone" : "Phone";
    const asked = document.activeElement;
    $("call").hidden = live;
    $("answer").hidden = !call?.ringing;
    $("hangup").disabled = !live;
    set($("hangup"), call?.ringing ? "Decline" : "Hang up");
    $("number").readOnly = live;
    for (const key of document.querySelectorAll("[data-key]")) key.disabled = !live || call.ringing;
    if (call?.ringing && asked === $("call")) $("answer").focus();
    if (asked?.hidden || asked?.disabled) (live ? $("hangup") : $("call")).focus();
    $("story").hidden = !call;
    if (call) $("story").href = `/_simulator/timeline#${call.sid}`;
  }

  function hear({ id, at, kind, text: words }) {
    since = Math.max(since, id);
    const list = $("heard");
    const line = document.createElement("li");
    line.className = kind;
    const time = document.createElement("time");
    time.textContent = new Date(at * 1000).toLocaleTimeString();
    const said = document.createElement("span");
    said.textContent = { play: `♪ Music: ${words}`, keys: `You press ${words}` }[kind] ?? words;
    line.append(time, said);
    list.append(line);
    while (list.children.length > 200) list.firstElementChild.remove();
    $("log").scrollTop = $("log").scrollHeight;
    $("nothing").hidden = true;
    if (kind === "say" && $("aloud").checked) speechSynthesis.speak(new SpeechSynthesisUtterance(words));
  }

  function trouble(words) {
    $("problem").hidden = !words;
    set($("problem"), words);
  }

  async function look() {
    const asked = path();
    try {
      const answer = await fetch(`${asked}?since=${since}`, { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      if (asked !== path()) return;
      state = told;
      if (failures) trouble("");
      failures = 0;
      state.heard.filter(({ id }) => id > since).forEach(hear);
      show();
    } catch {
      failures += 1;
      if (failures > 1) trouble("The simulator does not answer. Is it running?");
    }
  }

  async function act(what, fields = {}) {
    try {
      const answer = await fetch(path(what), { method: "POST", body: new URLSearchParams(fields) });
      trouble(answer.ok ? "" : ((await answer.json()).message ?? `refused (${answer.status})`));
    } catch {
      trouble("The simulator does not answer. Is it running?");
    }
    await look();
  }

  const press = (key) => act("/keys", { keys: key });

  $("call").addEventListener("click", () => $("own").reportValidity() && act("/call"));
  $("answer").addEventListener("click", () => act("/answer"));
  $("hangup").addEventListener("click", () => act("/hangup"));
  $("keypad").addEventListener("click", ({ target }) => target.dataset.key && press(target.dataset.key));
  $("own").addEventListener("submit", (event) => event.preventDefault());
  $("number").addEventListener("change", () => {
    if (!$("own").reportValidity()) return;
    history.replaceState(null, "", `?number=${encodeURIComponent(number())}`);
    since = 0;
    $("heard").replaceChildren();
    look();
  });
  document.addEventListener("keydown", (event) => {
    const writes = event.target === $("number") || event.ctrlKey || event.altKey || event.metaKey;
    if (!writes && /^[0-9*#]$/.test(event.key) && state.call?.live && !state.call.ringing) press(event.key);
  });

  $("number").value = new URLSearchParams(location.search).get("number") ?? OWN;
  const again = () => (number() && $("number").checkValidity() ? look() : Promise.resolve()).then(() => setTimeout(again, POLL));
  show();
  again();
})();
