/**
 * One place on a page where a feed is shown.
 *
 * @import { Feed } from "./feed.js"
 * @import { TreeNode } from "./forest.js"
 * @import { Press } from "./presses.js"
 * @import { Action } from "./protocol.js"
 */
import { LABELS } from "./actions.js";
import { Chooser } from "./chooser.js";
import { DetailsPane } from "./details.js";
import { box, mark, put } from "./elements.js";
import { nextFailed, SPARE } from "./forest.js";
import { Keyboard } from "./keyboard.js";
import { Lines } from "./lines.js";
import { Notice } from "./notice.js";
import { Outline } from "./outline.js";
import { Shortcuts } from "./shortcuts.js";
import { inFull } from "./status.js";
import { Summary } from "./summary.js";
import { many } from "./wording.js";

/** The elements of a view, and what people do with them. */
export class View {
  /** @param {Feed} feed
   * @param {HTMLElement} place */
  constructor(feed, place) {
    this.feed = feed;
    this.name = Math.random().toString(36).slice(2); // another view may show the same job
    this.panel = feed.snapshot.view === "panel";
    /** @type {string | null} The job whose line has the keyboard. */
    this.active = null;
    this.detailed = false;
    /** @type {Set<string> | null} The rows that wait to be drawn again; null: all, in new order. */
    this.waiting = new Set();
    this.frame = 0;
    this.state = "";
    this.said = "";
    this.near = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.looking = undefined;
    this.outline = new Outline(feed, this.panel);
    this.keyboard = new Keyboard(this);
    this.chooser = this.panel ? new Chooser(this) : null;
    this.head = this.chooser ?? new Summary(this);
    this.notice = new Notice(this);
    this.lines = new Lines(this);
    this.empty = box("empty", { hidden: "" });
    this.more = box(
      "button more",
      { type: "button", "data-act": "more", hidden: "" },
      [],
      "button",
    );
    this.details = new DetailsPane(this);
    this.voice = box("voice", { "aria-live": "polite" });
    this.element = box("", {}, this.parts());
    this.element.className = "parrot-jobs";
    this.shortcuts = new Shortcuts(this.element);
    this.watch = new IntersectionObserver((entries) => {
      this.sight(entries[entries.length - 1].isIntersecting);
    });
    this.turned = () => this.sight(this.near);
    this.listen();
    this.chooser?.ask(); // what the kernel remembers may be of an earlier page
    place.append(this.element);
    feed.views.add(this);
    this.changed(null);
  }

  parts() {
    const { head, notice, lines, details } = this;
    const above = [head.element, notice.element, lines.element];
    return [...above, this.empty, this.more, details.element, this.voice];
  }

  listen() {
    const tree = this.lines.element;
    this.element.addEventListener("click", (event) => this.clicked(event));
    tree.addEventListener("keydown", (event) => this.keyboard.typed(event));
    tree.addEventListener("focus", () => this.keyboard.entered());
    tree.addEventListener("pointermove", () => this.outline.point());
    tree.addEventListener("pointerleave", () => this.left());
    this.details.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.shut();
    });
    this.watch.observe(this.element);
    document.addEventListener("visibilitychange", this.turned);
  }

  remove() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.looking);
    this.watch.disconnect();
    this.shortcuts.remove();
    document.removeEventListener("visibilitychange", this.turned);
    this.feed.views.delete(this);
    this.feed.sight.seen(this, false);
    this.element.remove();
  }

  /** @param {boolean} near whether it is within the window */
  sight(near) {
    this.near = near;
    this.feed.sight.seen(this, near && document.visibilityState === "visible");
  }

  /** @param {string} id */
  domId(id) {
    return `parrot-jobs-${this.name}-${id}`;
  }

  get node() {
    return this.active === null ? undefined : this.feed.forest.nodes.get(this.active);
  }

  /** The jobs that are drawn: the one with open details, too. */
  get rows() {
    const details = this.detailed && this.active !== null ? [this.active] : [];
    return [...this.lines.shown.keys(), ...details];
  }

  /** Have it drawn, once a frame however much has changed.
   * @param {Set<string> | null} ids of the rows that have changed; null: all, and their order */
  changed(ids) {
    if (ids === null) this.waiting = null;
    else if (this.waiting) for (const id of ids) this.waiting.add(id);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if (this.waiting === null) this.arrange();
    this.lines.draw(this.waiting);
    this.waiting = new Set();
    this.head.draw();
    this.details.draw(this.detailed ? this.node : undefined);
    this.tell();
    this.announce();
  }

  /** Find the lines anew: what is open, and in a panel what is asked for. */
  arrange() {
    this.lines.set(this.outline.lines((row) => this.chooser?.fits(row) ?? true));
  }

  left() {
    this.outline.left();
    this.changed(null);
  }

  tick() {
    if (this.feed.state !== this.state) this.changed(null);
    else if (this.state === "live" && !this.feed.snapshot.over) this.changed(this.lines.ticking());
  }

  /** What is to be known beside the jobs. */
  tell() {
    const { fields } = this.feed.forest;
    this.state = this.feed.state;
    mark(this.element, "data-state", this.state);
    mark(this.element, "data-without", SPARE.filter((field) => !fields.has(field)).join(" "));
    this.notice.draw();
    this.offer();
  }

  /** What a panel says below its jobs. */
  offer() {
    const shown = this.lines.nodes.length;
    const all = Number(this.feed.snapshot.totals?.matching ?? 0);
    const roots = this.feed.forest.roots.length;
    this.lines.element.hidden = shown === 0;
    this.empty.hidden = shown > 0;
    put(this.empty, this.chooser ? this.chooser.nothing() : "Waiting for the job service…");
    this.more.hidden = !this.chooser || all <= roots || this.state !== "live";
    put(this.more, `Show more of ${many(all)}`);
  }

  /** Tell those who listen when the whole tree changes its state, and nothing else. */
  announce() {
    const root = this.panel ? undefined : this.feed.forest.roots[0]?.row;
    if (!root) return;
    const words = `${root.title}: ${inFull(root)}`;
    if (this.said && this.said !== words) put(this.voice, words);
    this.said = words;
  }

  /** @param {Event} event */
  clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const act = target.closest("[data-act]");
    const id = target.closest("[data-id]")?.getAttribute("data-id");
    const row = target.closest('[role="treeitem"]');
    if (act?.getAttribute("aria-disabled")) return;
    if (act && row) this.lines.element.focus({ preventScroll: true });
    if (act) this.act(act.getAttribute("data-act") ?? "", id ?? "");
    else if (row && id) this.chosen(id);
  }

  /** @param {string} what
   * @param {string} id */
  act(what, id) {
    const node = this.feed.forest.nodes.get(id);
    if (what === "toggle" && node) this.toggle(node);
    else if (what === "look") this.look(id);
    else if (what === "close") this.shut();
    else if (what === "next") this.next();
    else if (what === "more") this.chooser?.more();
    else if (what === "dismiss") this.report("");
    else if (node) this.feed.press(/** @type {Action} */ (what), node.row);
  }

  /** A row was clicked: its details open, or shut where they were open.
   * @param {string} id */
  chosen(id) {
    if (this.detailed && this.active === id) this.shut();
    else this.look(id);
  }

  /** @param {string} id */
  look(id) {
    this.detailed = true;
    this.activate(id);
    requestAnimationFrame(() => {
      this.details.element.firstElementChild?.scrollIntoView({ block: "nearest" });
    });
  }

  shut() {
    this.detailed = false;
    clearTimeout(this.looking);
    this.feed.look(null);
    this.lines.element.focus({ preventScroll: true });
    this.changed(new Set());
  }

  /** Give a line the keyboard; open details follow it, not at once while an arrow is held.
   * @param {string} id */
  activate(id) {
    const before = this.active;
    this.active = id;
    this.changed(new Set([id, before ?? id]));
    clearTimeout(this.looking);
    if (!this.detailed || this.feed.about?.id === id) return;
    this.looking = setTimeout(() => this.feed.look(id), before === id ? 0 : 150);
  }

  /** @param {TreeNode} node
   * @param {boolean} [open] */
  toggle(node, open = !this.outline.isOpen(node)) {
    this.outline.choose(node, open);
    this.active = node.row.id;
    this.arrange(); // now: the next key may come before the next frame
    this.changed(null);
  }

  /** Go to the next job that failed. */
  next() {
    const node = nextFailed(this.feed.forest.roots, this.node);
    if (!node) return;
    this.outline.uncover(node);
    this.arrange();
    this.changed(null);
    this.keyboard.go(this.lines.nodes.indexOf(node));
  }

  /** The kernel has done, or not done, what a button asked for.
   * @param {Press} press
   * @param {string | undefined} error
   * @param {string | undefined} id of the new job, where there is one */
  answered(press, error, id) {
    const name = LABELS[press.action].toLowerCase();
    const how = this.panel ? "" : `: await client.attach("${id}") shows it`;
    if (error) this.report(`Could not ${name} “${press.title}”: ${error}`);
    else this.report(id ? `“${press.title}” runs again as ${id}${how}` : "");
    this.changed(new Set([press.id]));
  }

  /** @param {Press} press */
  late(press) {
    const asked = `“${LABELS[press.action]}” for “${press.title}”`;
    this.report(`${asked}: the kernel is busy, and does it when it is free`);
  }

  /** @param {string} words */
  report(words) {
    this.notice.news = words;
    put(this.voice, words);
    this.changed(new Set());
  }
}
