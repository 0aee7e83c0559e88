/** What becomes a link, what a mark of removed data, and what stays text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { around, segments } from "../src/core/rich.ts";

const links = (text: string): string[] =>
  segments(text, true).flatMap((segment) => (segment.kind === "link" ? [segment.href] : []));

for (const [text, expected] of [
  ["见 https://www.pbccrc.org.cn 。", ["https://www.pbccrc.org.cn/"]],
  ["见https://a.cn/b，再见http://c.cn。", ["https://a.cn/b", "http://c.cn/"]],
  ["(https://a.cn/x)", ["https://a.cn/x"]],
  ["https://a.cn/x_(y)", ["https://a.cn/x_(y)"]],
  ["See https://a.cn/b. Then go.", ["https://a.cn/b"]],
  ["《https://a.cn/b》", ["https://a.cn/b"]],
  ["javascript:alert(1) data:text/html,x ftp://a.cn", []],
  ["https://", []],
  ["https://[", []],
] as const) {
  test(`the links of ${text}`, () => assert.deepEqual(links(text), expected));
}

test("nothing is lost or added between the segments", () => {
  const text = "前 https://a.cn/b. 中 <b>x</b> ⟦id-card⟧ 后 ⟦⟧ ⟦not a mark⟧ http://c.cn";
  const joined = segments(text, true).map((segment) => (segment.kind === "mask" ? `⟦${segment.what}⟧` : segment.text));
  assert.equal(joined.join(""), text);
});

test("references to removed data become marks, without their reference", () => {
  assert.deepEqual(segments("电话⟦phone:abcdefghij⟧", true), [
    { kind: "text", text: "电话" },
    { kind: "mask", what: "phone" },
  ]);
});

test("a contact's own text has no links: what they paste may be the fraud they ask about", () => {
  assert.deepEqual(segments("https://evil.example", false), [{ kind: "text", text: "https://evil.example" }]);
});

test("the review mark stands apart from the source line", () => {
  assert.deepEqual(around("依据 · 待核实", ["待核实", "unreviewed"]), ["依据 · ", "待核实", ""]);
  assert.deepEqual(around("Basis · Unreviewed.", ["待核实", "unreviewed"]), ["Basis · ", "Unreviewed", "."]);
  assert.deepEqual(around("依据", ["待核实"]), ["依据"]);
});
