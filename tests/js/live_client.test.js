// The live channel of one lot as a page follows it: order, resume, reconnection and the clock.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { LiveClient } from "../../api/web/static/js/shared/live_client.js";

const NOW_MS = 1_000_000;

/** A socket that is opened, fed and closed by the test. */
class FakeSocket {
  static OPEN = 1;
  static made = [];
  readyState = 0;
  sent = [];
  closedWith = null;

  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  open() {
    this.readyState = FakeSocket.OPEN;
    this.onopen();
  }

  receive(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  drop(code) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

let browser;

const newest = () => FakeSocket.made.at(-1);
const state = (epoch, seq, price) => ({ type: "tick", lot_id: "launch-001", epoch, seq, price_fen: price });

/** A client with everything it tells written down. */
function followed(options = {}) {
  const told = { states: [], bids: [], events: [], you: [], snaps: 0, connections: [] };
  const clock = {
    guesses: [],
    samples: [],
    guess: (ms) => clock.guesses.push(ms),
    sample: (...s) => clock.samples.push(s),
  };
  const client = new LiveClient({
    url: "ws://127.0.0.1/live",
    lotId: "launch-001",
    clock,
    ...options,
    on: {
      state: ({ epoch, seq, price_fen: price }) => told.states.push([epoch, seq, price]),
      snap: () => {
        told.snaps += 1;
      },
      bid: ({ seq }) => told.bids.push(seq),
      event: ({ type }) => told.events.push(type),
      you: ({ leading }) => told.you.push(leading),
      connection: (name) => told.connections.push(name),
    },
  });
  return { client, told, clock };
}

beforeEach(() => {
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW_MS });
  FakeSocket.made = [];
  globalThis.WebSocket = FakeSocket;
  browser = new EventTarget();
  globalThis.addEventListener = browser.addEventListener.bind(browser);
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true, writable: true });
});

test("the first frame subscribes, with a token where one is to be had", async () => {
  const { client } = followed({ mode: "state", token: async () => "a token" });
  await client.start();
  newest().open();
  assert.deepEqual(newest().sent, [{ type: "sub", lot_id: "launch-001", mode: "state", token: "a token" }]);
});

test("a token that cannot be had does not keep anybody from watching", async () => {
  const { client } = followed({ token: async () => Promise.reject(new Error("signed out")) });
  await client.start();
  newest().open();
  assert.deepEqual(newest().sent, [{ type: "sub", lot_id: "launch-001", mode: "feed" }]);
});

test("neither an older state nor a lower price of the same epoch is shown; a higher epoch is", async () => {
  const { client, told } = followed();
  await client.start();
  newest().open();
  for (const frame of [state(1, 3, 300), state(1, 2, 200), state(1, 3, 300), state(2, 1, 100), state(1, 9, 900)]) {
    newest().receive(frame);
  }
  assert.deepEqual(told.states, [
    [1, 3, 300],
    [1, 3, 300],
    [2, 1, 100],
  ]);
});

test("each kind of frame goes to its handler", async () => {
  const { client, told, clock } = followed();
  await client.start();
  newest().open();
  newest().receive({ type: "hello", v: 1, now_ms: 5, ping_ms: 20_000 });
  newest().receive({ ...state(1, 1, 100), type: "snap" });
  newest().receive({ type: "bid", seq: 2, prev_seq: 1, paddle: 1, amount_fen: 200, at_ms: 6 });
  newest().receive({ type: "extended", seq: 2, ends_at_ms: 9 });
  newest().receive({ type: "you", leading: true, paddle: 1, limit_fen: null });
  newest().receive({ type: "synced", c0: NOW_MS - 40, s1: 7, s2: 8 });
  newest().receive({ type: "hb", now_ms: 9, seq: 2 });
  assert.deepEqual([told.snaps, told.bids, told.events, told.you], [1, [2], ["extended"], [true]]);
  assert.deepEqual(clock.guesses, [5]);
  assert.deepEqual(clock.samples, [[NOW_MS - 40, 7, 8, NOW_MS]]);
});

test("after a lost connection it comes back to where it was, with a fresh token", async () => {
  const tokens = ["token 1", "token 2"];
  const { client, told } = followed({ token: async () => tokens.shift() });
  await client.start();
  newest().open();
  newest().receive(state(3, 17, 1700));
  mock.method(Math, "random", () => 0.5);
  newest().drop(1006);
  assert.equal(FakeSocket.made.length, 1);
  mock.timers.tick(150);
  await settled();
  assert.equal(FakeSocket.made.length, 2);
  newest().open();
  assert.deepEqual(newest().sent, [
    { type: "sub", lot_id: "launch-001", mode: "feed", token: "token 2", epoch: 3, seq: 17 },
  ]);
  assert.deepEqual(told.connections, ["connecting", "live", "lost", "lost"]);
});

test("each failed attempt doubles the longest wait, up to fifteen seconds, and a frame starts it over", async () => {
  const { client } = followed();
  mock.method(Math, "random", () => 1);
  await client.start();
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    newest().drop(1006);
    waits.push(await waitForAnother());
  }
  assert.deepEqual(waits, [300, 600, 1200, 2400, 4800, 9600, 15_000, 15_000]);
  newest().open();
  newest().receive({ type: "hb", now_ms: 1, seq: 1 });
  newest().drop(1012);
  assert.equal(await waitForAnother(), 300);
});

test("a code that is final ends it for good", async () => {
  for (const code of [1000, 4500, 4501, 4502, 4504]) {
    const { client, told } = followed();
    await client.start();
    newest().open();
    const before = FakeSocket.made.length;
    newest().drop(code);
    mock.timers.tick(60_000);
    await settled();
    assert.equal(FakeSocket.made.length, before, String(code));
    assert.equal(told.connections.at(-1), "ended");
  }
});

test("a code that asks for another try is followed by one", async () => {
  for (const code of [1001, 1006, 1012, 4000, 4008, 4012, 4013]) {
    const { client, told } = followed();
    await client.start();
    newest().open();
    const before = FakeSocket.made.length;
    newest().drop(code);
    mock.timers.tick(60_000);
    await settled();
    assert.equal(FakeSocket.made.length, before + 1, String(code));
    assert.equal(told.connections.includes("ended"), false);
    client.stop();
  }
});

test("it asks for the ledger's time at once, a few times more in the first second, and then every twenty seconds", async () => {
  const { client } = followed();
  await client.start();
  newest().open();
  const sent = () =>
    newest()
      .sent.filter((frame) => frame.type === "sync")
      .map((frame) => frame.c0 - NOW_MS);
  mock.timers.tick(0);
  assert.deepEqual(sent(), [0]);
  for (let n = 0; n < 1000; n += 1) mock.timers.tick(1);
  assert.deepEqual(sent(), [0, 250, 500, 1000]);
  for (let n = 0; n < 40; n += 1) {
    mock.timers.tick(1000);
    newest().receive({ type: "hb", now_ms: 1, seq: 1 });
  }
  assert.deepEqual(sent(), [0, 250, 500, 1000, 20_000, 40_000]);
});

/** So many seconds in steps of the clock that the client looks at. */
function pass(seconds) {
  for (let n = 0; n < seconds * 10; n += 1) mock.timers.tick(100);
}

test("a channel that says nothing for as long as it may is asked for an answer, and lost where it gives none", async () => {
  const { client, told } = followed({ silentMs: 5000 });
  await client.start();
  newest().open();
  newest().receive(state(1, 1, 100));
  const socket = newest();
  pass(2);
  const asked = () => socket.sent.filter((frame) => frame.type === "sync").length;
  const before = asked();
  pass(1);
  assert.equal(asked(), before + 1);
  pass(1.9);
  assert.deepEqual([socket.closedWith, told.connections.at(-1)], [null, "live"]);
  pass(0.6);
  assert.deepEqual([socket.closedWith, told.connections.at(-1)], [4000, "lost"]);
});

test("a quiet lot is no lost one: each answer counts", async () => {
  const { client, told } = followed({ silentMs: 5000 });
  await client.start();
  newest().open();
  newest().receive(state(1, 1, 100));
  for (let n = 0; n < 30; n += 1) {
    pass(1);
    const { c0 } = newest().sent.findLast((frame) => frame.type === "sync");
    if (c0 > Date.now() - 1000) newest().receive({ type: "synced", c0, s1: 1, s2: 1 });
  }
  assert.equal(newest().closedWith, null);
  assert.equal(told.connections.includes("lost"), false);
});

test("who may wait is asked seldom: a watcher's channel is lost after three quarters of a minute", async () => {
  const { client } = followed();
  await client.start();
  newest().open();
  const socket = newest();
  mock.method(Math, "random", () => 1);
  pass(22);
  assert.equal(socket.sent.filter((frame) => frame.type === "sync").length, 5);
  pass(22);
  assert.equal(socket.closedWith, null);
  pass(2);
  assert.equal(socket.closedWith, 4000);
});

test("an answer about the clock alone does not say that what is shown is new", async () => {
  const { client, told } = followed();
  await client.start();
  newest().open();
  newest().receive({ type: "hello", now_ms: 1 });
  newest().receive({ type: "synced", c0: NOW_MS, s1: 1, s2: 1 });
  assert.deepEqual(told.connections, ["connecting"]);
  newest().receive(state(1, 1, 100));
  assert.deepEqual(told.connections, ["connecting", "live"]);
});

test("a machine that goes offline has lost the channel at once, and is back from where it was once it is online", async () => {
  const { client, told } = followed();
  await client.start();
  newest().open();
  newest().receive(state(2, 7, 700));
  const dead = newest();
  mock.method(Math, "random", () => 1);
  browser.dispatchEvent(new Event("offline"));
  assert.deepEqual([dead.closedWith, told.connections.at(-1)], [4000, "lost"]);
  browser.dispatchEvent(new Event("online"));
  await settled();
  assert.equal(FakeSocket.made.length, 2);
  newest().open();
  assert.deepEqual([newest().sent[0].epoch, newest().sent[0].seq], [2, 7]);
  assert.equal(dead.onmessage, null);
  // the attempt that was waiting when the network came back is not made as well
  pass(20);
  assert.equal(FakeSocket.made.length, 2);
});

test("a page that is seen again after a silence reads the lot anew; after a moment it does not", async () => {
  const { client, told } = followed({ silentMs: 5000 });
  await client.start();
  newest().open();
  newest().receive(state(1, 1, 100));
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(FakeSocket.made.length, 1);
  // a machine that slept: the clock went on and no timer ran
  mock.timers.setTime(Date.now() + 60_000);
  newest().sent.length = 0;
  document.dispatchEvent(new Event("visibilitychange"));
  await settled();
  assert.ok(FakeSocket.made.length >= 2);
  assert.ok(told.connections.includes("lost"));
});

test("a connection that does not come about is given up, and tried anew", async () => {
  const { client, told } = followed();
  mock.method(Math, "random", () => 0);
  await client.start();
  const stuck = newest();
  pass(8);
  await settled();
  pass(1);
  await settled();
  assert.deepEqual([stuck.closedWith, FakeSocket.made.length], [4000, 2]);
  assert.equal(told.connections.includes("lost"), true);
});

test("what is stopped stays stopped, whatever was under way", async () => {
  const { client } = followed();
  await client.start();
  newest().open();
  client.stop();
  assert.equal(newest().closedWith, 1000);
  newest().drop(1006);
  mock.timers.tick(60_000);
  await settled();
  assert.equal(FakeSocket.made.length, 1);
});

/** Let what waits for a promise go on. */
async function settled() {
  for (let n = 0; n < 10; n += 1) await Promise.resolve();
}

/** The ms until another socket is made. */
async function waitForAnother() {
  const before = FakeSocket.made.length;
  for (let ms = 0; ms <= 20_000; ms += 100) {
    if (FakeSocket.made.length > before) return ms;
    mock.timers.tick(100);
    await settled();
  }
  return null;
}

/** A signed-in client that is connected. */
async function signedIn() {
  const tokens = ["one", "two", "three"];
  const { client, told } = followed({ token: async () => tokens.shift() });
  await client.start();
  newest().open();
  newest().receive(state(1, 3, 300));
  return { client, told };
}

test("a bid goes over the channel, and its answer comes back to who placed it", async () => {
  const { client } = await signedIn();
  const first = client.place({ key: "key-00001", offer: { amount_fen: 400 } });
  const second = client.place({ key: "key-00002", offer: { amount_fen: 500 } });
  assert.deepEqual(newest().sent.slice(-2), [
    { type: "place", lot_id: "launch-001", key: "key-00001", amount_fen: 400 },
    { type: "place", lot_id: "launch-001", key: "key-00002", amount_fen: 500 },
  ]);
  newest().receive({ type: "refused", key: "key-00002", status: 409, body: { code: "bid-too-low" } });
  newest().receive({ type: "placed", key: "key-00001", status: 201, body: { amount_fen: 400 } });
  assert.deepEqual(await first, { status: 201, body: { amount_fen: 400 } });
  assert.deepEqual(await second, { status: 409, body: { code: "bid-too-low" } });
});

test("where no answer comes, nothing is known of the bid: it may go another way", async () => {
  const { client } = await signedIn();
  const late = client.place({ key: "key-00001", offer: { amount_fen: 400 } });
  mock.timers.tick(3000);
  assert.equal(await late, null);
  // an answer that comes after that is nobody's
  newest().receive({ type: "placed", key: "key-00001", status: 201, body: {} });
  const lost = client.place({ key: "key-00002", offer: { amount_fen: 500 } });
  newest().drop(1012);
  assert.equal(await lost, null);
  assert.equal(await client.place({ key: "key-00003", offer: { amount_fen: 600 } }), null);
});

test("who is not signed in bids another way", async () => {
  const { client } = followed();
  await client.start();
  newest().open();
  assert.equal(await client.place({ key: "key-00001", offer: { amount_fen: 400 } }), null);
  assert.equal(newest().sent.length, 1);
});

test("a channel stays signed in: it sends a new token before the old one ends, from where it is", async () => {
  await signedIn();
  mock.timers.tick(75_000);
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
  const subs = newest().sent.filter((sent) => sent.type === "sub");
  assert.deepEqual(subs.at(-1), { type: "sub", lot_id: "launch-001", mode: "feed", token: "two", epoch: 1, seq: 3 });
  assert.equal(subs.length, 2);
});
