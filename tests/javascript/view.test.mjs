import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, texts } from "./dom.mjs";
import { family, viewOf } from "./views.mjs";

const sent = (kernel, kind) => kernel.model.sent.filter(({ t }) => t === kind);

/** Click on what a selector finds. */
async function click(view, selector) {
  view.element.querySelector(selector).click();
  await drawn();
}

test("a click on a row opens its details, a second one shuts them", async () => {
  const { kernel, view } = await viewOf(family());

  await click(view, '[data-id="a.1"] .pj-title');
  assert.equal(view.details.element.hidden, false);
  assert.equal(view.node.row.id, "a.1");
  await click(view, '[data-id="a.1"] .pj-title');

  assert.equal(view.details.element.hidden, true);
  assert.deepEqual(sent(kernel, "look").at(-1), { t: "look", id: null });
});

test("a twisty shuts its part of the tree, and the rules open it no more", async () => {
  const { kernel, view } = await viewOf(family());
  assert.deepEqual(texts(view.lines.space, ".pj-title"), ["ingest", "read", "split", "embed"]);

  await click(view, '[data-id="a"] .pj-twisty');
  kernel.delta({ set: [["a", { status: "running" }]] });
  await drawn();

  assert.deepEqual(texts(view.lines.space, ".pj-title"), ["ingest"]);
});

test("a button asks the kernel, and what it could not do is said until it is dismissed", async () => {
  const { kernel, view } = await viewOf(family());

  view.answered({ id: "a.2", action: "cancel", title: "embed" }, "it has ended");
  await drawn();
  assert.equal(view.notice.element.textContent, "Could not cancel “embed”: it has ended");
  assert.equal(view.voice.textContent, "Could not cancel “embed”: it has ended");
  await click(view, '[data-act="dismiss"]');
  assert.equal(view.notice.element.hidden, true);

  await click(view, '[data-id="a.2"] [data-act="cancel"]');
  assert.deepEqual(sent(kernel, "act")[0].ids, ["a.2"]);
});

test("a job that runs again has a new id, which a tree says how to show", async () => {
  const { view } = await viewOf(family());

  view.answered({ id: "a", action: "retry", title: "ingest" }, undefined, "b");

  const words = '“ingest” runs again as b: await client.attach("b") shows it';
  assert.equal(view.voice.textContent, words);
});

test("the next failed job is shown, whatever was shut above it", async () => {
  const { view } = await viewOf(family());
  await click(view, '[data-id="a"] .pj-twisty');

  await click(view, '[data-act="next"]');

  assert.equal(view.active, "a.1");
  assert.ok(texts(view.lines.space, ".pj-title").includes("split"));
});

test("a new state of the whole tree is spoken, and no other one", async () => {
  const { kernel, view } = await viewOf(family());

  kernel.delta({ set: [["a.2", { status: "completed" }]] });
  await drawn();
  assert.equal(view.voice.textContent, "");
  kernel.delta({ set: [["a", { status: "failed" }]] });
  await drawn();

  assert.equal(view.voice.textContent, "ingest: failed");
});

test("the rows in sight are those that are drawn, and the one whose details are open", async () => {
  const { view } = await viewOf(family());
  view.look("a.2");
  await click(view, '[data-id="a"] .pj-twisty');
  view.activate("a.2");

  assert.deepEqual(view.rows, ["a", "a.2"]);
});

test("a view that is removed leaves nothing behind", async () => {
  const { feed, view } = await viewOf(family());

  view.remove();

  assert.equal(view.element.parentNode, null);
  assert.equal(feed.views.size, 0);
});
