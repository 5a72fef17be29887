// Every webhook and REST command of a call, as they happen. What was shown is never drawn again: opened stays open.
"use strict";

(() => {
  const POLL = 1000;
  const $ = (id) => document.getElementById(id);
  let chosen = "";
  let since = 0;
  let began = 0;
  let listed = "";

  function make(tag, words = "", name = "") {
    const element = document.createElement(tag);
    element.textContent = words;
    if (name) element.className = name;
    return element;
  }

  const clock = (at) => new Date(at * 1000).toLocaleTimeString();

  function showCalls(calls) {
    const now = JSON.stringify([calls, chosen]);
    if (now === listed) return;
    listed = now;
    const focused = document.activeElement?.hash;
    $("none").hidden = calls.length > 0;
    $("calls").replaceChildren(...calls.map((call) => {
      const item = make("li");
      const link = make("a");
      link.href = `#${call.sid}`;
      if (call.sid === chosen) link.setAttribute("aria-current", "true");
      const who = call.sid === "account" ? "Belongs to no call" : `${call.From ?? "?"} → ${call.To || "the TwiML App"}`;
      const more = [clock(call.began), call.CallStatus, `${call.entries} entries`].filter(Boolean).join(", ");
      link.append(make("strong", who), make("span", more, "muted"));
      if (call.failed) link.append(make("span", `${call.failed} failed`, "tag poor"));
      item.append(link);
      return item;
    }));
    if (focused) [...$("calls").querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
  }

  function table(params) {
    const rows = Object.entries(params).map(([name, value]) => {
      const row = make("tr");
      const head = make("th", name);
      head.scope = "row";
      row.append(head, make("td", value));
      return row;
    });
    const body = make("tbody");
    body.append(...rows);
    const all = make("table");
    all.append(make("caption", rows.length ? "Parameters" : "No parameters"), body);
    return all;
  }

  function replay(entry, how, label) {
    const button = make("button", label);
    button.type = "button";
    button.addEventListener("click", async () => {
      const answer = await fetch("/_simulator/timeline/replay", {
        method: "POST", body: new URLSearchParams({ id: entry.id, how }),
      }).catch(() => null);
      const said = answer?.ok ? `Sent: ${how} of ${entry.id}. Its answer is shown below, and not run.` : "It was not sent.";
      $("says").textContent = said;
      look();
    });
    return button;
  }

  // What a shell sends: the same request, signed as it was.
  function curl(entry) {
    const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
    const headers = { "X-Twilio-Signature": entry.signature, "I-Twilio-Idempotency-Token": entry.token };
    const form = entry.method === "GET" ? [] : Object.entries(entry.params);
    return [
      `curl --request ${entry.method} ${quoted(entry.url.split("#")[0])}`,
      ...Object.entries(headers).map(([name, value]) => `--header ${quoted(`${name}: ${value}`)}`),
      ...form.map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`),
    ].join(" \\\n  ");
  }

  function copy(entry) {
    const button = make("button", "Copy as curl");
    button.type = "button";
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(curl(entry)).then(() => true, () => false);
      $("says").textContent = done ? `Copied: ${entry.id} as a curl command.` : "The browser does not let this page copy.";
    });
    return button;
  }

  function tags(entry) {
    const all = [];
    if (entry.attempt) all.push([`try ${entry.attempt + 1}`, "fair"]);
    if (entry.fallback) all.push(["FallbackUrl", "fair"]);
    if (entry.note) all.push([entry.note, "accent"]);
    if (entry.failure) all.push([entry.failure, "poor"]);
    return all.map(([words, name]) => make("span", words, `tag ${name}`));
  }

  function show(entry) {
    since = Math.max(since, entry.id);
    began ||= entry.at;
    const webhook = entry.kind === "webhook";
    const item = make("li", "", entry.kind);
    const details = make("details");
    const summary = make("summary");
    const where = webhook ? new URL(entry.url, location.href).pathname : entry.url.replace(/^\/2010-04-01\/Accounts\/\w+/, "");
    summary.append(
      make("time", `${(entry.at - began).toFixed(2)} s`),
      make("span", webhook ? "webhook" : "REST", `tag ${entry.kind}`),
      make("strong", `${entry.method} ${where}`),
      make("span", `${entry.status || "no answer"}, ${entry.ms} ms`, entry.status >= 200 && entry.status < 300 ? "muted" : "bad"),
      ...tags(entry),
    );
    details.append(summary, make("p", `${entry.id}: ${entry.url}`, "address"), table(entry.params));
    if (webhook) {
      details.append(
        make("p", `X-Twilio-Signature: ${entry.signature}`, "address"),
        make("p", `I-Twilio-Idempotency-Token: ${entry.token}`, "address"),
      );
    }
    if (entry.answer) {
      const answer = make("pre", entry.answer);
      answer.tabIndex = 0;
      details.append(make("h3", webhook ? `Answer, ${entry.content_type}` : "Answer"), answer);
    }
    if (webhook) {
      const acts = make("p", "", "acts");
      acts.append(replay(entry, "duplicate", "Send as a duplicate"), replay(entry, "again", "Send again"), copy(entry));
      details.append(acts);
    }
    item.append(details);
    item.dataset.at = entry.at; // what took longer was told later, though it began before
    const after = [...$("entries").children].findLast((other) => Number(other.dataset.at) <= entry.at);
    if (after) after.after(item);
    else $("entries").prepend(item);
  }

  async function look() {
    const asked = chosen;
    try {
      const { calls } = await (await fetch("/_simulator/timeline/calls")).json();
      if (!chosen && calls.length) choose(calls[0].sid);
      showCalls(calls);
      if (!chosen) return;
      const answer = await fetch(`/_simulator/timeline/calls/${chosen}?since=${since}`);
      const { entries } = answer.ok ? await answer.json() : { entries: [] };
      if (asked === chosen || !asked) entries.filter(({ id }) => id > since).forEach(show);
      if (!answer.ok) $("says").textContent = "This call is not kept any more.";
    } catch {
      $("says").textContent = "The simulator does not answer. Is it running?";
    }
  }

  function choose(sid) {
    chosen = sid;
    since = began = 0;
    $("entries").replaceChildren();
    $("says").textContent = "";
    $("story-title").textContent = sid === "account" ? "Belongs to no call" : sid;
  }

  addEventListener("hashchange", () => {
    choose(location.hash.slice(1));
    look().then(() => $("story-title").focus());
  });
  chosen = location.hash.slice(1);
  if (chosen) choose(chosen);
  const again = () => look().then(() => setTimeout(again, POLL));
  again();
})();
