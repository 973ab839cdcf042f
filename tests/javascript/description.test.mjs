import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describe,
  describeRoot,
  family,
  label,
  toGo,
} from "../../parrot_async/view/static/description.js";
import { moment } from "../../parrot_async/view/static/wording.js";

const row = (changes) => ({ id: "a", title: "embed", status: "running", ...changes });

test("a running row counts up and down by the service's clock", () => {
  const said = describe(
    row({ started: 100, ends: 160, progress: 33.39, step: "pages", done: 1200, total: 3000 }),
    130,
  );

  assert.equal(said.elapsed, "30s");
  assert.equal(said.left, "30s");
  assert.equal(said.percent, "33%");
  assert.equal(said.note, "pages 1,200/3,000");
  assert.equal(describe(row({ ends: 100 }), 130).left, "soon");
  assert.deepEqual(
    [130.9, 131].map((ends) => describe(row({ ends }), 130).left),
    ["soon", "1s"],
  );
  assert.deepEqual(["30s", "soon", ""].map(toGo), ["about 30s left", "done soon", ""]);
});

test("an ended row says what it took, and nothing of what was expected", () => {
  const said = describe(
    row({
      status: "completed",
      started: 100,
      ended: 104.26,
      ends: 160,
      progress: 100,
      result: "64 vectors",
    }),
    500,
  );

  assert.deepEqual(
    [said.elapsed, said.left, said.percent, said.note],
    ["4.3s", "", "", "→ 64 vectors"],
  );
});

test("a result that was there before is said to be reused, and no pool is named where nothing ran", () => {
  const said = describe(
    row({ status: "completed", result: "64 vectors", source: "b.1", pool: "io" }),
    500,
  );

  assert.deepEqual([said.note, said.pool], ["reused → 64 vectors", ""]);
  assert.equal(describe(row({ status: "completed", source: "b.1" }), 500).note, "reused");
  assert.equal(describe(row({ status: "queued", pool: "io" }), 500).pool, "io");
  assert.equal(
    describe(row({ status: "completed", pool: "io", worker: "127.0.0.1:7" }), 500).pool,
    "io",
  );
});

test("an error is said before all else, a retry counts down", () => {
  assert.equal(describe(row({ error: "ValueError: x", step: "pages" }), 0).note, "ValueError: x");
  assert.equal(describe(row({ status: "queued", retry: 112 }), 100).note, "next attempt in 12s");
});

test("a root in a panel says when it was submitted, and how long it took since then", () => {
  const said = describeRoot(
    row({ status: "completed", created: 100, ended: 160, result: "7" }),
    200,
  );

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
  const here = row({
    status: "waiting_for_children",
    progress: 50,
    counts: { completed: 1, running: 1 },
    started: 0,
    worker: "127.0.0.1:77",
    pool: "gpu",
    tokens: 1200,
    cost: "0.5",
    attempt: 2,
  });

  assert.equal(
    label(here, describe(here, 20)),
    "embed, waiting for children, 50%, 1 of 2 done, attempt 2, 20s elapsed, on gpu :77, 1.2k tokens, $0.50",
  );
});
