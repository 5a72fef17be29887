// A caller who is offered while the page is out of view is shown by the system, once the agent has asked for that:
// nothing that the desk does not show, and no longer than there. Only the tab with the phone does it, or each would.
"use strict";

(() => {
  const button = document.getElementById("notify");
  const denied = document.getElementById("notify-denied");
  const ring = document.getElementById("ring");
  let usable = isSecureContext && "Notification" in window;
  let shown = null;
  let shownFor = ""; // the offer; who dismissed its notification does not get it again with the next look

  const permission = () => (usable ? Notification.permission : "");
  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));

  function control() {
    button.hidden = permission() !== "default";
    denied.hidden = permission() !== "denied";
  }

  function wanted() {
    const { phase, reservation } = document.getElementById("desk").dataset;
    const isOurs = document.documentElement.dataset.phone === "here";
    return permission() === "granted" && document.hidden && isOurs && phase === "offer" ? reservation : "";
  }

  function make() {
    const stage = document.querySelector("#desk .stage");
    const notification = new Notification(stage.querySelector(".kicker").textContent, {
      body: stage.querySelector(".caller").textContent,
      lang: document.documentElement.lang,
      tag: "offer",
      renotify: true, // the next caller is news
      requireInteraction: true, // for as long as it rings
      silent: ring.dataset.rings === "yes" || ring.dataset.wanted === "no",
    });
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
    return notification;
  }

  function show() {
    const offer = wanted();
    if (offer === shownFor) return;
    shownFor = offer;
    shown?.close();
    shown = null;
    if (!offer) return;
    try {
      shown = make();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      usable = false; // browsers of mobile phones have the word, and refuse the deed
    }
  }

  button.addEventListener("click", async () => {
    await Notification.requestPermission();
    control();
    if (permission() === "granted") say(button.dataset.granted);
    if (permission() === "denied") say(denied.textContent);
    if (button.hidden) ring.focus(); // where it was
  });
  for (const change of ["htmx:load", "phonetab", "visibilitychange"]) document.addEventListener(change, show);
  window.addEventListener("pagehide", () => shown?.close());
  navigator.permissions?.query({ name: "notifications" }).then((status) => status.addEventListener("change", control));
  control();
})();
