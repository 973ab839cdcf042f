import assert from "node:assert/strict";
import { test } from "node:test";
import { Forest, lines, nextFailed, opensByItself } from "../../parrot_async/view/static/forest.js";
import { rowsOf } from "./kernel.mjs";

function forestOf(...rows) {
  const forest = new Forest();
  for (const row of rows) forest.add({ title: row.id, status: "queued", ...row });
  return forest;
}
const ids = (nodes) => nodes.map((node) => node.row.id);

test("rows stand below their parents, and know their level and place", () => {
  const forest = forestOf(
    { id: "a" },
    { id: "a.0", parent: "a" },
    { id: "a.1", parent: "a" },
    { id: "a.0.0", parent: "a.0" },
  );

  assert.deepEqual(ids(lines(forest.roots, () => true)), ["a", "a.0", "a.0.0", "a.1"]);
  assert.deepEqual(ids(lines(forest.roots, (node) => node.row.id === "a")), ["a", "a.0", "a.1"]);
  assert.deepEqual([forest.nodes.get("a.1").level, forest.nodes.get("a.1").place], [2, 1]);
});

test("the tally counts leaves alone, whatever happens to them", () => {
  const forest = forestOf(
    { id: "a", status: "running" },
    { id: "a.0", parent: "a" },
    { id: "a.1", parent: "a" },
  );
  forest.patch("a.0", { status: "running" });
  assert.equal(forest.tally.running, 1);
  assert.equal(forest.tally.queued, 1);

  forest.add({ id: "a.1.0", parent: "a.1", title: "", status: "failed" });
  forest.patch("a.1", { status: "completed" });
  assert.deepEqual({ ...forest.tally }, { running: 1, queued: 0, failed: 1 });

  forest.prune(forest.nodes.get("a.1"));
  assert.deepEqual({ ...forest.tally }, { running: 1, queued: 0, failed: 0, completed: 1 });
  forest.remove("a");
  assert.ok(Object.values(forest.tally).every((count) => count === 0));
  assert.equal(forest.nodes.size, 0);
});

test("null puts a field back to its default", () => {
  const forest = forestOf({ id: "a", progress: 3, step: "x" });

  forest.patch("a", { progress: null, step: "y" });

  assert.deepEqual(forest.nodes.get("a").row, { id: "a", title: "a", status: "queued", step: "y" });
});

test("the columns that a tree needs are remembered", () => {
  const forest = forestOf({ id: "a" });
  assert.equal(forest.fields.has("cost"), false);

  forest.patch("a", { cost: "0.1" });

  assert.equal(forest.fields.has("cost"), true);
});

test("new roots of a panel may come first", () => {
  const forest = forestOf({ id: "a" });

  forest.add({ id: "b", title: "", status: "queued" }, true);

  assert.deepEqual(ids(forest.roots), ["b", "a"]);
  assert.deepEqual(
    forest.roots.map((root) => root.place),
    [0, 1],
  );
});

test("a small tree is open, a big one where something happens or went wrong", () => {
  const forest = forestOf(
    { id: "a", status: "completed" },
    { id: "a.0", parent: "a", status: "completed" },
    { id: "a.0.0", parent: "a.0" },
  );
  const [root, group] = [forest.nodes.get("a"), forest.nodes.get("a.0")];

  assert.equal(opensByItself(root, 10_000), true);
  assert.equal(opensByItself(group, 3), true);
  assert.equal(opensByItself(group, 10_000), false);
  forest.patch("a.0", { status: "running" });
  assert.equal(opensByItself(group, 10_000), true);
  forest.patch("a.0", { status: "completed", counts: { completed: 3, failed: 1 } });
  assert.equal(opensByItself(group, 10_000), true);
});

test("no crowd opens by itself below the root", () => {
  const forest = forestOf({ id: "a" }, { id: "a.0", parent: "a", status: "running" });
  for (let place = 0; place < 51; place++)
    forest.add({ id: `a.0.${place}`, parent: "a.0", title: "", status: "running" });

  assert.equal(opensByItself(forest.nodes.get("a.0"), 53), false);
});

test("nor a crowd of which but a few are here", () => {
  const forest = forestOf(
    { id: "a" },
    { id: "a.0", parent: "a", status: "running", counts: { queued: 50, running: 1 } },
    { id: "a.0.0", parent: "a.0" },
  );

  assert.equal(opensByItself(forest.nodes.get("a.0"), 53), false);
  forest.patch("a.0", { counts: { queued: 49, running: 1 } });
  assert.equal(opensByItself(forest.nodes.get("a.0"), 53), true);
});

test("the next that failed is found in order, and from the beginning again after the last", () => {
  const forest = forestOf(
    { id: "a", status: "failed", counts: { failed: 2 } },
    { id: "a.0", parent: "a", status: "failed" },
    { id: "a.1", parent: "a", status: "completed" },
    { id: "a.2", parent: "a", status: "failed" },
  );
  const after = (id) => nextFailed(forest.roots, forest.nodes.get(id))?.row.id;

  assert.equal(after(undefined), "a.0");
  assert.equal(after("a"), "a.0");
  assert.equal(after("a.0"), "a.2");
  assert.equal(after("a.2"), "a.0");
  forest.patch("a.0", { status: "completed" });
  forest.patch("a.2", { status: "completed" });
  assert.equal(after("a"), undefined);
});

test("a hundred thousand rows are no deep recursion", () => {
  const forest = forestOf({ id: "a" });
  let parent = "a";
  for (let level = 0; level < 100_000; level++) {
    forest.add({ id: `${level}`, parent, title: "", status: "queued" });
    parent = `${level}`;
  }

  assert.equal(lines(forest.roots, () => true).length, 100_001);
});

test("the fake kernel's trees have as many rows as asked for, parents first", () => {
  const rows = rowsOf(10_000);
  const seen = new Set();

  assert.equal(rows.length, 10_000);
  for (const row of rows) {
    assert.ok(row.parent === undefined || seen.has(row.parent));
    seen.add(row.id);
  }
});
