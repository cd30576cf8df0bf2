// Sound and vibration for who asked for them: when they are outbid, and in the last seconds of an open lot.

const LAST_SECONDS = 10;
const KEPT = "auction-alerts";
const OUTBID = { tones: [660, 440], seconds: 0.18, vibration: [200, 100, 200] };
const LAST_SECOND = { tones: [880], seconds: 0.06, vibration: [60] };

/** `box` is the checkbox that asks; `now` gives the ledger's time in ms; the last two are the browser's own. */
export class Alerts {
  #box;
  #now;
  #store;
  #play;
  #endsAtMs = null;
  #said = null;

  constructor({ box, now, store = localStorage, play = playAlert }) {
    this.#box = box;
    this.#now = now;
    this.#store = store;
    this.#play = play;
    box.checked = recall(store) === "on";
    box.addEventListener("change", () => this.#changed());
  }

  /** Take the newest facts: `status`, `ends_at_ms`. */
  show({ status, ends_at_ms: endsAtMs }) {
    this.#endsAtMs = status === "open" ? endsAtMs : null;
  }

  /** Somebody went higher than the viewer. */
  outbid() {
    if (this.#box.checked) this.#play(OUTBID);
  }

  /** The clock moved: each of the last seconds is told once. */
  tick() {
    if (this.#endsAtMs === null || !this.#box.checked) return;
    const left = Math.ceil((this.#endsAtMs - this.#now()) / 1000);
    const second = `${this.#endsAtMs} ${left}`;
    if (left < 1 || left > LAST_SECONDS || second === this.#said) return;
    this.#said = second;
    this.#play(LAST_SECOND);
  }

  #changed() {
    try {
      this.#store.setItem(KEPT, this.#box.checked ? "on" : "off");
    } catch {
      // it is kept for this visit alone
    }
    // at once, so that whoever asks hears what they asked for
    if (this.#box.checked) this.#play(OUTBID);
  }
}

function recall(store) {
  try {
    return store.getItem(KEPT);
  } catch {
    return null;
  }
}

let audio = null;

/** Play tones one after the other, and vibrate where the device can; a browser that forbids it plays nothing. */
function playAlert({ tones, seconds, vibration }) {
  navigator.vibrate?.(vibration);
  audio ??= new AudioContext();
  audio.resume().catch(() => {
    // it plays once the page has been touched
  });
  for (const [place, hertz] of tones.entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const begin = audio.currentTime + place * seconds;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.2, begin);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + seconds);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + seconds);
  }
}
