import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { duration, moment, money, short, ticking } from "../../parrot_async/view/static/wording.js";

const table = await readFile(new URL("../data/durations.json", import.meta.url), "utf8");

test("durations are worded as the table has it, as Python words them", () => {
  for (const { seconds, duration: said, ticking: clock } of JSON.parse(table)) {
    assert.equal(duration(seconds), said, `${seconds} seconds`);
    assert.equal(ticking(seconds), clock, `${seconds} seconds on a clock`);
  }
});

test("money has cents, or four digits where it is less than a cent", () => {
  assert.deepEqual(["0", "0.24", "1234.5", "0.0042", "0.00001"].map(money), [
    "$0.00",
    "$0.24",
    "$1,234.50",
    "$0.0042",
    "<$0.0001",
  ]);
});

test("counts fit into five columns", () => {
  assert.deepEqual([0, 999, 1000, 12345, 123456, 999_950, 12_300_000].map(short), [
    "0",
    "999",
    "1.0k",
    "12.3k",
    "123k",
    "1.0M",
    "12.3M",
  ]);
});

test("a moment has its date where it was not today", () => {
  const noon = new Date(2026, 10, 22, 12, 0, 7).getTime() / 1000;

  assert.equal(moment(noon, noon + 60), "12:00");
  assert.equal(moment(noon, noon + 60, true), "12:00:07");
  assert.equal(moment(noon, noon + 86400), "Nov 22, 12:00");
});
