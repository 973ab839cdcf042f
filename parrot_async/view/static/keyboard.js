/**
 * The keys that walk through a tree.
 *
 * @import { TreeNode } from "./forest.js"
 * @import { View } from "./view.js"
 */
import { ROW } from "./line.js";
import { MOST } from "./lines.js";

/** The keyboard of one view: which line has it, and where each key leads. */
export class Keyboard {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
  }

  /** The keyboard begins with the first line in sight; a pointer says itself what it wants. */
  entered() {
    const tree = this.view.lines.element;
    if (this.view.active === null && tree.matches(":focus-visible")) {
      this.go(Math.ceil(tree.scrollTop / ROW));
    }
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    const tree = this.view.lines.element;
    if (event.target !== tree || event.ctrlKey || event.metaKey || event.altKey) return;
    const go = this.keys()[event.key];
    if (!go) return;
    event.preventDefault();
    event.stopPropagation();
    go();
  }

  /** @returns {Record<string, () => void>} */
  keys() {
    const { view } = this;
    const { node } = view;
    return {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      PageDown: () => this.move(MOST - 1),
      PageUp: () => this.move(1 - MOST),
      Home: () => this.go(0),
      End: () => this.go(view.lines.nodes.length - 1),
      ArrowRight: () => node && this.inwards(node),
      ArrowLeft: () => node && this.outwards(node),
      Enter: () => node && view.chosen(node.row.id),
      " ": () => node && view.outline.opens(node) && view.toggle(node),
      Escape: () => view.detailed && view.shut(),
    };
  }

  /** @param {number} by */
  move(by) {
    const { lines, node } = this.view;
    this.go((node ? lines.nodes.indexOf(node) : 0) + by);
  }

  /** @param {number} place */
  go(place) {
    const { nodes } = this.view.lines;
    const node = nodes[Math.max(0, Math.min(place, nodes.length - 1))];
    if (!node) return;
    this.view.lines.reveal(nodes.indexOf(node));
    this.view.activate(node.row.id);
  }

  /** @param {TreeNode} node */
  inwards(node) {
    if (!this.view.outline.opens(node)) return;
    if (this.view.outline.isOpen(node)) this.move(1);
    else this.view.toggle(node, true);
  }

  /** @param {TreeNode} node */
  outwards(node) {
    const { outline, lines } = this.view;
    if (outline.opens(node) && outline.isOpen(node)) this.view.toggle(node, false);
    else if (node.parent) this.go(lines.nodes.indexOf(node.parent));
  }
}
