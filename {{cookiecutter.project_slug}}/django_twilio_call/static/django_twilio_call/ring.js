// An offer rings: two short tones, every two seconds while it is shown. The sound is one loop, because the browser slows
// down the timers of a tab in the background; and it begins only in a tab that somebody has touched, as browsers want it.
"use strict";

(() => {
  const SECONDS = 2;
  const RATE = 44_100;
  const TONES = [
    { at: 0, pitch: 659 },
    { at: RATE / 5, pitch: 880 },
  ];
  const button = document.getElementById("ring");
  let audio = null;
  let playing = null;
  let woken = false; // by a press of the button: that is no wish for silence
  const words = button.textContent;

  const isWanted = () => localStorage.getItem("ring") !== "off";
  const isMute = () => isWanted() && audio === null;
  const isOffered = () => document.getElementById("desk").dataset.phase === "offer";
  const isOurs = () => document.documentElement.dataset.phone === "here"; // or every tab would ring

  function melody() {
    const buffer = new AudioBuffer({ length: SECONDS * RATE, sampleRate: RATE });
    const samples = buffer.getChannelData(0);
    for (const { at, pitch } of TONES) {
      for (let i = 0; i < RATE / 4; i++) {
        const seconds = i / RATE;
        const loud = 0.2 * Math.min(1, seconds * 200) * Math.exp(-seconds * 12); // struck, not switched: that would click
        samples[at + i] += loud * Math.sin(2 * Math.PI * pitch * seconds);
      }
    }
    return buffer;
  }

  function show() {
    const rings = audio !== null && isWanted() && isOffered() && isOurs();
    if (rings && !playing) {
      playing = new AudioBufferSourceNode(audio, { buffer: melody(), loop: true });
      playing.connect(audio.destination);
      playing.start();
      audio.resume();
    } else if (!rings && playing) {
      playing.stop();
      playing = null;
    }
    if (!rings) audio?.suspend(); // the loudspeaker is not kept awake for silence
    button.textContent = isMute() ? button.dataset.textMute : words;
    button.setAttribute("aria-pressed", isWanted() && !isMute());
    button.dataset.wanted = isWanted() ? "yes" : "no";
    button.dataset.rings = rings ? "yes" : "no";
  }

  function touched({ target }) {
    woken = isMute() && target === button;
    audio ??= new AudioContext();
    show();
  }

  button.addEventListener("click", (event) => {
    if (isMute()) touched(event); // a click that no pointer and no key made
    if (!woken) localStorage.setItem("ring", isWanted() ? "off" : "on");
    woken = false;
    show();
  });
  for (const gesture of ["pointerup", "keydown"]) document.addEventListener(gesture, touched);
  for (const change of ["htmx:load", "phonetab"]) document.addEventListener(change, show);
  show();
})();
