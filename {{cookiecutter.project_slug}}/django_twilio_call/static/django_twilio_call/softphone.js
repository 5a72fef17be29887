// Joins this browser's phone to the conversation the page shows, and says how that goes.
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
}

(() => {
  const texts = document.getElementById("phone").dataset;
  const Driver = texts.simulator ? SimPhone : texts.sdk ? TwilioPhone : NoPhone;
  const phone = new Softphone(new Driver({ texts }), texts);
  let wanted = null; // what was begun in this tab: a second tab, or a reload, must not make a second leg
  const host = () => document.getElementById("desk") ?? document.getElementById("supervise");
  const params = () => Object.fromEntries(new URLSearchParams(host().dataset.join));

  function show() {
    const says = document.getElementById("phone-says");
    if (!says) return;
    const connected = says.dataset.connected === "yes";
    const stuck = !connected && (phone.state === "idle" || phone.state === "failed");
    says.textContent = connected ? texts.textConnected : phone.text || texts.textElsewhere;
    says.classList.toggle("trouble", stuck);
    document.getElementById("phone-again").hidden = !stuck;
  }

  document.addEventListener("submit", (event) => {
    wanted = event.target.dataset.joins ?? wanted;
    if (event.target.dataset.mute !== undefined) phone.mute(event.target.dataset.mute === "1");
  });

  document.addEventListener("click", (event) => {
    if (event.target.id === "phone-again") phone.join(params());
    if (event.target.dataset?.digit) phone.digits(event.target.dataset.digit);
  });

  document.addEventListener("htmx:load", () => {
    const { join, phase } = host().dataset;
    if (!join || (phase && phase !== "call")) {
      if (phone.state !== "idle") phone.change("idle");
    } else if (wanted !== null && join.startsWith(wanted)) {
      wanted = null;
      phone.join(params());
    }
    show();
  });

  document.addEventListener("softphone", show);

  // Every tab shows the desk, one has the phone. The lock also keeps the browser from freezing that tab.
  navigator.locks?.request("console-phone", { ifAvailable: true }, (lock) => {
    document.getElementById("second-tab").hidden = lock !== null;
    return lock && new Promise(() => {});
  });
})();
