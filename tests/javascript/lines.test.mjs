import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn } from "./dom.mjs";
import { family, viewOf } from "./views.mjs";

const ROW = 26;

/** A root with many children. */
function many(count) {
  const [root] = family();
  const child = (place) => ({ id: `a.${place}`, parent: "a", title: `${place}`, status: "queued" });
  return [root, ...Array.from({ length: count }, (_, place) => child(place))];
}

test("of many lines only those in sight are elements", async () => {
  const { view } = await viewOf(many(30));

  assert.deepEqual(view.lines.range(), [0, 21]);
  assert.equal(view.lines.space.children.length, 21);
  assert.equal(view.lines.space.style.height, `${31 * ROW}px`);
});

test("elements are used again when the lines are scrolled", async () => {
  const { view } = await viewOf(many(35));
  const before = new Set(view.lines.space.children);

  view.lines.element.scrollTop = 12 * ROW;
  view.changed(new Set());
  await drawn();

  const after = [...view.lines.space.children];
  assert.equal(view.lines.shown.has("a.0"), false);
  assert.equal(view.lines.shown.has("a.20"), true);
  assert.ok(after.filter((line) => before.has(line)).length >= 20);
});

test("lines that go above leave what is in sight where it is", async () => {
  const { view } = await viewOf(many(35));
  view.lines.element.scrollTop = 10 * ROW;

  const nodes = view.lines.nodes.filter(({ row }) => row.id !== "a.0");
  view.lines.set(nodes);

  assert.equal(view.lines.element.scrollTop, 9 * ROW);
});

test("a row that has not changed is not drawn again", async () => {
  const { view, feed } = await viewOf(family());
  feed.forest.nodes.get("a.0").row.title = "other";
  feed.forest.nodes.get("a.1").row.title = "another";

  view.lines.draw(new Set(["a.1"]));

  assert.equal(view.lines.shown.get("a.0").title.textContent, "read");
  assert.equal(view.lines.shown.get("a.1").title.textContent, "another");
});

test("only rows that have not ended tick", async () => {
  const { view } = await viewOf(family());

  assert.deepEqual(view.lines.ticking(), new Set(["a", "a.2"]));
});

test("the line with the keyboard is named to assistive technology", async () => {
  const { view } = await viewOf(family());

  view.activate("a.1");
  await drawn();

  const name = view.lines.element.getAttribute("aria-activedescendant");
  assert.equal(name, view.domId("a.1"));
});
