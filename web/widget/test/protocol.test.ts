/** Frames from the wire: what is understood, and what is passed over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { length, parseFrame } from "../src/core/protocol.ts";

test("a message frame becomes a value with every field", () => {
  const frame = parseFrame(
    JSON.stringify({
      type: "msg",
      seq: 7,
      from: "bot",
      text: "好",
      buttons: [{ title: "是", payload: "/affirm" }],
      source: "依据",
      entry: "F22",
      at: "2026-11-21T04:00:00Z",
    }),
  );
  assert.deepEqual(frame, {
    type: "msg",
    seq: 7,
    from: "bot",
    text: "好",
    buttons: [{ title: "是", payload: "/affirm" }],
    source: "依据",
    entry: "F22",
    at: Date.UTC(2026, 10, 21, 4),
    cid: "",
    files: [],
  });
});

test("the names of files are texts, whatever else stands there", () => {
  const frame = parseFrame('{"type":"msg","seq":1,"from":"contact","cid":"c","files":["合同.pdf",7,null]}');
  assert.deepEqual(frame?.type === "msg" && frame.files, ["合同.pdf"]);
});

for (const [what, data] of [
  ["no text at all", new Uint8Array(3)],
  ["no JSON", "{"],
  ["no object", "[1]"],
  ["null", "null"],
  ["an unknown type", '{"type":"fireworks"}'],
  ["a name that every object has", '{"type":"constructor"}'],
  ["a message without a place", '{"type":"msg","from":"bot","text":"x"}'],
  ["a message at place 0", '{"type":"msg","seq":0,"from":"bot","text":"x"}'],
  ["a message at place 1.5", '{"type":"msg","seq":1.5,"from":"bot","text":"x"}'],
  ["a message from a stranger", '{"type":"msg","seq":1,"from":"root","text":"x"}'],
  ["an ack of nothing", '{"type":"ack","seq":4}'],
  ["a rating of nothing", '{"type":"rated","helpful":true}'],
  ["a welcome without a token", '{"type":"welcome","seq":4}'],
] as const) {
  test(`a frame that is ${what} is passed over`, () => assert.equal(parseFrame(data), null));
}

test("fields of a wrong kind become empty, and buttons without a payload are left out", () => {
  const raw = {
    type: "msg",
    seq: 1,
    from: "bot",
    text: 5,
    source: {},
    buttons: [null, { title: "x" }, "y"],
    at: "soon",
  };
  const frame = parseFrame(JSON.stringify(raw));
  assert.ok(frame?.type === "msg");
  assert.deepEqual([frame.text, frame.source, frame.buttons], ["", "", []]);
  assert.ok(frame.at > 0);
});

for (const [raw, helpful] of [
  [true, true],
  [false, false],
  [null, null],
  ["yes", null],
] as const) {
  test(`a rating of ${JSON.stringify(raw)} is read as ${JSON.stringify(helpful)}`, () =>
    assert.deepEqual(parseFrame(JSON.stringify({ type: "rated", seq: 3, helpful: raw })), {
      type: "rated",
      seq: 3,
      helpful,
    }));
}

test("length counts what a reader would call a character of the house's limit: code points", () => {
  assert.equal(length("信用"), 2);
  assert.equal(length("😀"), 1);
  assert.equal(length(""), 0);
});
