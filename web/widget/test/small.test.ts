/** The small rules: addresses, language, days, storage, backoff. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { houseOf, socketUrl } from "../src/core/address.ts";
import { backoff } from "../src/core/backoff.ts";
import { chooseChinese, chooseLanguage, languageAsked } from "../src/core/language.ts";
import { shelf } from "../src/core/shelf.ts";
import { calendar } from "../src/core/when.ts";
import { words } from "../src/text.ts";

for (const [server, channel, expected] of [
  ["https://desk.example", "web", "wss://desk.example/socket/web"],
  ["http://127.0.0.1:8080/", "web", "ws://127.0.0.1:8080/socket/web"],
  ["https://city.example/ask/", "web 2", "wss://city.example/ask/socket/web%202"],
  ["wss://desk.example", "web", "wss://desk.example/socket/web"],
] as const) {
  test(`the socket of ${server}`, () => assert.equal(socketUrl(server, channel), expected));
}

for (const server of ["", "desk", "ftp://desk.example", "javascript:alert(1)"]) {
  test(`${server || "an empty address"} is refused as a server`, () =>
    assert.throws(() => socketUrl(server, "web"), TypeError));
}

test("a script at <house>/widget/qiantai.js tells the house", () => {
  assert.equal(houseOf("https://desk.example/widget/qiantai.js"), "https://desk.example/");
  assert.equal(houseOf("https://city.example/ask/widget/qiantai.js?v=2"), "https://city.example/ask/");
  assert.equal(houseOf("not an address"), "");
});

for (const [wishes, expected] of [
  [["zh-CN"], "zh"],
  [["zh"], "zh"],
  [["zh-Hant-HK"], "zh-Hant"],
  [["zh_TW"], "zh-Hant"],
  [["zh-MO"], "zh-Hant"],
  [["zh-Hans-HK"], "zh"],
  [["zh-SG"], "zh"],
  [["en-US", "zh"], "en"],
  [[null, "", "de-DE", "zh-TW"], "zh-Hant"],
  [["fr"], "en"],
  [["zhuang"], "en"],
  [[], "en"],
] as const) {
  test(`of the wishes [${wishes.join(", ")}] we speak ${expected}`, () =>
    assert.equal(chooseLanguage(...wishes), expected));
}

test("who reads English first still has the Chinese of their own", () => {
  assert.equal(chooseChinese("en", null, "en-GB", "zh-HK"), "zh-Hant");
  assert.equal(chooseChinese("en", "zh"), "zh");
  assert.equal(chooseChinese("en"), "zh");
});

test("only the button that asks for a language asks for a language", () => {
  assert.equal(languageAsked('/set_language{"language":"en"}'), "en");
  assert.equal(languageAsked('/set_language{"language": "zh"}'), "zh");
  assert.equal(languageAsked('/set_language{"language":"zh-Hant"}'), "zh-Hant");
  for (const payload of ["", "/help", '/set_language{"language":"fr"}', 'x/set_language{"language":"en"}']) {
    assert.equal(languageAsked(payload), null);
  }
});

test("days are named by the calendar of the reader's zone, not by 24 hours", () => {
  const zh = calendar("zh", "Asia/Shanghai");
  const en = calendar("en", "Asia/Shanghai");
  const now = Date.UTC(2026, 10, 21, 16, 30); // 00:30 on the 22nd in Beijing
  assert.equal(zh.name(now, now), "今天");
  assert.equal(en.name(now, now), "Today");
  assert.equal(zh.name(Date.UTC(2026, 10, 21, 15, 59), now), "昨天"); // half an hour earlier, but yesterday
  assert.equal(en.name(Date.UTC(2026, 10, 21, 15, 59), now), "Yesterday");
  assert.equal(zh.name(Date.UTC(2026, 10, 18, 4), now), "11月18日星期三");
  assert.equal(en.name(Date.UTC(2025, 10, 18, 4), now), "18 November 2025");
  assert.equal(zh.time(now), "00:30");
  assert.equal(zh.day(now), "2026-11-22");
});

test("what the browser refuses to store is kept in memory", () => {
  const refusing = shelf(() => {
    throw new Error("SecurityError");
  });
  refusing.set("token", "t");
  assert.equal(refusing.get("token"), "t");
  refusing.remove("token");
  assert.equal(refusing.get("token"), null);
});

test("a full store does not hide what was set last behind what it still holds", () => {
  const held = new Map([["token", "old"]]);
  const full = shelf(() => ({
    getItem: (key) => held.get(key) ?? null,
    setItem: () => {
      throw new Error("QuotaExceededError");
    },
    removeItem: (key) => void held.delete(key),
  }));
  full.set("token", "new");
  assert.equal(full.get("token"), "new");
});

test("waiting doubles from half a second to half a minute, of which half is left to chance", () => {
  const longest = [0, 1, 2, 3, 6, 50].map((attempt) => backoff(attempt, () => 1));
  const shortest = [0, 1, 2, 3, 6, 50].map((attempt) => backoff(attempt, () => 0));
  assert.deepEqual(longest, [500, 1000, 2000, 4000, 30_000, 30_000]);
  assert.deepEqual(shortest, [250, 500, 1000, 2000, 15_000, 15_000]);
});

test("both languages have every word, none of them empty", () => {
  const paths = (tree: object, prefix = ""): string[] =>
    Object.entries(tree).flatMap(([key, value]) => {
      assert.notEqual(value, "", `${prefix}${key} is empty`);
      return typeof value === "object" ? paths(value as object, `${prefix}${key}.`) : [`${prefix}${key}`];
    });
  assert.deepEqual(paths(words.zh), paths(words.en));
});
