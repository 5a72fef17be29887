// The phones a page may have, all with one interface, which is all that `Softphone` knows:
//   connect(params)  a promise, kept once the phone has joined; rejected with a reason people understand
//   mute(on)         at once, here; that the others hear nothing is also told to the server
//   digits(keys)     tones for whoever listens
//   release()        another tab has the phone now; no call goes on here
// `texts` are the page's words, translated by the server.
"use strict";

class NoPhone {
  constructor({ texts }) {
    this.texts = texts;
  }

  async connect() {
    throw new Error(this.texts.textNone);
  }

  mute() {}

  digits() {}

  release() {}
}

// A simulated phone: the simulator makes the leg a browser would make, and asks our TwiML App what to do with it.
class SimPhone {
  constructor({ texts }) {
    this.texts = texts;
    this.base = `${texts.simulator}/_simulator`;
    this.call = "";
  }

  async connect(params) {
    const url = `${this.base}/devices/${encodeURIComponent(this.texts.identity)}/connect`;
    const answer = await this.post(url, params);
    this.call = (await answer.json().catch(() => ({}))).call_sid ?? "";
  }

  mute() {} // nobody speaks into it

  digits(keys) {
    if (this.call) this.post(`${this.base}/calls/${this.call}/digits`, { digits: keys }).catch(() => {});
  }

  release() {} // it is signed in nowhere

  async post(url, fields) {
    let answer;
    try {
      answer = await fetch(url, { method: "POST", body: new URLSearchParams(fields), signal: AbortSignal.timeout(5000) });
    } catch {
      throw new Error(this.texts.textUnanswered.replace("%s", url));
    }
    if (!answer.ok) throw new Error(this.texts.textRefused.replace("%s", answer.status));
    return answer;
  }
}

// Twilio's Voice SDK. It settles no promise while the network is gone, so every wait here has an end of its own; and it
// would fetch its sounds from Twilio, so it gets ours, which is silence: the desk says what goes on.
const NETWORK = [31000, 31005, 31009, 53000, 53001]; // signalling that was closed, or did not come about

class TwilioPhone {
  constructor({ texts, patience = 10_000 }) {
    this.texts = texts;
    this.patience = patience;
    this.device = null;
    this.call = null;
    this.trouble = "";
  }

  async connect(params) {
    const device = await this.ready();
    const begun = device.connect({ params });
    try {
      this.call = await this.inTime(begun);
      await this.inTime(
        new Promise((resolve, reject) => {
          this.call.once("accept", resolve);
          this.call.once("error", reject);
          this.call.once("disconnect", () => reject(new Error(this.texts.textElsewhere)));
        }),
      );
    } catch (error) {
      this.call = null;
      begun.then((call) => call.disconnect(), () => {}); // now, or when it comes after all
      this.discard();
      throw error;
    }
    this.call.once("disconnect", () => (this.call = null));
  }

  mute(on) {
    this.call?.mute(on);
  }

  digits(keys) {
    this.call?.sendDigits(keys);
  }

  release() {
    if (this.device) this.discard();
  }

  // Of the network `inTime` says more than the SDK does.
  remember({ code, message }) {
    if (!NETWORK.includes(code)) this.trouble = message;
  }

  async renew() {
    this.device.updateToken(await this.token());
  }

  // What it signed in with may have run out while nothing was renewed.
  async enter() {
    if (!this.isNew) await this.renew();
    this.isNew = false;
    await this.device.register();
  }

  // The device, made at the first click: before one a browser lets no page play or record.
  async ready() {
    this.trouble = "";
    if (!this.device) {
      const device = new Twilio.Device(await this.token(), {
        allowIncomingWhileBusy: false,
        closeProtection: true,
        edge: this.texts.edge,
        sounds: this.sounds(),
        tokenRefreshMs: 60_000,
      });
      device.on("tokenWillExpire", () => this.renew().catch(() => {})); // with the next call, then: `enter`
      device.on("error", (error) => this.remember(error)); // it tries again by itself; we say why in the end
      this.device = device;
      this.isNew = true;
    }
    if (this.device.state !== "registered") {
      try {
        await this.inTime(this.device.state === "registering" ? this.registered() : this.enter());
      } catch (error) {
        this.discard();
        throw error;
      }
    }
    return this.device;
  }

  // It would go on trying, and make no second call while it waits for the first: the next click makes a new one.
  discard() {
    this.device.destroy();
    this.device = null;
  }

  registered() {
    return new Promise((resolve) => this.device.once("registered", resolve));
  }

  async token() {
    const csrf = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
    const request = { method: "POST", headers: { "X-CSRFToken": csrf }, signal: AbortSignal.timeout(5000) };
    const answer = await fetch(this.texts.token, request);
    const said = await answer.json().catch(() => ({}));
    if (!said.token) throw new Error(this.texts.textUnsigned.replace("%s", said.message ?? answer.status));
    return said.token;
  }

  sounds() {
    const names = ["disconnect", "incoming", "outgoing", "dtmfs", "dtmfh", ...Array.from("0123456789", (key) => `dtmf${key}`)];
    return Object.fromEntries(names.map((name) => [name, this.texts.sound]));
  }

  inTime(promise) {
    const seconds = Math.round(this.patience / 1000);
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(this.trouble || this.texts.textSilent.replace("%s", seconds))), this.patience);
    });
    return Promise.race([promise, late]);
  }
}
