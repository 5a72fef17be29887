// The agent's phone in this browser. `Softphone` is the one interface the desk knows; a driver is any object with
// `connect(reservation)`, a promise that is rejected with a reason people understand.
"use strict";

class SimPhone {
  // A simulated phone: the simulator makes the leg a browser would make, and asks our TwiML App what to do with it.
  constructor(simulator, identity) {
    this.url = `${simulator}/_simulator/devices/${encodeURIComponent(identity)}/connect`;
  }

  async connect(reservation) {
    let answer;
    try {
      const body = new URLSearchParams({ reservation });
      answer = await fetch(this.url, { method: "POST", body, signal: AbortSignal.timeout(5000) });
    } catch {
      throw new Error(`nothing answers at ${this.url}`);
    }
    if (!answer.ok) throw new Error(`the simulator refused (${answer.status})`);
  }
}

class NoPhone {
  async connect() {
    throw new Error("this desk has none");
  }
}

class Softphone {
  // state: idle, connecting, joined or failed; every change is an event "softphone" on the document.
  constructor(driver) {
    this.driver = driver;
    this.change("idle");
  }

  change(state, text = "") {
    Object.assign(this, { state, text });
    document.dispatchEvent(new CustomEvent("softphone", { detail: { state, text } }));
  }

  async join(reservation) {
    if (this.state === "connecting") return;
    this.change("connecting", "Connecting your phone…");
    try {
      await this.driver.connect(reservation);
      this.change("joined", "Your phone has joined. The caller is being put through…");
    } catch (error) {
      const later = "Unless it joins soon, the caller goes back in line.";
      this.change("failed", `Your phone could not connect: ${error.message}. ${later}`);
    }
  }
}

(() => {
  const { identity, simulator } = document.getElementById("phone").dataset;
  const phone = new Softphone(simulator ? new SimPhone(simulator, identity) : new NoPhone());
  let accepted = null; // the offer taken in this tab: a second tab, or a reload, must not make a second leg

  function show() {
    const says = document.getElementById("phone-says");
    if (!says) return;
    const connected = says.dataset.connected === "yes";
    const stuck = !connected && (phone.state === "idle" || phone.state === "failed");
    says.textContent = connected ? "Your phone is connected." : phone.text || "Your phone is not connected in this tab.";
    says.classList.toggle("trouble", stuck);
    document.getElementById("phone-again").hidden = !stuck;
  }

  document.addEventListener("submit", (event) => {
    accepted = event.target.dataset.accept ?? accepted;
  });

  document.addEventListener("click", (event) => {
    if (event.target.id === "phone-again") phone.join(document.getElementById("desk").dataset.reservation);
  });

  document.addEventListener("htmx:load", () => {
    const desk = document.getElementById("desk").dataset;
    if (desk.phase !== "call") {
      if (phone.state !== "idle") phone.change("idle");
    } else if (accepted === desk.reservation) {
      accepted = null;
      phone.join(desk.reservation);
    }
    show();
  });

  document.addEventListener("softphone", show);
})();
