/**
 * The rows as trees.
 *
 * @import { Counts, Row, Status } from "./protocol.js"
 * @typedef {{row: Row, parent: TreeNode | null, children: TreeNode[], level: number,
 *   place: number}} TreeNode
 */
import { sumOf, UNDER_WAY } from "./status.js";

const SMALL = 40;

const CROWD = 50;

/** Fields that whole trees lack. */
export const SPARE = /** @type {const} */ (["worker", "tokens", "cost"]);

/** The rows as trees, with a tally of the leaves by status. */
export class Forest {
  constructor() {
    /** @type {Map<string, TreeNode>} */
    this.nodes = new Map();
    /** @type {TreeNode[]} */
    this.roots = [];
    /** @type {Counts} */
    this.tally = {};
    /** @type {Set<string>} Those of `SPARE` that any row has ever had. */
    this.fields = new Set();
  }

  /** Put a row below its parent, which is there already; without one it is a root.
   * @param {Row} row
   * @param {boolean} [first] before the other roots */
  add(row, first = false) {
    const parent = row.parent === undefined ? null : (this.nodes.get(row.parent) ?? null);
    const level = parent ? parent.level + 1 : 1;
    const siblings = parent ? parent.children : this.roots;
    if (parent?.children.length === 0) this.count(parent.row.status, -1);
    const node = { row, parent, children: [], level, place: siblings.length };
    this.nodes.set(row.id, node);
    if (first) this.order([node, ...this.roots]);
    else siblings.push(node);
    this.count(row.status, 1);
    this.look(row);
    return node;
  }

  /** Change fields of a row in place; null puts one back to its default.
   * @param {string} id
   * @param {Record<string, unknown>} changes
   * @returns {boolean} whether what is open by itself may have changed */
  patch(id, changes) {
    const node = this.nodes.get(id);
    if (!node) return false;
    const row = node.row;
    if ("status" in changes && !node.children.length) this.count(row.status, -1);
    merge(row, changes);
    this.look(row);
    if ("status" in changes && !node.children.length) this.count(row.status, 1);
    return node.children.length > 0 && ("status" in changes || "counts" in changes);
  }

  /** Take a root away, with all that is below it.
   * @param {string} id */
  remove(id) {
    const node = this.nodes.get(id);
    if (!node) return;
    this.prune(node);
    this.count(node.row.status, -1);
    this.nodes.delete(id);
    this.order(this.roots.filter((root) => root !== node));
  }

  /** Take away what is below a node.
   * @param {TreeNode} node */
  prune(node) {
    if (!node.children.length) return;
    for (const below of walk(node.children)) {
      if (!below.children.length) this.count(below.row.status, -1);
      this.nodes.delete(below.row.id);
    }
    node.children = [];
    this.count(node.row.status, 1);
  }

  /** @param {Row} row */
  look(row) {
    for (const field of SPARE) if (row[field]) this.fields.add(field);
  }

  /** @param {Status} status
   * @param {number} by */
  count(status, by) {
    this.tally[status] = (this.tally[status] ?? 0) + by;
  }

  /** @param {TreeNode[]} roots */
  order(roots) {
    this.roots = roots;
    for (const [place, root] of roots.entries()) root.place = place;
  }
}

/** @param {Record<string, any>} into
 * @param {Record<string, unknown>} changes */
function merge(into, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete into[name];
    else into[name] = value;
  }
}

/** All nodes, parents first.
 * @param {TreeNode[]} nodes
 * @returns {Generator<TreeNode>} */
export function* walk(nodes) {
  const ahead = [...nodes].reverse();
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    yield node;
    for (let place = node.children.length; place-- > 0; ) ahead.push(node.children[place]);
  }
}

/** The nodes that have a line, in order: those whose ancestors are all open.
 * @param {TreeNode[]} roots
 * @param {(node: TreeNode) => boolean} isOpen
 * @returns {TreeNode[]} */
export function lines(roots, isOpen) {
  /** @type {TreeNode[]} */
  const shown = [];
  const ahead = [...roots].reverse();
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    shown.push(node);
    if (!node.children.length || !isOpen(node)) continue;
    for (let place = node.children.length; place-- > 0; ) ahead.push(node.children[place]);
  }
  return shown;
}

/** Whether a node is open as long as nobody says otherwise: all of a small tree; of a big one the
 * paths where something happens or went wrong, but no crowds, of which not all may be here yet.
 * @param {TreeNode} node
 * @param {number} size nodes of the tree */
export function opensByItself(node, size) {
  if (!node.parent || size <= SMALL) return true;
  const telling = UNDER_WAY.has(node.row.status) || Boolean(node.row.counts?.failed);
  return telling && Math.max(node.children.length, sumOf(node.row.counts ?? {})) <= CROWD;
}

/** The next node that failed by itself after this one, from the beginning again after the last.
 * @param {TreeNode[]} roots
 * @param {TreeNode | undefined} after */
export function nextFailed(roots, after) {
  const failed = (/** @type {TreeNode} */ node) =>
    node.row.status === "failed" && !node.row.counts?.failed;
  /** @type {TreeNode | undefined} */
  let first;
  let passed = after === undefined;
  for (const node of walk(roots)) {
    if (failed(node) && passed) return node;
    if (failed(node)) first ??= node;
    passed ||= node === after;
  }
  return first;
}
