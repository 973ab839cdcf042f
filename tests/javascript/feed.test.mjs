import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { child, feedOf, row, START, snapshot, watching } from "./feeds.mjs";
import { Kernel, Model } from "./kernel.mjs";

test("the first word is a hello, and buttons wait for the kernel's", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
  assert.deepEqual([feed.state, feed.can], ["new", []]);
  model.tell({ t: "beat", at: START / 1000 });
  assert.deepEqual([feed.state, feed.can], ["live", ["cancel"]]);
});

test("deltas change rows in place, so that the saved state is the present", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 6 });
  const told = watching(feed);

  model.tell({ t: "delta", rev: 6, at: 7, set: [["a.0", { progress: 40 }]] });
  model.tell({
    t: "delta",
    rev: 7,
    at: 8,
    new: [child("a.1", "a")],
    set: [["a", { status: "waiting_for_children" }]],
    over: true,
  });

  assert.deepEqual(
    model.get("snapshot"),
    snapshot({
      rev: 7,
      at: 8,
      over: true,
      read: true,
      rows: [
        row("a", { status: "waiting_for_children" }),
        child("a.0", "a", { progress: 40 }),
        child("a.1", "a"),
      ],
    }),
  );
  assert.deepEqual(told.changes, [new Set(["a.0"]), null]);
});

test("a gap makes one hello, whatever comes after it, and the answer mends it", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  model.tell({ t: "delta", rev: 7, at: 2, set: [["a", { progress: 9 }]] });
  model.tell({ t: "delta", rev: 8, at: 3, set: [["a", { progress: 10 }]] });
  assert.deepEqual(model.sent, [{ t: "hello", rev: 0 }]);
  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);

  model.tell({ t: "full", snapshot: snapshot({ rev: 8, rows: [row("a", { progress: 10 })] }) });
  model.tell({ t: "delta", rev: 9, at: 4, set: [["a", { progress: 11 }]] });
  assert.equal(feed.forest.nodes.get("a").row.progress, 11);
  assert.equal(model.get("snapshot").rev, 9);

  model.tell({ t: "delta", rev: 12, at: 5 });
  assert.deepEqual(model.sent.at(-1), { t: "hello", rev: 0 });
});

test("a full answer is enough to ask again after the next gap", () => {
  const model = new Model(snapshot());
  feedOf(model);

  model.tell({ t: "delta", rev: 7, at: 1 });
  model.tell({ t: "full", snapshot: snapshot({ rev: 8 }) });
  model.tell({ t: "delta", rev: 10, at: 1 });

  assert.deepEqual(model.sent, [
    { t: "hello", rev: 5 },
    { t: "hello", rev: 0 },
    { t: "hello", rev: 0 },
  ]);
});

test("a beat of another revision says that something was lost, but not that of a kernel with no rows", () => {
  const model = new Model(snapshot());
  feedOf(model);
  model.sent.length = 0;

  model.tell({ t: "beat", at: 1, rev: 5 });
  model.tell({ t: "beat", at: 2, rev: 0 });
  assert.deepEqual(model.sent, []);

  model.tell({ t: "beat", at: 3, rev: 7 });
  assert.deepEqual(model.sent, [{ t: "hello", rev: 0 }]);
});

test("rows that came as a state are not asked for again", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.set("snapshot", snapshot({ rev: 9, over: true }));
  model.tell({ t: "beat", at: 1, rev: 9 });

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
  assert.equal(feed.state, "live");
});

test("a parent that ends may shut, so all lines are found anew", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 1 });
  const told = watching(feed);

  model.tell({
    t: "delta",
    rev: 6,
    at: 7,
    set: [
      ["a", { status: "completed" }],
      ["a.0", { progress: 3 }],
    ],
  });

  assert.deepEqual(told.changes, [null]);
});

test("what was heard before changes nothing", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  model.tell({ t: "delta", rev: 5, at: 9, set: [["a", { progress: 9 }]] });

  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);
  assert.deepEqual(model.sent, []);
});

test("a changed snapshot trait is shown", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);

  model.set(
    "snapshot",
    snapshot({ rev: 9, over: true, rows: [row("a", { status: "completed" })] }),
  );

  assert.equal(feed.forest.tally.completed, 1);
  assert.deepEqual(told.changes, [null]);
});

test("the first word, and the first after silence, draw all anew", () => {
  const model = new Model(snapshot());
  const told = watching(feedOf(model));

  model.tell({ t: "beat", at: 1 });
  model.tell({ t: "beat", at: 2 });
  assert.deepEqual(told.changes, [null]);

  mock.timers.tick(13_000);
  model.tell({ t: "beat", at: 15 });
  assert.deepEqual(told.changes, [null, null]);
});

test("a tree that is open in a panel counts its own revisions", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const at = START / 1000;

  feed.open("a");
  kernel.model.tell({
    t: "full",
    of: "a",
    snapshot: {
      view: "tree",
      rev: 3,
      at,
      rows: [row("a", { step: "x" }), child("a.0", "a")],
      over: false,
      can: [],
    },
  });
  kernel.model.tell({
    t: "delta",
    of: "a",
    rev: 4,
    at,
    set: [["a.0", { progress: 50 }]],
    new: [child("a.1", "a")],
  });
  kernel.delta({ new: [row("c")], set: [["b", { progress: 9 }]] });

  assert.deepEqual(
    feed.forest.roots.map(({ row: { id } }) => id),
    ["c", "b", "a"],
  );
  assert.deepEqual(
    feed.forest.nodes.get("a").children.map(({ row: { id } }) => id),
    ["a.0", "a.1"],
  );
  assert.equal(feed.forest.nodes.get("a").row.step, "x");
  assert.deepEqual(
    kernel.model.get("snapshot").rows.map(({ id }) => id),
    ["c", "b", "a"],
  );

  kernel.delta({ gone: ["b"] });
  kernel.model.tell({ t: "full", snapshot: kernel.snapshot() });
  assert.deepEqual(feed.forest.nodes.get("a").children.length, 2);
  assert.deepEqual(
    kernel.model.get("snapshot").rows.map(({ id }) => id),
    ["a", "c"],
  );

  feed.open(null);
  kernel.model.tell({ t: "delta", of: "a", rev: 5, at, set: [["a", { progress: 77 }]] });
  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);
  assert.equal(feed.forest.nodes.size, 2);
});

test("a tree that is open in a panel is shut when the panel has it no more", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const fill = { t: "full", of: "a", snapshot: snapshot() };

  feed.open("a");
  kernel.model.tell(fill);
  kernel.delta({ gone: ["a"] });
  assert.deepEqual(kernel.model.sent.at(-1), { t: "open", id: null });
  kernel.model.tell({ t: "delta", of: "a", rev: 6, at: 1, new: [child("a.1", "a")] });

  assert.deepEqual([...feed.forest.nodes.keys()], ["b"]);
});

test("a tree that is open in a panel is shut by a filter that leaves it out", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);

  feed.open("a");
  kernel.model.tell({ t: "full", snapshot: snapshot({ view: "panel", rows: [row("b")] }) });

  assert.deepEqual([feed.opened, kernel.model.sent.at(-1)], [null, { t: "open", id: null }]);
});

test("details of the job that was asked about last are kept", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  feed.look("a.0");
  model.tell({ t: "details", id: "a.0", prompt: "why" });

  assert.deepEqual(model.sent.at(-1), { t: "look", id: "a.0" });
  assert.equal(feed.about.prompt, "why");
});

test("how many rows are still to come is known from the first one on", () => {
  const model = new Model(snapshot({ more: 2 }));
  const feed = feedOf(model);
  model.tell({ t: "beat", at: START / 1000 });

  model.tell({ t: "delta", rev: 6, at: 7, new: [child("a.1", "a")], more: 1 });
  model.tell({ t: "delta", rev: 7, at: 8, set: [["a.1", { progress: 3 }]] });

  assert.equal(feed.snapshot.more, 1);
});
