/** Each message once and in its place, whichever way it arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft } from "../src/core/outbox.ts";
import { frameOf, Outbox } from "../src/core/outbox.ts";
import type { Author, Message } from "../src/core/protocol.ts";
import { shelf, type Shelf } from "../src/core/shelf.ts";
import { Transcript } from "../src/core/transcript.ts";

function message(seq: number, from: Author = "bot", cid = "", text = `m${seq}`): Message {
  return { type: "msg", seq, from, text, buttons: [], source: "", entry: "", at: seq, cid, files: [] };
}

function draft(cid: string, text = cid): Draft {
  return { cid, text, payload: "", file: "", at: 1, error: "" };
}

function memory(): Shelf {
  const held = new Map<string, string>();
  return shelf(() => ({
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => void held.set(key, value),
    removeItem: (key) => void held.delete(key),
  }));
}

const texts = (transcript: Transcript): string[] => transcript.lines.map((line) => line.text);

test("a message that comes twice is one line", () => {
  const transcript = new Transcript();
  transcript.receive(message(1));
  transcript.receive(message(1));
  assert.deepEqual(texts(transcript), ["m1"]);
});

test("our own message is one line through draft, ack and echo, and keeps its key", () => {
  const transcript = new Transcript();
  transcript.write(draft("a"));
  const key = transcript.lines[0]?.key;
  transcript.confirm("a", 4);
  transcript.receive(message(4, "contact", "a", "what the house keeps"));
  assert.deepEqual(texts(transcript), ["what the house keeps"]);
  assert.equal(transcript.lines[0]?.key, key);
  assert.equal(transcript.lines[0]?.state, "kept");
});

test("the echo may come before the ack, or without any", () => {
  const transcript = new Transcript();
  transcript.write(draft("a"));
  transcript.receive(message(2, "contact", "a", "a"));
  assert.deepEqual(texts(transcript), ["a"]);
  transcript.confirm("a", 2);
  assert.deepEqual(texts(transcript), ["a"]);
});

test("an ack does not move the place to resume from past messages that are still due", () => {
  const transcript = new Transcript();
  transcript.receive(message(5));
  transcript.write(draft("a"));
  transcript.confirm("a", 7);
  assert.equal(transcript.lastSeq, 5);
  transcript.receive(message(6));
  assert.deepEqual(texts(transcript), ["m5", "m6", "a"]);
});

test("drafts stand after everything that is kept, in the order they were written", () => {
  const transcript = new Transcript();
  transcript.write(draft("a"));
  transcript.write(draft("b"));
  transcript.receive(message(1));
  transcript.write({ ...draft("a"), error: "refused" });
  assert.deepEqual(texts(transcript), ["m1", "a", "b"]);
  assert.deepEqual(
    transcript.lines.map((line) => line.state),
    ["kept", "refused", "pending"],
  );
});

test("a rewind takes back what the server is about to tell again", () => {
  const transcript = new Transcript();
  for (const seq of [1, 2, 3]) transcript.receive(message(seq));
  transcript.rewind(1);
  assert.equal(transcript.lastSeq, 1);
  assert.deepEqual(texts(transcript), ["m1"]);
});

test("a transcript is untouched until the contact speaks", () => {
  const transcript = new Transcript();
  transcript.receive(message(1));
  assert.equal(transcript.untouched, true);
  transcript.write(draft("a"));
  assert.equal(transcript.untouched, false);
});

test("the outbox survives the page and forgets what was confirmed", () => {
  const tab = memory();
  const before = new Outbox(tab, "k");
  const first = before.add("一", "", 1);
  before.add("二", "/help", 2);
  before.drop(first.cid);
  const after = new Outbox(tab, "k");
  assert.deepEqual(
    after.drafts.map(({ text, payload }) => [text, payload]),
    [["二", "/help"]],
  );
  after.clear();
  assert.equal(tab.get("k"), null);
});

for (const stored of ["", "{", "null", "7", '[{"cid":1}]', '[{"cid":"","text":"","payload":"","at":1,"error":""}]']) {
  test(`a stored outbox of ${stored || "nothing"} is read as empty`, () => {
    const tab = memory();
    tab.set("k", stored);
    assert.deepEqual(new Outbox(tab, "k").drafts, []);
  });
}

test("two drafts never share a cid, and a pressed button travels with its title", () => {
  const outbox = new Outbox(memory(), "k");
  const cids = new Set(Array.from({ length: 200 }, () => outbox.add("x", "", 1).cid));
  assert.equal(cids.size, 200);
  assert.ok([...cids].every((cid) => cid.length <= 64));
  const pressed = outbox.add("留言", "/leave_message", 1);
  assert.deepEqual(frameOf(pressed), { type: "msg", cid: pressed.cid, payload: "/leave_message", title: "留言" });
  const long = frameOf(outbox.add("😀".repeat(300), "/x", 1));
  assert.ok(long.type === "msg" && "title" in long);
  assert.equal(long.title, "😀".repeat(200));
});
