import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn } from "./dom.mjs";
import { family, viewOf } from "./views.mjs";

const words = (line, part) => line.element.querySelector(`.pj-${part}`).textContent;

test("a line has what its row says, each in its place", async () => {
  const { view } = await viewOf(family());

  const line = view.lines.shown.get("a.2");

  assert.equal(words(line, "title"), "embed");
  assert.equal(words(line, "status"), "Running");
  assert.equal(words(line, "percent"), "40%");
  assert.equal(words(line, "worker"), "cpu-1");
  assert.equal(line.fill.style.transform, "scaleX(0.4)");
  assert.equal(line.bar.hidden, false);
});

test("assistive technology hears where a line is in the tree", async () => {
  const { view } = await viewOf(family());
  const { element } = view.lines.shown.get("a.1");
  const said = (name) => element.getAttribute(`aria-${name}`);

  assert.deepEqual(["level", "posinset", "setsize", "expanded"].map(said), ["2", "2", "3", null]);
  assert.equal(said("label"), "split, failed, ValueError: x");
  assert.equal(view.lines.shown.get("a").element.getAttribute("aria-expanded"), "true");
});

test("a line that shows another job keeps nothing of the first", async () => {
  const { view, feed } = await viewOf(family());
  const line = view.lines.shown.get("a.1");

  line.show(view, feed.forest.nodes.get("a.0"), 0, feed.now());

  assert.equal(line.element.getAttribute("data-error"), null);
  assert.equal(line.element.getAttribute("data-status"), "completed");
  assert.equal(words(line, "note"), "→ 7");
  assert.equal(line.bar.hidden, true);
});

test("the name of a pool is not said twice", async () => {
  const { kernel, view } = await viewOf(family());
  const line = view.lines.shown.get("a.2");

  kernel.delta({ set: [["a.2", { pool: "cpu" }]] });
  await drawn();
  assert.equal(words(line, "pool"), "");
  kernel.delta({ set: [["a.2", { pool: "gpu" }]] });
  await drawn();

  assert.equal(words(line, "pool"), "gpu");
});
