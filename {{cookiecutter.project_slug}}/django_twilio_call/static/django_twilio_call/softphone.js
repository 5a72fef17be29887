// Joins this browser's phone to the conversation the page shows, and says how that goes. In a tab without it, what
// needs a phone is disabled, in every fragment that comes, and a button brings the phone here.
"use strict";

class Softphone {
  // state: idle, connecting, joined or failed; every change is an event "softphone" on the document.
  constructor(driver, texts) {
    this.driver = driver;
    this.texts = texts;
    this.change("idle");
  }

  change(state, text = "") {
    Object.assign(this, { state, text });
    document.dispatchEvent(new CustomEvent("softphone", { detail: { state, text } }));
  }

  async join(params) {
    if (this.state === "connecting") return;
    this.change("connecting", this.texts.textConnecting);
    try {
      await this.driver.connect(params);
      this.change("joined", this.texts.textJoined);
    } catch (error) {
      this.change("failed", `${this.texts.textFailed.replace("%s", error.message)} ${this.texts.textSoon}`);
    }
  }

  mute(on) {
    this.driver.mute(on);
  }

  digits(keys) {
    this.driver.digits(keys);
  }

  get isBusy() {
    return this.state === "connecting" || this.state === "joined";
  }

  release() {
    if (!this.isBusy) this.driver.release();
  }
}

(() => {
  const NEED_PHONE = "[data-joins] button, [data-digit], #phone-again";
  const texts = document.getElementById("phone").dataset;
  const Driver = texts.simulator ? SimPhone : texts.sdk ? TwilioPhone : NoPhone;
  const phone = new Softphone(new Driver({ texts }), texts);
  let wanted = null; // what was begun in this tab: a second tab, or a reload, must not make a second leg
  const host = () => document.getElementById("desk") ?? document.getElementById("supervise");
  const second = document.getElementById("second-tab");
  const reason = document.getElementById("phone-elsewhere");
  const refused = document.getElementById("second-tab-says");
  const says = document.getElementById("phone-says");
  const signedOut = document.getElementById("signed-out");
  const tab = new PhoneTab({
    name: `console-phone-${texts.identity}`,
    isBusy: () => wanted !== null || phone.isBusy,
  });
  const isElsewhere = () => tab.where === "elsewhere";
  const say = (text) => document.dispatchEvent(new CustomEvent("say", { detail: text }));
  const inCall = () => host().dataset.join && ["call", undefined].includes(host().dataset.phase);
  const params = () => Object.fromEntries(new URLSearchParams(host().dataset.join));

  function show() {
    const { connected } = host().dataset; // in a call: yes or no
    const stuck = connected === "no" && !isElsewhere() && !phone.isBusy;
    const text = connected === "yes" ? texts.textConnected : connected ? phone.text || texts.textElsewhere : "";
    if (says.textContent !== text) says.textContent = text; // or it would be read out again
    says.classList.toggle("trouble", stuck);
    const again = document.getElementById("phone-again");
    if (again) again.hidden = !stuck;
  }

  // They keep the focus, and so are found and read with the reason, as a button with `disabled` is not.
  function showTab() {
    second.hidden = !isElsewhere();
    for (const button of document.querySelectorAll(NEED_PHONE)) {
      if (isElsewhere()) {
        button.setAttribute("aria-disabled", "true");
        button.setAttribute("aria-describedby", reason.id);
      } else {
        button.removeAttribute("aria-disabled");
        button.removeAttribute("aria-describedby");
      }
    }
  }

  async function useTab() {
    refused.textContent = "";
    const answer = await tab.ask();
    // Who does not answer hangs. The phone is then taken only where the server knows of no call either.
    if (answer === "free" || (answer === "silent" && !inCall())) tab.take();
    else if (isElsewhere()) refused.textContent = answer === "busy" ? texts.textBusy : texts.textHangs;
  }

  // Before htmx sees it. Enter and a click from a script come here as well.
  function refuse(event) {
    const { type, target } = event;
    const needs = type === "submit" ? target.dataset.joins !== undefined : target.closest?.(NEED_PHONE);
    if (!needs || !isElsewhere()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    say(reason.textContent);
  }

  document.addEventListener("submit", refuse, true);
  document.addEventListener("click", refuse, true);
  document.getElementById("use-tab").addEventListener("click", useTab);

  document.addEventListener("phonetab", (event) => {
    const { where, before } = event.detail;
    const focused = second.contains(document.activeElement);
    showTab();
    show();
    if (where === "elsewhere") {
      say(reason.textContent);
      if (before === "here") phone.release();
      else if (tab.hadIt) useTab();
    } else if (before) {
      say(texts.textHere);
    }
    refused.textContent = "";
    if (focused && where === "here") (host().querySelector("[data-first]") ?? host().querySelector("h2")).focus();
  });

  // At once when it is pressed; then as the server says, which the desk shows, whatever was pressed.
  const muteAsShown = () => phone.mute(host().dataset.muted !== undefined);

  document.addEventListener("submit", (event) => {
    wanted = event.target.dataset.joins ?? wanted;
    if (event.target.dataset.mute !== undefined) phone.mute(event.target.dataset.mute === "1");
  });

  document.addEventListener("click", (event) => {
    if (event.target.id === "phone-again") phone.join(params());
    if (event.target.dataset?.digit) phone.digits(event.target.dataset.digit);
  });

  document.addEventListener("htmx:load", showTab, true); // before the focus goes to what is new
  document.addEventListener("htmx:load", (event) => {
    const { join } = host().dataset;
    if (event.target === host()) {
      muteAsShown();
      if (!join?.startsWith(wanted)) wanted = null; // refused, or gone
    }
    if (!inCall()) {
      if (phone.state !== "idle") phone.change("idle");
      refused.textContent = "";
    } else if (wanted !== null && join.startsWith(wanted)) {
      wanted = null;
      phone.join(params());
    }
    show();
  });

  for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(trouble, muteAsShown);
  }

  // Whoever has no session any more gets the whole page anew, and would lose the call with it. During one they are told
  // instead; signed in again, elsewhere, they get a desk whose forms are of the new session.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr } = event.detail;
    const isOut = xhr.getResponseHeader("HX-Refresh") !== null;
    if (isOut && inCall()) {
      event.preventDefault();
      muteAsShown();
      signedOut.hidden = false;
    } else if (!signedOut.hidden && event.target === host() && [200, 204].includes(xhr.status)) {
      signedOut.hidden = true;
      const [address] = host().getAttribute("hx-get").split("?");
      if (xhr.status === 204) htmx.ajax("GET", address, { target: host(), swap: "outerHTML" });
    }
  });

  document.addEventListener("softphone", (event) => {
    if (event.detail.state === "joined") muteAsShown(); // a new leg of who was muted before
    show();
  });
  // From the browser's cache of pages seen before: it has no lock any more.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
})();
