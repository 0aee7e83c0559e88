/** Thumbs: the latest word is shown, and told until the house keeps it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ratings } from "../src/core/ratings.ts";
import { shelf, type Shelf } from "../src/core/shelf.ts";

const KEY = "ratings";

function memory(held = new Map<string, string>()): Shelf {
  return shelf(() => ({
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => void held.set(key, value),
    removeItem: (key) => void held.delete(key),
  }));
}

test("a thumb is shown at once, and open until the house keeps it", () => {
  const ratings = new Ratings(memory(), KEY);
  ratings.rate(3, true);
  assert.deepEqual([...ratings.shown], [[3, true]]);
  assert.deepEqual([...ratings.open], [[3, true]]);
  ratings.confirm(3, true);
  assert.deepEqual([...ratings.shown], [[3, true]]);
  assert.equal(ratings.open.size, 0);
});

test("a change of mind outlives the confirmation of the word before", () => {
  const ratings = new Ratings(memory(), KEY);
  ratings.rate(3, true);
  ratings.rate(3, false);
  ratings.confirm(3, true);
  assert.deepEqual([...ratings.shown], [[3, false]]);
  assert.deepEqual([...ratings.open], [[3, false]]);
});

test("a thumb that is taken back is not shown, and the house is told", () => {
  const ratings = new Ratings(memory(), KEY);
  ratings.confirm(3, true);
  ratings.rate(3, null);
  assert.equal(ratings.shown.size, 0);
  assert.deepEqual([...ratings.open], [[3, null]]);
  ratings.confirm(3, null);
  assert.equal(ratings.open.size, 0);
});

test("a refused one goes back to what the house keeps", () => {
  const ratings = new Ratings(memory(), KEY);
  ratings.confirm(3, true);
  ratings.rate(3, false);
  ratings.drop(3);
  assert.deepEqual([...ratings.shown], [[3, true]]);
});

test("what is not confirmed survives a reload, and clearing leaves nothing", () => {
  const held = new Map<string, string>();
  new Ratings(memory(held), KEY).rate(3, false);
  const again = new Ratings(memory(held), KEY);
  assert.deepEqual([...again.open], [[3, false]]);
  again.clear();
  assert.equal(again.shown.size, 0);
  assert.equal(held.size, 0);
});

for (const stored of ["", "{", "null", "7", '["x"]', '[["3",true]]', '[[3,"yes"]]', "[[3]]"]) {
  test(`stored ratings of ${stored || "nothing"} are read as none`, () => {
    assert.equal(new Ratings(memory(new Map([[KEY, stored]])), KEY).open.size, 0);
  });
}
