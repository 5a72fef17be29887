// One tab of a browser has the phone. A lock of the browser's decides which: when that tab is closed or crashes, the
// next in line has it, with no timer that a hidden tab would be late with. The lock also keeps the tab from freezing.
"use strict";

class PhoneTab {
  // where: here, elsewhere, or "" until it is known. `data-phone` on the page's root says it, an event "phonetab" too.
  constructor({ name, isBusy, patience = 1500 }) {
    Object.assign(this, { name, isBusy, patience, where: "", answered: () => {} });
    this.hadIt = sessionStorage.getItem(name) !== null; // this tab, before somebody reloaded it
    if (!navigator.locks) {
      this.change("here");
      return;
    }
    this.id = crypto.randomUUID();
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = (event) => this.hear(event.data);
    this.stand({ ifAvailable: true });
  }

  change(where) {
    if (where === this.where) return;
    const before = this.where;
    this.where = where;
    if (where === "here") sessionStorage.setItem(this.name, where);
    else sessionStorage.removeItem(this.name);
    document.documentElement.dataset.phone = where;
    document.dispatchEvent(new CustomEvent("phonetab", { detail: { where, before } }));
  }

  // Has the lock as long as it may, then waits in line for it again.
  async stand(options) {
    try {
      await navigator.locks.request(this.name, options, (lock) => lock && this.hold());
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      if (options.signal?.aborted) return; // it left the line, to go before the others
    }
    this.change("elsewhere");
    this.line = new AbortController();
    this.stand({ signal: this.line.signal });
  }

  hold() {
    this.change("here");
    return new Promise((resolve) => (this.letGo = resolve));
  }

  take() {
    if (this.where === "here") return; // it was the next in line
    this.line.abort();
    this.stand({ steal: true });
  }

  // Asks the tab that has the phone, which alone knows whether it talks; answers free, busy or silent.
  ask() {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.channel.postMessage({ from: this.id });
      setTimeout(() => resolve("silent"), this.patience);
    });
  }

  hear({ from, to, answer }) {
    if (to === this.id) this.answered(answer);
    if (!from || this.where !== "here") return;
    const busy = this.isBusy();
    this.channel.postMessage({ to: from, answer: busy ? "busy" : "free" });
    if (busy) return;
    this.change("elsewhere"); // at once: nothing is accepted here any more
    this.letGo();
  }
}
