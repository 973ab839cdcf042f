import assert from "node:assert/strict";
import { test } from "node:test";
import { jobs } from "./module.mjs";

const { actions, describe, describeRoot, family, label, moment, money, onAxis, shares, short, span, stacked, ticking, toGo } = jobs;
const row = (changes) => ({ id: "a", title: "embed", status: "running", ...changes });

test("durations are short and never jump between two forms of the same number", () => {
  assert.deepEqual([0.04, 9.949, 9.96, 59.6, 185, 7800, 360000].map(span), ["0.0s", "9.9s", "10s", "1m 00s", "3m 05s", "2h 10m", "4d 4h"]);
  assert.deepEqual([0.9, 9.949, 9.96].map(ticking), ["0s", "9s", "10s"]);
  assert.equal(span(-3), "0.0s");
});

test("money has cents, or four digits where it is less than a cent", () => {
  assert.deepEqual(["0", "0.24", "1234.5", "0.0042", "0.00001"].map(money), ["$0.00", "$0.24", "$1,234.50", "$0.0042", "<$0.0001"]);
});

test("counts fit into five columns", () => {
  assert.deepEqual([0, 999, 1000, 12345, 123456, 999_950, 12_300_000].map(short), ["0", "999", "1.0k", "12.3k", "123k", "1.0M", "12.3M"]);
});

test("a moment has its date where it was not today", () => {
  const noon = new Date(2026, 10, 22, 12, 0, 7).getTime() / 1000;

  assert.equal(moment(noon, noon + 60), "12:00");
  assert.equal(moment(noon, noon + 60, true), "12:00:07");
  assert.equal(moment(noon, noon + 86400), "Nov 22, 12:00");
});

test("a running row counts up and down by the service's clock", () => {
  const said = describe(row({ started: 100, ends: 160, progress: 33.39, step: "pages", done: 1200, total: 3000 }), 130);

  assert.equal(said.elapsed, "30s");
  assert.equal(said.left, "30s");
  assert.equal(said.percent, "33%");
  assert.equal(said.note, "pages 1,200/3,000");
  assert.equal(describe(row({ ends: 100 }), 130).left, "soon");
  assert.deepEqual([130.9, 131].map((ends) => describe(row({ ends }), 130).left), ["soon", "1s"]);
  assert.deepEqual(["30s", "soon", ""].map(toGo), ["about 30s left", "done soon", ""]);
});

test("an ended row says what it took, and nothing of what was expected", () => {
  const said = describe(row({ status: "completed", started: 100, ended: 104.26, ends: 160, progress: 100, result: "64 vectors" }), 500);

  assert.deepEqual([said.elapsed, said.left, said.percent, said.note], ["4.3s", "", "", "→ 64 vectors"]);
});

test("a result that was there before is said to be reused, and no pool is named where nothing ran", () => {
  const said = describe(row({ status: "completed", result: "64 vectors", source: "b.1", pool: "io" }), 500);

  assert.deepEqual([said.note, said.pool], ["reused → 64 vectors", ""]);
  assert.equal(describe(row({ status: "completed", source: "b.1" }), 500).note, "reused");
  assert.equal(describe(row({ status: "queued", pool: "io" }), 500).pool, "io");
  assert.equal(describe(row({ status: "completed", pool: "io", worker: "127.0.0.1:7" }), 500).pool, "io");
});

test("an axis of less than a second has marks that differ", () => {
  assert.deepEqual([0, 0.01, 0.02, 0.04].map((at) => onAxis(at, 0.04)), ["0", "10ms", "20ms", "40ms"]);
  assert.deepEqual([0, 1, 2].map((at) => onAxis(at, 2)), ["0", "1.0s", "2.0s"]);
});

test("an error is said before all else, a retry counts down", () => {
  assert.equal(describe(row({ error: "ValueError: x", step: "pages" }), 0).note, "ValueError: x");
  assert.equal(describe(row({ status: "queued", retry: 112 }), 100).note, "next attempt in 12s");
});

test("a root in a panel says when it was submitted, and how long it took since then", () => {
  const said = describeRoot(row({ status: "completed", created: 100, ended: 160, result: "7" }), 200);

  assert.equal(said.note, `${moment(100, 200)} · → 7`);
  assert.equal(said.elapsed, "1m 00s");
  assert.equal(describeRoot(row({ status: "queued", created: 100 }), 200).elapsed, "");
});

test("100% is only said when it is reached", () => {
  assert.equal(describe(row({ progress: 99.96 }), 0).percent, "99%");
});

test("a job that is being stopped or held says so", () => {
  assert.equal(describe(row({ stopping: true }), 0).word, "Stopping");
  assert.equal(describe(row({ pausing: true }), 0).word, "Pausing");
  assert.equal(describe(row({ status: "cancelled", stopping: true }), 0).word, "Cancelled");
});

test("a family is counted without names for what is none", () => {
  assert.equal(family({ completed: 34, failed: 2, running: 14 }), "34 of 50 done, 2 failed");
  assert.equal(family({ completed: 50 }), "50 done");
  assert.equal(family({ queued: 3 }), "0 of 3 done");
});

test("the label has all columns and the status in full", () => {
  const here = row({ status: "waiting_for_children", progress: 50, counts: { completed: 1, running: 1 }, started: 0, worker: "127.0.0.1:77", pool: "gpu", tokens: 1200, cost: "0.5", attempt: 2 });

  assert.equal(label(here, describe(here, 20)), "embed, waiting for children, 50%, 1 of 2 done, attempt 2, 20s elapsed, on gpu :77, 1.2k tokens, $0.50");
});

test("only those actions are offered that the state allows and the service knows", () => {
  const all = ["cancel", "pause", "resume", "retry", "retry_failed"];
  const offered = (changes, can = all) => actions(row(changes), can);

  assert.deepEqual(offered({}), ["pause", "cancel"]);
  assert.deepEqual(offered({}, ["cancel"]), ["cancel"]);
  assert.deepEqual(offered({ status: "planning" }), ["cancel"]);
  assert.deepEqual(offered({ pausing: true }), ["resume", "cancel"]);
  assert.deepEqual(offered({ status: "paused" }), ["resume", "cancel"]);
  assert.deepEqual(offered({ stopping: true }), []);
  assert.deepEqual(offered({ status: "completed", counts: { completed: 2 } }), ["retry"]);
  assert.deepEqual(offered({ status: "failed", counts: { failed: 2 } }), ["retry_failed", "retry"]);
});

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

test("bars that overlap in time stand below each other, and a free line is used again", () => {
  const bar = (from, to) => ["io", "fetch", "completed", from, to];

  assert.deepEqual(stacked([bar(0, 5), bar(1, 2), bar(1.5, null), bar(2, 3), bar(6, 7)], 9), [0, 1, 2, 1, 0]);
});
