/**
 * What the kernel has told of one view.
 *
 * @import { Model, Shown } from "./connection.js"
 * @import { TreeNode } from "./forest.js"
 * @import { Press } from "./presses.js"
 * @import { Action, Beat, Delta, Details, Done, Full, Row, Status, ToBrowser } from "./protocol.js"
 * @import { View } from "./view.js"
 */
import { Connection } from "./connection.js";
import { Forest, walk } from "./forest.js";
import { Presses } from "./presses.js";
import { Sight } from "./sight.js";

/** The rows of a view, and all that is heard and said of them: one a model, shared by its views. */
export class Feed {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.connection = new Connection(model, () => this.changed(new Set()));
    this.presses = new Presses(this.connection, (press) => this.late(press));
    this.sight = new Sight(this);
    this.forest = new Forest();
    /** @type {Set<View>} */
    this.views = new Set();
    /** @type {{id: string, rev: number} | null} The open tree of a panel; 0: not yet here. */
    this.opened = null;
    /** @type {Details | null} */
    this.about = null;
    /** @type {Set<string | undefined>} */
    this.asked = new Set();
    this.nudged = false;
    /** @type {Shown} */
    this.snapshot = { view: "tree", rev: 0, at: 0, rows: [], over: false, can: [] };
    this.receive = this.receive.bind(this);
    this.reload = this.reload.bind(this);
    this.load(model.get("snapshot"));
    model.on("msg:custom", this.receive);
    model.on("change:snapshot", this.reload);
    this.timer = setInterval(() => this.tick(), 1000);
    this.hello();
  }

  stop() {
    clearInterval(this.timer);
    this.sight.stop();
    this.presses.forget();
    this.model.off("msg:custom", this.receive);
    this.model.off("change:snapshot", this.reload);
  }

  get state() {
    return this.connection.state(this.snapshot.over);
  }

  /** What can be done: nothing without a kernel. */
  get can() {
    return this.state === "live" ? this.snapshot.can : [];
  }

  /** Now, by the service's clock; of a state that is not live, the moment when it was. */
  now() {
    return this.state === "live" ? this.connection.now() : this.connection.last;
  }

  /** `read` tells a state that is shown from the kernel's next one: without it, Jupyter would
   * compare ten thousand rows one by one to find that out, and hold the page for a tenth of a
   * second.
   * @param {Shown | undefined} snapshot */
  load(snapshot) {
    if (!snapshot?.rows) return;
    snapshot.read = true;
    const before = this.opened && this.forest.nodes.get(this.opened.id);
    this.snapshot = snapshot;
    this.connection.last = snapshot.at;
    this.forest = new Forest();
    for (const row of snapshot.rows) this.forest.add(row);
    if (before && this.forest.nodes.has(before.row.id)) this.keep(before);
    else if (before) this.open(null);
  }

  /** Let the tree that is open in a panel survive a new list of roots.
   * @param {TreeNode} before */
  keep(before) {
    for (const node of walk(before.children)) this.forest.add(node.row);
  }

  reload() {
    const snapshot = this.model.get("snapshot");
    if (snapshot === this.snapshot || !snapshot?.rows) return;
    this.load(snapshot);
    this.changed(null);
  }

  /** @param {ToBrowser} message */
  receive(message) {
    const before = this.state;
    this.connection.hear();
    this.nudged = false;
    this.obey(message);
    if (this.state !== before) this.changed(null);
  }

  /** @param {ToBrowser} message */
  obey(message) {
    if (message.t === "full") this.full(message);
    else if (message.t === "delta") this.delta(message);
    else if (message.t === "beat") this.beat(message);
    else if (message.t === "details") this.details(message);
    else if (message.t === "done") this.done(message);
  }

  /** @param {Full} message */
  full({ of, snapshot }) {
    this.asked.delete(of);
    this.connection.clock(snapshot.at, true);
    if (of === undefined) {
      this.load(snapshot);
      this.model.set("snapshot", snapshot); // here only, so that saving the notebook saves it
    } else if (this.opened?.id === of) {
      this.opened.rev = snapshot.rev;
      this.graft(of, snapshot.rows);
    }
    this.changed(null);
  }

  /** Put the rows of a tree below its root in a panel.
   * @param {string} of
   * @param {Row[]} rows */
  graft(of, rows) {
    const root = this.forest.nodes.get(of);
    if (!root) return;
    this.forest.prune(root);
    for (const row of rows) {
      if (row.id === of) this.forest.patch(of, { ...row });
      else this.forest.add(row);
    }
  }

  /** @param {Delta} delta */
  delta(delta) {
    const own = delta.of === undefined;
    const at = own ? this.snapshot : this.opened?.id === delta.of ? this.opened : null;
    if (!at || delta.rev <= at.rev) return;
    if (delta.rev !== at.rev + 1) {
      this.all(delta.of);
      return;
    }
    at.rev = delta.rev;
    this.connection.clock(delta.at);
    this.connection.lost = null;
    if (delta.totals) this.snapshot.totals = delta.totals;
    if (own) this.progress(delta);
    this.apply(delta);
  }

  /** How far the whole view is.
   * @param {Delta} delta */
  progress(delta) {
    this.snapshot.at = delta.at;
    if (delta.more !== undefined) this.snapshot.more = delta.more;
    if (delta.over !== undefined) this.snapshot.over = delta.over;
  }

  /** Rows change in place: they are the saved state too, so that a saved notebook has the present.
   * @param {Delta} delta */
  apply(delta) {
    const { set = [], gone = [] } = delta;
    let structure = Boolean(delta.new?.length || gone.length);
    for (const row of delta.new ?? []) this.insert(row, delta.of === undefined);
    for (const [id, changes] of set) structure = this.forest.patch(id, changes) || structure;
    for (const id of gone) this.forest.remove(id);
    if (gone.length) this.drop();
    if (this.opened && !this.forest.nodes.has(this.opened.id)) this.open(null);
    this.changed(structure ? null : new Set(set.map(([id]) => id)));
  }

  /** @param {Row} row
   * @param {boolean} own of the view itself, not of a tree that is open in it */
  insert(row, own) {
    if (this.forest.nodes.has(row.id)) {
      this.forest.patch(row.id, { ...row });
      return;
    }
    const first = own && this.snapshot.view === "panel";
    this.forest.add(row, first);
    if (!own) return;
    if (first) this.snapshot.rows.unshift(row);
    else this.snapshot.rows.push(row);
  }

  /** Take the rows that are gone out of the saved state. */
  drop() {
    this.snapshot.rows = this.snapshot.rows.filter((row) => this.forest.nodes.has(row.id));
  }

  /** What was sent before it has been heard before it: if its revision is not ours, something is
   * lost.
   * @param {Beat} beat */
  beat(beat) {
    this.asked.clear();
    this.connection.clock(beat.at);
    this.connection.lost = beat.lost ?? null;
    if (beat.rev && beat.rev !== this.snapshot.rev) this.all();
  }

  /** @param {Details} about */
  details(about) {
    this.about = about;
    this.changed(new Set([about.id]));
  }

  /** @param {Done} done */
  done({ n, error, id }) {
    const press = this.presses.take(n);
    if (press) for (const view of this.views) view.answered(press, error, id);
  }

  hello() {
    this.connection.send({ t: "hello", rev: this.snapshot.rev });
  }

  /** Ask for all rows, once until they come.
   * @param {string} [of] */
  all(of) {
    if (this.asked.has(of)) return;
    this.asked.add(of);
    this.connection.send(of === undefined ? { t: "hello", rev: 0 } : { t: "hello", of, rev: 0 });
  }

  /** @param {Action} action
   * @param {Row} row */
  press(action, row) {
    this.presses.add(action, row);
    this.changed(new Set([row.id]));
  }

  /** @param {string | null} id */
  look(id) {
    this.about = null;
    this.connection.send({ t: "look", id });
  }

  /** @param {string | null} id */
  open(id) {
    const before = this.opened && this.forest.nodes.get(this.opened.id);
    if (before) this.forest.prune(before);
    this.opened = id === null ? null : { id, rev: 0 };
    this.sight.renew();
    this.connection.send({ t: "open", id });
  }

  /** @param {Status[]} status
   * @param {string} text
   * @param {number} limit */
  ask(status, text, limit) {
    this.connection.send({ t: "ask", status, text, limit });
  }

  /** @param {Set<string> | null} ids of the rows that have changed; null: their order too */
  changed(ids) {
    for (const view of this.views) view.changed(ids);
  }

  /** @param {Press} press */
  late(press) {
    for (const view of this.views) view.late(press);
  }

  tick() {
    const { over } = this.snapshot;
    if (this.connection.quiet && this.sight.on && !this.nudged && !over) this.nudge();
    if (this.state === "silent") this.presses.forget();
    if (this.sight.on && !over) this.sight.drawn();
    for (const view of this.sight.views) view.tick();
  }

  /** Another window of the same kernel may have said that nothing is in sight. */
  nudge() {
    this.nudged = true;
    this.asked.clear();
    this.hello();
  }
}
