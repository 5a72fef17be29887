// Keeps a page honest between two polls: clocks tick, a lost connection is said, and an offer reaches the tab's title
// and icon and the screen reader. Fragments say when they were made (data-now) and what to tell (data-say).
"use strict";

(() => {
  const LATE_MS = 6000; // two or three polls without an answer
  const byId = (id) => document.getElementById(id);
  const pageTitle = document.title;
  let skew = 0; // server's clock minus this one's, ms
  let heard = Date.now();
  let failed = false;
  const said = {}; // what each part of the page told last
  let pressed = ""; // the button whose answer is awaited

  const clockText = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    if (!parts[0]) parts.shift();
    return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
  };

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const announce = (text) => write(byId("announcer"), text);

  function tick() {
    const now = Date.now();
    const lost = failed || now - heard > LATE_MS;
    showConnection(lost, now);
    if (lost) return; // a clock that goes on would pass for live
    for (const clock of document.querySelectorAll("[data-since]")) {
      write(clock, clockText((now + skew) / 1000 - clock.dataset.since));
    }
    for (const clock of document.querySelectorAll("[data-until]")) {
      const left = Math.max(0, clock.dataset.until - (now + skew) / 1000);
      if (clock.tagName === "PROGRESS") clock.value = left;
      else write(clock, clockText(Math.ceil(left)));
    }
  }

  function showConnection(lost, now) {
    const root = document.documentElement;
    const before = root.dataset.connection;
    root.dataset.connection = lost ? "lost" : "live";
    byId("lost").hidden = !lost;
    if (lost) {
      write(byId("lost-for"), `${Math.floor((now - heard) / 1000)} s`);
      write(byId("lost-at"), new Date(heard).toLocaleTimeString());
    }
    if (lost && before !== "lost") announce(byId("lost").dataset.textLost);
    if (!lost && before === "lost") announce(byId("lost").dataset.textAgain);
  }

  function showDesk(desk) {
    const offered = desk.dataset.phase === "offer";
    document.title = offered ? `${desk.dataset.say} · ${desk.dataset.title}` : pageTitle;
    const icon = byId("favicon");
    const wanted = offered ? icon.dataset.offer : icon.dataset.idle;
    if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
  }

  function tell(part) {
    const told = [...part.querySelectorAll(".message")].map((message) => message.textContent);
    const news = [part.dataset.phase, part.dataset.reservation, ...told, part.dataset.say].join(" ");
    if (part.id in said && said[part.id] !== news) {
      announce([kept.gone, ...told, part.dataset.say].filter(Boolean).join(" "));
      byId("unanswered").hidden = true;
      // The swap took the focused button away. Enter accepts an offer, but never hangs up by a key pressed twice.
      if (document.activeElement === document.body) {
        (part.querySelector("[data-first]:not([aria-disabled])") ?? part.querySelector("h2")).focus({ preventScroll: true });
      }
    }
    said[part.id] = news;
  }

  // A button is disabled until it is answered, so it has lost the focus before the swap, where htmx would keep it.
  function goOn() {
    const button = byId(pressed);
    if (button?.hasAttribute("data-disabled-by-htmx")) return;
    if (document.activeElement === document.body) button?.focus({ preventScroll: true });
    pressed = "";
  }

  document.addEventListener("submit", (event) => (pressed = event.submitter?.id ?? ""));

  function refresh() {
    if (document.hidden) return;
    document.querySelectorAll("[data-live]").forEach((live) => htmx.trigger(live, "refresh"));
  }

  // What somebody opened or typed stays as it is while the page around it is swapped.
  const kept = { open: [], values: {}, focus: "", gone: "" };
  document.addEventListener("htmx:beforeSwap", () => {
    kept.focus = document.activeElement.id;
    kept.open = [...document.querySelectorAll("details[id][open]")].map((each) => each.id);
    kept.values = Object.fromEntries([...document.querySelectorAll("[data-keep]")].map((each) => [each.id, valueOf(each)]));
  });

  // Of a choice also its words, which may be gone with it.
  const valueOf = ({ value, selectedOptions }) => ({ value, words: selectedOptions?.[0]?.text });

  function keep() {
    kept.gone = "";
    for (const id of kept.open) byId(id)?.setAttribute("open", "");
    for (const [id, { value, words }] of Object.entries(kept.values)) {
      const field = byId(id);
      if (field) field.value = value;
      // What is not there any more is chosen no more, and nothing else in its place.
      if (field?.selectedIndex === -1) {
        field.value = "";
        kept.gone = field.dataset.textGone.replace("%s", words);
        announce(kept.gone);
      }
      // What was typed just now was about to be sent, and went with the field it was typed into.
      const isTyped = field?.defaultValue !== undefined && field.value !== field.defaultValue;
      if (isTyped) field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    kept.values = {};
    // What is in a part that was still closed could not be given the focus by htmx.
    if (document.activeElement === document.body) byId(kept.focus)?.focus({ preventScroll: true });
    kept.focus = "";
  }

  document.addEventListener("htmx:load", () => {
    keep();
    goOn();
    const live = document.getElementById("desk") ?? document.querySelector("[data-live]");
    if (!live) return;
    const drift = live.dataset.now * 1000 - Date.now() - skew;
    if (live.dataset.seen === undefined && Math.abs(drift) > 500) skew += drift;
    live.dataset.seen = "";
    if (live.id === "desk") showDesk(live);
    document.querySelectorAll("[data-say]").forEach(tell);
    tick();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    heard = Date.now();
    failed = false;
    if (event.detail.requestConfig.verb === "post") byId("unanswered").hidden = true;
  });

  for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(trouble, (event) => {
      if (event.detail.requestConfig.verb === "post") byId("unanswered").hidden = false;
      else failed = true;
    });
  }

  // A player itself says nothing of a sound it does not get. This event does not bubble.
  const unplayable = ({ target }) => {
    if (target.tagName === "AUDIO") target.nextElementSibling.hidden = false;
  };
  document.addEventListener("error", unplayable, true);

  document.addEventListener("visibilitychange", refresh);
  document.addEventListener("softphone", (event) => {
    if (event.detail.state === "failed") announce(event.detail.text);
  });
  document.addEventListener("say", (event) => announce(event.detail));
  setInterval(tick, 250);
})();
