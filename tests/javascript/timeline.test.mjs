import assert from "node:assert/strict";
import { test } from "node:test";
import { onAxis, stacked } from "../../parrot_async/view/static/timeline.js";

test("an axis of less than a second has marks that differ", () => {
  assert.deepEqual(
    [0, 0.01, 0.02, 0.04].map((at) => onAxis(at, 0.04)),
    ["0", "10ms", "20ms", "40ms"],
  );
  assert.deepEqual(
    [0, 1, 2].map((at) => onAxis(at, 2)),
    ["0", "1.0s", "2.0s"],
  );
});

test("bars that overlap in time stand below each other, and a free line is used again", () => {
  const bar = (from, to) => ["io", "fetch", "completed", from, to];

  assert.deepEqual(
    stacked([bar(0, 5), bar(1, 2), bar(1.5, null), bar(2, 3), bar(6, 7)], 9),
    [0, 1, 2, 1, 0],
  );
});
