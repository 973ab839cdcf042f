import assert from "node:assert/strict";
import { test } from "node:test";
import { isShortcut, Shortcuts } from "../../parrot_async/view/static/shortcuts.js";

const key = (name, held = {}, target = null) => ({
  key: name,
  target,
  getModifierState: () => held.altGraph ?? false,
  ...held,
});

test("keys with a modifier are Jupyter's, but for those that edit text", () => {
  assert.ok(isShortcut(key("s", { ctrlKey: true })));
  assert.ok(isShortcut(key("s", { metaKey: true })));
  assert.ok(isShortcut(key("C", { ctrlKey: true, shiftKey: true })));
  for (const one of [key("s"), key("A", { shiftKey: true }), key("Enter", { ctrlKey: true })])
    assert.ok(!isShortcut(one));
  for (const letter of "acvxyz") assert.ok(!isShortcut(key(letter, { ctrlKey: true })));
  assert.ok(!isShortcut(key("@", { ctrlKey: true, altKey: true, altGraph: true })));
});

class Element {
  constructor(parent, marked) {
    this.parentElement = parent;
    this.marked = marked;
  }
  contains(other) {
    for (let one = other; one; one = one.parentElement) if (one === this) return true;
    return false;
  }
  hasAttribute() {
    return this.marked;
  }
  setAttribute() {
    this.marked = true;
  }
  removeAttribute() {
    this.marked = false;
  }
}

test("a shortcut finds no mark on its way, and the next key does", () => {
  const listeners = new Set();
  globalThis.HTMLElement = Element;
  globalThis.window = {
    addEventListener: (_, listener) => listeners.add(listener),
    removeEventListener: (_, listener) => listeners.delete(listener),
  };
  const outside = new Element(null, true);
  const view = new Element(outside, false);
  const tree = new Element(view, true);
  const button = new Element(tree, true);
  const shortcuts = new Shortcuts(view);
  const type = (event) => {
    for (const listener of [...listeners]) listener(event);
  };

  type(key("s", { ctrlKey: true }, button));
  assert.deepEqual([outside.marked, tree.marked, button.marked], [true, false, false]);
  type(key("b", {}, button));
  assert.deepEqual([outside.marked, tree.marked, button.marked], [true, true, true]);
  type(key("s", { ctrlKey: true }, outside));
  assert.deepEqual([outside.marked, tree.marked, button.marked], [true, true, true]);

  shortcuts.remove();
  assert.equal(listeners.size, 0);
});
