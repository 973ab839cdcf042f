/**
 * Which parts of a tree are open.
 *
 * @import { Feed } from "./feed.js"
 * @import { TreeNode } from "./forest.js"
 * @import { Row } from "./protocol.js"
 */
import { lines, opensByItself } from "./forest.js";

/** For how long a pointer that has moved is taken for a hand. */
const HAND = 3_000;

/** What is open in one view: what somebody has opened or shut, else what the rules say. */
export class Outline {
  /** @param {Feed} feed
   * @param {boolean} panel whether the roots are jobs of a panel */
  constructor(feed, panel) {
    this.feed = feed;
    this.panel = panel;
    /** @type {Map<string, boolean>} What somebody has opened or shut, whatever the rules say. */
    this.choices = new Map();
    /** @type {Map<string, boolean>} Which lines are open now. */
    this.open = new Map();
    this.pointed = -Infinity;
  }

  /** The pointer has moved over the lines. */
  point() {
    this.pointed = Date.now();
  }

  /** The pointer has left the lines. */
  left() {
    this.pointed = -Infinity;
  }

  /** @param {TreeNode} node
   * @param {boolean} open */
  choose(node, open) {
    const id = node.row.id;
    if (this.panel && !node.parent) this.feed.open(open ? id : null);
    else this.choices.set(id, open);
  }

  /** Have a node in an open part.
   * @param {TreeNode} node */
  uncover(node) {
    for (let above = node.parent; above; above = above.parent) this.choices.set(above.row.id, true);
  }

  /** Find the lines anew.
   * @param {(row: Row) => boolean} fits whether a root is to be shown */
  lines(fits) {
    const { roots, nodes } = this.feed.forest;
    const before = this.open;
    this.open = new Map();
    const isOpen = (/** @type {TreeNode} */ node) => {
      const open = this.decide(node, nodes.size, before);
      this.open.set(node.row.id, open);
      return open;
    };
    return lines(
      roots.filter(({ row }) => fits(row)),
      isOpen,
    );
  }

  /** Nothing opens or shuts by itself under a hand that is about to press something.
   * @param {TreeNode} node
   * @param {number} size
   * @param {Map<string, boolean>} before */
  decide(node, size, before) {
    const id = node.row.id;
    if (this.panel && !node.parent) return this.feed.opened?.id === id;
    const held = Date.now() - this.pointed < HAND ? before.get(id) : undefined;
    return this.choices.get(id) ?? held ?? opensByItself(node, size);
  }

  /** Whether there is, or may be, something below: of the jobs of a panel only the open one is
   * known.
   * @param {TreeNode} node */
  opens(node) {
    if (node.children.length || !this.panel || node.parent) return node.children.length > 0;
    const { opened } = this.feed;
    return opened?.id !== node.row.id || !opened.rev;
  }

  /** @param {TreeNode} node */
  isOpen(node) {
    return this.open.get(node.row.id) ?? this.feed.opened?.id === node.row.id;
  }
}
