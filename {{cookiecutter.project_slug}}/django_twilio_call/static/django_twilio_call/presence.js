// A tab that sleeps hears no call. The browser's own words for it go to the server, and the agent is told afterwards;
// only of the tab with the phone, for the others may sleep. One that is hidden asks for news all the same.
"use strict";

(() => {
  const SLEPT_MS = 75_000; // a hidden tab's timers still run once a minute
  const LATE_MS = 2500; // the page's own look, every two seconds, did not come
  const notice = document.getElementById("slept");
  const isOurs = () => document.documentElement.dataset.phone === "here";
  let awake = Date.now();
  let asked = Date.now();

  function tell(event) {
    const form = new FormData();
    form.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "");
    form.append("event", event);
    navigator.sendBeacon(notice.dataset.url, form);
  }

  function look() {
    const now = Date.now();
    if (now - awake > SLEPT_MS) say(awake, now);
    awake = now;
  }

  function say(from, to) {
    if (!isOurs()) return;
    const clock = (at) => new Date(at).toLocaleTimeString();
    notice.textContent = notice.dataset.text.replace("%s", clock(from)).replace("%s", clock(to));
    notice.hidden = false;
    tell("resume");
  }

  document.addEventListener("freeze", () => {
    awake = Date.now();
    if (isOurs()) tell("freeze");
  });
  document.addEventListener("resume", () => {
    say(awake, Date.now());
    awake = Date.now();
  });
  document.addEventListener("visibilitychange", () => {
    look();
    tell(document.hidden ? "hidden" : "visible");
  });
  document.addEventListener("submit", () => (notice.hidden = true));
  setInterval(look, 1000);

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "desk") asked = Date.now();
  });
  new Worker(notice.dataset.pulse).addEventListener("message", () => {
    if (document.hidden && isOurs() && Date.now() - asked > LATE_MS) htmx.trigger("#desk", "refresh");
  });
})();
