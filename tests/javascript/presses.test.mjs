import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { feedOf, snapshot, watching } from "./feeds.mjs";
import { Model } from "./kernel.mjs";

test("a press is pending until its answer, which goes to whoever looks", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);
  model.tell({ t: "beat", at: 1 });

  feed.press("cancel", feed.forest.nodes.get("a.0").row);
  const asked = model.sent.at(-1);
  assert.deepEqual({ ...asked, n: 0 }, { t: "act", n: 0, action: "cancel", ids: ["a.0"] });
  assert.equal(feed.presses.of("a.0"), "cancel");

  model.tell({ t: "done", n: asked.n + 1, error: "another's" });
  assert.equal(feed.presses.of("a.0"), "cancel");
  model.tell({ t: "done", n: asked.n, error: "too late" });
  assert.equal(feed.presses.of("a.0"), undefined);
  assert.deepEqual(
    told.answers.map(([press, error]) => [press.id, error]),
    [["a.0", "too late"]],
  );
  mock.timers.tick(10_000);
  assert.deepEqual(told.late, []);
});

test("a press that nobody answers is said to be late, and stays pending for a busy kernel", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);
  model.tell({ t: "beat", at: 1 });
  feed.press("cancel", feed.forest.nodes.get("a").row);

  mock.timers.tick(9_000);
  model.tell({ t: "beat", at: 10 });
  mock.timers.tick(2_000);
  assert.deepEqual([told.late, feed.presses.of("a")], [["a"], "cancel"]);

  mock.timers.tick(13_000); // and then the kernel is gone
  assert.equal(feed.presses.of("a"), undefined);
});
