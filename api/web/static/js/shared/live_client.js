// The live channel of one lot: connects, keeps its place over lost connections, and never lets a price fall in an epoch.

const FINAL_CODES = new Set([1000, 4500, 4501, 4502, 4504]);
const SYNC_EVERY_MS = 20_000;
const SYNC_FIRST = [0, 250, 500, 1000];
const OPENED_WITHIN_MS = 8000;
const LOOK_EVERY_MS = 500;
/** Well within the two minutes that a token for the channel lives. */
const RENEW_EVERY_MS = 75_000;
/** How long an answer to a bid is waited for; then it goes another way, under the same key. */
const ANSWERED_WITHIN_MS = 3000;

/**
 * Watches a lot. `on` holds handlers, all optional: state(facts), bid(frame), event(frame), you(frame),
 * connection("live" | "connecting" | "lost" | "ended"). A channel that says nothing for `silentMs`, half of it after it
 * was asked for an answer, is lost; so is one on a machine that went offline. Lost sockets are abandoned, not waited for.
 */
export class LiveClient {
  #url;
  #lotId;
  #mode;
  #token;
  #clock;
  #on;
  #silentMs;
  #socket = null;
  #attempt = 0;
  #timers = new Set();
  #retry = null;
  #heardAt = 0;
  #askedAt = null;
  #closed = false;
  #listening = new AbortController();
  #isSignedIn = false;
  #placed = new Map();
  state = null;

  constructor({ url, lotId, mode = "feed", token, clock, silentMs = 45_000, on }) {
    this.#url = url;
    this.#lotId = lotId;
    this.#mode = mode;
    this.#token = token;
    this.#clock = clock;
    this.#silentMs = silentMs;
    this.#on = on;
    const { signal } = this.#listening;
    globalThis.addEventListener?.("offline", () => this.#abandon(), { signal });
    globalThis.addEventListener?.("online", () => this.#startAgain(), { signal });
    document.addEventListener("visibilitychange", () => this.#shownAgain(), { signal });
  }

  /** `token` may be a function that fetches one: it is asked at each connection. */
  async start() {
    if (this.#closed) return;
    this.#on.connection?.(this.#attempt === 0 && globalThis.navigator?.onLine !== false ? "connecting" : "lost");
    let token;
    try {
      token = await this.#token?.();
    } catch {
      token = undefined;
    }
    if (this.#closed || this.#socket) return;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#later(OPENED_WITHIN_MS, () => socket.readyState === 0 && this.#abandon());
    socket.onopen = () => {
      this.#heardAt = Date.now();
      this.#askedAt = null;
      this.#subscribe(socket, token);
      if (token) this.#every(RENEW_EVERY_MS, () => this.#renew(socket));
      for (const wait of SYNC_FIRST) this.#later(wait, () => this.#sync(socket));
      this.#every(SYNC_EVERY_MS, () => this.#sync(socket));
      this.#every(LOOK_EVERY_MS, () => this.#look(socket));
    };
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  #subscribe(socket, token) {
    const sub = { type: "sub", lot_id: this.#lotId, mode: this.#mode };
    if (token) sub.token = token;
    if (this.state) Object.assign(sub, { epoch: this.state.epoch, seq: this.state.seq });
    socket.send(JSON.stringify(sub));
    this.#isSignedIn = Boolean(token);
  }

  /** Stay signed in: a new token, from where the channel is. */
  async #renew(socket) {
    try {
      const token = await this.#token();
      if (token && this.#socket === socket && socket.readyState === 1) this.#subscribe(socket, token);
    } catch {
      // the channel goes on without: bids go by HTTP then
    }
  }

  /**
   * Send a bid under a key: gives the answer's `status` and `body`, or null where none came, and the same bid may go
   * another way under the same key.
   */
  place({ key, offer }) {
    const socket = this.#socket;
    if (socket?.readyState !== 1 || !this.#isSignedIn) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(key, null), ANSWERED_WITHIN_MS);
      this.#placed.set(key, { resolve, timer });
      socket.send(JSON.stringify({ type: "place", lot_id: this.#lotId, key, ...offer }));
    });
  }

  #answer(key, answer) {
    const waiting = this.#placed.get(key);
    if (!waiting) return;
    this.#placed.delete(key);
    clearTimeout(waiting.timer);
    waiting.resolve(answer);
  }

  stop() {
    this.#closed = true;
    this.#listening.abort();
    this.#clearTimers();
    clearTimeout(this.#retry);
    this.#unanswered();
    this.#socket?.close(1000);
  }

  /** Ask a silent channel for an answer; one that gives none is lost. Slow timers of a hidden page lose nothing. */
  #look(socket) {
    const now = Date.now();
    const patience = this.#silentMs / 2;
    if (this.#askedAt !== null) {
      if (now - this.#askedAt >= patience) this.#abandon();
    } else if (now - this.#heardAt >= patience) {
      this.#askedAt = now;
      this.#sync(socket);
    }
  }

  /** Give a connection up without waiting for its end, which on a dead network takes a minute, and try anew. */
  #abandon() {
    const socket = this.#socket;
    if (this.#closed || !socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(4000);
    this.#lost(4000);
  }

  /** Connect at once: the network is back. */
  #startAgain() {
    if (this.#closed) return;
    this.#abandon();
    clearTimeout(this.#retry);
    this.start();
  }

  /** The page is seen again: what was shown may be old where nothing was heard meanwhile. */
  #shownAgain() {
    if (!document.hidden && this.#socket?.readyState === 1 && Date.now() - this.#heardAt >= this.#silentMs)
      this.#startAgain();
  }

  #unanswered() {
    for (const key of [...this.#placed.keys()]) this.#answer(key, null);
  }

  #lost(code) {
    this.#socket = null;
    this.#clearTimers();
    this.#unanswered();
    if (this.#closed) return;
    if (FINAL_CODES.has(code)) {
      this.#closed = true;
      this.#listening.abort();
      this.#on.connection?.("ended");
      return;
    }
    this.#on.connection?.("lost");
    // full jitter: a country that reconnects at once does not come back in one wave
    const cap = Math.min(15_000, 300 * 2 ** this.#attempt);
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), Math.random() * cap);
  }

  #sync(socket) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "sync", c0: Date.now() }));
  }

  #receive(frame) {
    this.#heardAt = Date.now();
    this.#askedAt = null;
    // the clock's answers say nothing of the lot: what is shown is known to be new once the lot itself was heard of
    if (!["hello", "synced", "placed", "refused"].includes(frame.type)) {
      this.#attempt = 0;
      this.#on.connection?.("live");
    }
    switch (frame.type) {
      case "hello":
        this.#clock.guess(frame.now_ms);
        break;
      case "snap":
        this.#take(frame);
        this.#on.snap?.(frame);
        break;
      case "tick":
        this.#take(frame);
        break;
      case "bid":
        this.#on.bid?.(frame);
        break;
      case "you":
        this.#on.you?.(frame);
        break;
      case "synced":
        this.#clock.sample(frame.c0, frame.s1, frame.s2, Date.now());
        break;
      case "placed":
      case "refused":
        this.#answer(frame.key, { status: frame.status, body: frame.body });
        break;
      case "hb":
        break;
      default:
        this.#on.event?.(frame);
    }
  }

  /** The newest state wins; an older one, or a lower price of the same epoch, is never shown. */
  #take(frame) {
    const known = this.state;
    if (known && (frame.epoch < known.epoch || (frame.epoch === known.epoch && frame.seq < known.seq))) return;
    this.state = frame;
    this.#on.state?.(frame);
  }

  #later(ms, what) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      what();
    }, ms);
    this.#timers.add(timer);
  }

  #every(ms, what) {
    const again = () => {
      what();
      this.#later(ms, again);
    };
    this.#later(ms, again);
  }

  #clearTimers() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
