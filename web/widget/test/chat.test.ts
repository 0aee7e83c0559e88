/** The chat over a scripted wire: hello, heartbeat, backoff, close codes, one conversation for all tabs. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Chat } from "../src/core/chat.ts";
import { shelf, type Shelf } from "../src/core/shelf.ts";

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A WebSocket whose other end is the test. */
class Wire {
  readyState = 0;
  readonly sent: Frame[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Frame);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(frame: Frame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  of(type: string): Frame[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

let wires: Wire[] = [];
let held: Map<string, string>;

function store(map: Map<string, string>): Shelf {
  return shelf(() => ({
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: (key) => void map.delete(key),
  }));
}

function begin(tab = new Map<string, string>()): Chat {
  const chat = new Chat({
    url: "ws://desk/socket/web",
    language: "zh",
    local: store(held),
    tab: store(tab),
    onChange: () => undefined,
    wordsFor: (code, text) => text || `words for ${code}`,
    connect: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire as unknown as WebSocket;
    },
  });
  chat.start();
  return chat;
}

function last(): Wire {
  const wire = wires[wires.length - 1];
  assert.ok(wire);
  return wire;
}

function welcome(seq = 0, token = "T1"): void {
  last().open();
  last().say({ type: "welcome", token, conversation: "c1", seq, hotline: { name: "热线" }, language: "zh" });
}

beforeEach(() => {
  wires = [];
  held = new Map();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
});

afterEach(() => mock.timers.reset());

test("hello comes first, and nothing else before the welcome", () => {
  const chat = begin();
  chat.say("早");
  last().open();
  assert.deepEqual(last().sent, [{ type: "hello", token: "", last_seq: 0, language: "zh" }]);
  last().say({ type: "welcome", token: "T1", conversation: "c1", seq: 0, hotline: {}, language: "zh" });
  assert.deepEqual(
    last()
      .of("msg")
      .map((frame) => frame["text"]),
    ["早"],
  );
  assert.equal(held.get(chat.tokenKey), "T1");
});

test("after an outage the same cid is sent again, with the token and the last seq seen", () => {
  const chat = begin();
  welcome();
  last().say({ type: "msg", seq: 3, from: "bot", text: "x", at: "2026-11-21T04:00:00Z" });
  chat.say("一");
  const cid = last().of("msg")[0]?.["cid"];
  last().end();
  assert.equal(chat.snapshot.link.state, "waiting");
  mock.timers.tick(500);
  welcome(3);
  assert.deepEqual(last().of("hello")[0], { type: "hello", token: "T1", last_seq: 3, language: "zh" });
  assert.equal(last().of("msg")[0]?.["cid"], cid);
  last().say({ type: "ack", cid, seq: 4 });
  assert.deepEqual(
    chat.snapshot.lines.map(({ text, state }) => [text, state]),
    [
      ["x", "kept"],
      ["一", "kept"],
    ],
  );
});

test("waiting grows while the house stays away, and starts anew once a connection has held", () => {
  const chat = begin();
  const waits: number[] = [];
  for (let i = 0; i < 4; i += 1) {
    last().end();
    const { link } = chat.snapshot;
    assert.ok(link.state === "waiting");
    waits.push(link.until - Date.now());
    mock.timers.tick(30_000);
  }
  waits.forEach((ms, attempt) => assert.ok(ms >= 250 * 2 ** attempt && ms <= 500 * 2 ** attempt, `${waits.join()}`));
  welcome();
  mock.timers.tick(6_000);
  last().end();
  const { link } = chat.snapshot;
  assert.ok(link.state === "waiting" && link.until - Date.now() <= 500);
});

test("five refused handshakes in a row without any welcome: nobody is there; a welcome ends that for good", () => {
  const chat = begin();
  const refuse = (times: number): void => {
    for (let i = 0; i < times; i += 1) {
      last().end();
      mock.timers.tick(30_000);
    }
  };
  refuse(4);
  assert.equal(chat.snapshot.absent, false);
  last().open(); // this one got through, and broke only then
  refuse(5);
  assert.equal(chat.snapshot.absent, false);
  refuse(1);
  assert.equal(chat.snapshot.absent, true);
  assert.equal(chat.snapshot.link.state, "connecting"); // it goes on trying
  welcome();
  assert.equal(chat.snapshot.absent, false);
  refuse(8);
  assert.equal(chat.snapshot.absent, false); // an outage
});

test("a house that answers a ping with nothing for ten seconds is given up", () => {
  const chat = begin();
  welcome();
  mock.timers.tick(20_000);
  assert.equal(last().of("ping").length, 1);
  last().say({ type: "pong" });
  mock.timers.tick(20_000);
  assert.equal(chat.snapshot.link.state, "online");
  mock.timers.tick(10_000);
  assert.equal(chat.snapshot.link.state, "waiting");
  assert.equal(wires[0]?.closed, true);
});

test("a connection that is never welcomed is given up after ten seconds", () => {
  const chat = begin();
  last().open();
  last().say({ type: "pong" });
  mock.timers.tick(10_000);
  assert.equal(chat.snapshot.link.state, "waiting");
});

test("a message without an ack on a living connection is sent again under its cid", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  mock.timers.tick(15_000);
  const sent = last().of("msg");
  assert.equal(sent.length, 2);
  assert.equal(sent[0]?.["cid"], sent[1]?.["cid"]);
});

test("a refused message says why, is not sent again by itself, and goes again under its cid when asked", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  const cid = String(last().of("msg")[0]?.["cid"]);
  last().say({ type: "error", code: "odd", text: "", cid });
  assert.deepEqual(
    chat.snapshot.lines.map(({ state, error }) => [state, error]),
    [["refused", "words for odd"]],
  );
  last().end();
  mock.timers.tick(500);
  welcome();
  assert.equal(last().of("msg").length, 0);
  chat.retry(cid);
  assert.equal(last().of("msg")[0]?.["cid"], cid);
  last().say({ type: "error", code: "odd", text: "太快", cid });
  chat.discard(cid);
  assert.deepEqual(chat.snapshot.lines, []);
});

test("an error that is about no message is a notice until it is dismissed", () => {
  const chat = begin();
  welcome();
  last().say({ type: "error", code: "busy", text: "系统繁忙" });
  assert.equal(chat.snapshot.notice, "系统繁忙");
  chat.dismiss();
  assert.equal(chat.snapshot.notice, "");
});

test("close 4400: what was in flight waits for the contact, so that it cannot break every connection to come", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  last().end(4400);
  assert.equal(chat.snapshot.lines[0]?.state, "refused");
  mock.timers.tick(500);
  welcome();
  assert.equal(last().of("msg").length, 0);
});

test("close 4401: the token is dropped and what was not sent is taken along; a second refusal ends the trying", () => {
  held.set("qiantai.token ws://desk/socket/web", "OLD");
  const chat = begin();
  chat.say("一");
  last().open();
  assert.equal(last().of("hello")[0]?.["token"], "OLD");
  last().end(4401);
  mock.timers.tick(500);
  last().open();
  assert.equal(last().of("hello")[0]?.["token"], "");
  assert.equal(chat.snapshot.lines[0]?.text, "一");
  last().end(4401);
  assert.equal(chat.snapshot.link.state, "refused");
  chat.hurry();
  assert.equal(chat.snapshot.link.state, "connecting");
});

test("close 4429: ten seconds of rest at least", () => {
  const chat = begin();
  welcome();
  last().end(4429);
  const { link } = chat.snapshot;
  assert.ok(link.state === "waiting" && link.busy === "messages" && link.until - Date.now() >= 10_000);
});

test("sent away before any welcome: the visitors are too many, what was typed waits, and ever longer pauses follow", () => {
  const chat = begin();
  chat.say("一");
  const pauses: number[] = [];
  for (let n = 0; n < 7; n += 1) {
    last().open();
    last().say({ type: "error", code: "too_many", text: "Too many requests from this source; try again later." });
    last().end(4429);
    const { link, notice, absent } = chat.snapshot;
    assert.ok(link.state === "waiting" && link.busy === "visitors");
    assert.deepEqual([notice, absent], ["", false]);
    pauses.push(link.until - Date.now());
    mock.timers.tick(40_000);
  }
  assert.ok(pauses.every((pause) => pause > 10_000));
  assert.ok((pauses.at(-1) ?? 0) >= 25_000 && pauses.every((pause) => pause <= 40_000));
  welcome();
  assert.equal(chat.snapshot.link.state, "online");
  assert.deepEqual(
    last()
      .of("msg")
      .map((frame) => frame["text"]),
    ["一"],
  );
});

test("resync: what the server will tell again is taken back", () => {
  const chat = begin();
  welcome(2);
  for (const seq of [1, 2]) last().say({ type: "msg", seq, from: "bot", text: `${seq}`, at: "2026-11-21T04:00:00Z" });
  last().say({ type: "resync", from: 1 });
  assert.deepEqual(
    chat.snapshot.lines.map((line) => line.text),
    ["1"],
  );
  last().say({ type: "msg", seq: 2, from: "bot", text: "anew", at: "2026-11-21T04:00:00Z" });
  last().end();
  mock.timers.tick(500);
  last().open();
  assert.equal(last().of("hello")[0]?.["last_seq"], 2);
});

test("a refusal of the moment is not one of the message: it goes again by itself, under its cid", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  const cid = last().of("msg")[0]?.["cid"];
  last().say({ type: "error", code: "ledger_busy", text: "busy", cid: String(cid) });
  assert.equal(chat.snapshot.lines[0]?.state, "pending");
  mock.timers.tick(15_000);
  assert.equal(last().of("msg")[1]?.["cid"], cid);
});

test("two tabs on a first visit end in one conversation: the later one takes the earlier's token", () => {
  const chat = begin();
  last().open();
  held.set(chat.tokenKey, "FIRST");
  last().say({ type: "welcome", token: "SECOND", conversation: "c2", seq: 0, hotline: {}, language: "zh" });
  last().open();
  assert.equal(last().of("hello")[0]?.["token"], "FIRST");
  assert.equal(held.get(chat.tokenKey), "FIRST");
  assert.notEqual(chat.snapshot.link.state, "online"); // the new connection still waits for its own welcome
});

test("another tab cleared the conversation: ours goes too, and follows to the new one", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  held.delete(chat.tokenKey);
  chat.adopt();
  assert.deepEqual(chat.snapshot.lines, []);
  assert.equal(chat.snapshot.link.state, "idle");
  held.set(chat.tokenKey, "T2");
  chat.adopt();
  last().open();
  assert.equal(last().of("hello")[0]?.["token"], "T2");
});

test("clearing this device forgets token, transcript and drafts and begins anew", () => {
  const chat = begin();
  welcome();
  chat.say("一");
  chat.forget();
  last().open();
  assert.deepEqual(last().of("hello")[0], { type: "hello", token: "", last_seq: 0, language: "zh" });
  assert.deepEqual(chat.snapshot.lines, []);
  assert.equal(held.size, 0);
});

test("unread counts what others wrote and nobody saw; seeing tells the house once", () => {
  const chat = begin();
  welcome();
  for (const seq of [1, 2]) last().say({ type: "msg", seq, from: "bot", text: `${seq}`, at: "2026-11-21T04:00:00Z" });
  last().say({ type: "msg", seq: 3, from: "contact", text: "mine", at: "2026-11-21T04:00:00Z" });
  assert.equal(chat.snapshot.unread, 2);
  chat.see();
  chat.see();
  assert.deepEqual(last().of("read"), [{ type: "read", seq: 3 }]);
  assert.equal(chat.snapshot.unread, 0);
});

test("typing is told every three seconds at most, and believed for twelve", () => {
  const chat = begin();
  welcome();
  chat.type(true);
  chat.type(true);
  mock.timers.tick(3_000);
  chat.type(true);
  chat.type(false);
  chat.type(false);
  assert.deepEqual(
    last()
      .of("typing")
      .map((frame) => frame["on"]),
    [true, true, false],
  );
  last().say({ type: "typing", on: true });
  assert.equal(chat.snapshot.typing, true);
  mock.timers.tick(12_000);
  assert.equal(chat.snapshot.typing, false);
});

test("the past is not new: it is caught up when the welcome's seq has come, or after two seconds", () => {
  const chat = begin();
  welcome(2);
  last().say({ type: "msg", seq: 1, from: "bot", text: "1", at: "2026-11-21T04:00:00Z" });
  assert.equal(chat.snapshot.caughtUp, false);
  mock.timers.tick(2_000);
  assert.equal(chat.snapshot.caughtUp, true);
});

test("blank and too long texts are not sent", () => {
  const chat = begin();
  welcome();
  for (const text of ["", "  \n ", "长".repeat(4001)]) assert.equal(chat.say(text), false);
  assert.equal(chat.say("😀".repeat(4000)), true);
  assert.equal(last().of("msg").length, 1);
});

function answered(): Chat {
  const chat = begin();
  welcome();
  last().say({ type: "msg", seq: 2, from: "bot", text: "答", entry: "F22" });
  return chat;
}

test("a thumb goes out at once, and again after an outage until the house says that it is kept", () => {
  const chat = answered();
  chat.rate(2, true);
  assert.deepEqual(last().of("rate"), [{ type: "rate", seq: 2, helpful: true }]);
  last().end();
  mock.timers.tick(500);
  welcome();
  assert.equal(last().of("rate").length, 1);
  last().say({ type: "rated", seq: 2, helpful: true });
  last().end();
  mock.timers.tick(1_000);
  welcome();
  assert.equal(last().of("rate").length, 0);
  assert.deepEqual([...chat.snapshot.ratings], [[2, true]]);
});

test("a thumb that is pressed while the line is down goes out when it is back", () => {
  const chat = answered();
  last().end();
  chat.rate(2, false);
  assert.deepEqual([...chat.snapshot.ratings], [[2, false]]);
  mock.timers.tick(500);
  welcome();
  assert.deepEqual(last().of("rate"), [{ type: "rate", seq: 2, helpful: false }]);
});

test("a thumb that the house refuses goes back, and nobody is bothered; one that is only too early stays", () => {
  const chat = answered();
  chat.rate(2, true);
  last().say({ type: "error", code: "too_many", text: "", seq: 2 });
  assert.deepEqual([...chat.snapshot.ratings], [[2, true]]);
  last().say({ type: "error", code: "not_found", text: "", seq: 2 });
  assert.deepEqual([...chat.snapshot.ratings], []);
  assert.equal(chat.snapshot.notice, "");
});

test("ratings that an older house takes for a bad frame do not break every connection to come", () => {
  const chat = answered();
  chat.rate(2, true);
  last().end(4400);
  mock.timers.tick(500);
  welcome();
  assert.equal(last().of("rate").length, 0);
});

test("a cleared conversation takes its thumbs along", () => {
  const chat = answered();
  chat.rate(2, true);
  chat.forget();
  assert.equal(chat.snapshot.ratings.size, 0);
  welcome();
  assert.equal(last().of("rate").length, 0);
});
