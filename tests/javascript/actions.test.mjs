import assert from "node:assert/strict";
import { test } from "node:test";
import { actions } from "../../parrot_async/view/static/actions.js";

const row = (changes) => ({ id: "a", title: "embed", status: "running", ...changes });

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
  assert.deepEqual(offered({ status: "failed" }), ["retry"]);
  for (const status of ["completed", "failed", "cancelled"])
    assert.deepEqual(offered({ status, incomplete: true }), ["retry_failed", "retry"]);
});
