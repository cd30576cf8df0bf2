// The live channel of one lot: connects, keeps its place over lost connections, and never lets a price fall in an epoch.

const FINAL_CODES = new Set([1000, 4500, 4501, 4502, 4504]);
const SYNC_EVERY_MS = 20_000;
const SYNC_FIRST = [0, 250, 500, 1000];
const SILENT_MS = 45_000;

/**
 * Watches a lot. `on` holds handlers, all optional: state(facts), bid(frame), event(frame), you(frame),
 * connection("live" | "connecting" | "lost" | "ended").
 */
export class LiveClient {
  #url;
  #lotId;
  #mode;
  #token;
  #clock;
  #on;
  #socket = null;
  #attempt = 0;
  #timers = new Set();
  #heardAt = 0;
  #closed = false;
  state = null;

  constructor({ url, lotId, mode = "feed", token, clock, on }) {
    this.#url = url;
    this.#lotId = lotId;
    this.#mode = mode;
    this.#token = token;
    this.#clock = clock;
    this.#on = on;
  }

  /** `token` may be a function that fetches one: it is asked at each connection. */
  async start() {
    if (this.#closed) return;
    this.#on.connection?.(this.#attempt === 0 ? "connecting" : "lost");
    let token;
    try {
      token = await this.#token?.();
    } catch {
      token = undefined;
    }
    if (this.#closed) return;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#heardAt = Date.now();
      const sub = { type: "sub", lot_id: this.#lotId, mode: this.#mode };
      if (token) sub.token = token;
      if (this.state) Object.assign(sub, { epoch: this.state.epoch, seq: this.state.seq });
      socket.send(JSON.stringify(sub));
      for (const wait of SYNC_FIRST) this.#later(wait, () => this.#sync(socket));
      this.#every(SYNC_EVERY_MS, () => this.#sync(socket));
      this.#every(5000, () => {
        if (Date.now() - this.#heardAt > SILENT_MS) socket.close(4000);
      });
    };
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = (event) => this.#lost(event.code);
  }

  stop() {
    this.#closed = true;
    this.#clearTimers();
    this.#socket?.close(1000);
  }

  #lost(code) {
    this.#clearTimers();
    if (this.#closed) return;
    if (FINAL_CODES.has(code)) {
      this.#on.connection?.("ended");
      return;
    }
    this.#on.connection?.("lost");
    // full jitter: a country that reconnects at once does not come back in one wave
    const cap = Math.min(15_000, 300 * 2 ** this.#attempt);
    this.#attempt += 1;
    setTimeout(() => this.start(), Math.random() * cap);
  }

  #sync(socket) {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "sync", c0: Date.now() }));
  }

  #receive(frame) {
    this.#heardAt = Date.now();
    if (frame.type !== "hello") {
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
