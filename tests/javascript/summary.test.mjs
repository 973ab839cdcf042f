import assert from "node:assert/strict";
import { test } from "node:test";
import { shares } from "../../parrot_async/view/static/summary.js";
import { drawn } from "./dom.mjs";
import { family, viewOf } from "./views.mjs";

const row = (changes) => ({ id: "a", title: "embed", status: "running", ...changes });

test("the summary's bar is as far as the tree, whatever its leaves do", () => {
  const share = (progress, tally) => {
    const { done, running, paused } = shares(row({ progress }), tally);
    return [done, running, paused];
  };

  assert.deepEqual(share(50, { completed: 2, failed: 1, running: 4, queued: 3 }), [2, 2, 0]);
  assert.deepEqual(share(40, { running: 1 }), [0.4, 0.6, 0]);
  assert.deepEqual(share(90, { running: 1, paused: 1 }), [1.8, 0, 0.19999999999999996]);
  assert.deepEqual(share(10, { completed: 2, running: 4 }), [0, 4, 0]);
  assert.deepEqual(share(100, { completed: 3, queued: 1 }), [0, 0, 0]);
});

/** What a summary counts, by state. */
const counted = (summary) =>
  summary.numbers.filter((number) => !number.hidden).map((number) => number.textContent);

test("one line says how far, for how long, and what it costs", async () => {
  const rows = family();
  const { view } = await viewOf([{ ...rows[0], cost: "0.5", tokens: 1200 }, ...rows.slice(1)]);

  const words = view.head.figures.textContent;
  assert.match(words, /^60% · 2m 0\ds elapsed · 1.2k tokens · \$0.50$/);
  assert.equal(view.head.bar.getAttribute("aria-valuenow"), "60");
  assert.equal(view.head.bar.getAttribute("aria-valuetext"), `waiting for children, ${words}`);
});

test("the leaves are counted by state, once all of them are here", async () => {
  const { kernel, view } = await viewOf(family());
  assert.deepEqual(counted(view.head), ["1 completed", "1 failed", "1 running"]);
  assert.equal(view.head.counts.hidden, false);

  kernel.delta({ more: 3 });
  await drawn();

  assert.equal(view.head.counts.hidden, true);
});
