// @ts-check
/**
 * The live tree of jobs in a notebook, and the panel of all jobs: what `protocol.py` says, drawn.
 *
 * A `Feed` holds what the kernel has told, a `Forest` its rows; a `View` draws those in sight. All
 * that comes from a job is text and becomes text nodes or attributes, never HTML.
 *
 * @typedef {"planning"|"queued"|"running"|"waiting_for_children"|"paused"|"completed"|"failed"|"cancelled"} Status
 * @typedef {"cancel"|"pause"|"resume"|"retry"|"retry_failed"} Action
 * @typedef {{id: string, parent?: string, title: string, status: Status, type?: string,
 *   progress?: number, step?: string, done?: number, total?: number, created?: number,
 *   started?: number, ended?: number, ends?: number, retry?: number, attempt?: number,
 *   worker?: string, pool?: string, queue?: string, function?: string, call?: string, tokens?: number,
 *   cost?: string, error?: string, result?: string, source?: string, counts?: Partial<Record<Status, number>>,
 *   stopping?: boolean, pausing?: boolean}} Row
 * @typedef {Record<string, number | string>} Totals
 * @typedef {{view: "tree"|"panel", rev: number, at: number, rows: Row[], over: boolean,
 *   can: Action[], more?: number, totals?: Totals, read?: true}} Snapshot
 * @typedef {{t: "full", of?: string, snapshot: Snapshot}} Full
 * @typedef {{t: "delta", of?: string, rev: number, at: number, new?: Row[], more?: number,
 *   set?: [string, Record<string, unknown>][], gone?: string[], totals?: Totals, over?: boolean}} Delta
 * @typedef {{t: "beat", at: number, rev: number, lost?: string}} Beat
 * @typedef {{t: "details", id: string, description?: string, prompt?: string, arguments?: string,
 *   result?: string, nbytes?: number, traceback?: string, error?: string, kind?: string,
 *   logs?: [number, string, string][], usage?: [string, number, number, string][],
 *   attempts?: [number, string, number, number | null, string][],
 *   timeline?: [string, string, Status, number, number | null][], depends_on?: string[]}} About
 * @typedef {{t: "done", n: number, error?: string, id?: string}} Done
 * @typedef {{get(name: string): any, set(name: string, value: unknown): void,
 *   send(content: unknown): void, on(name: string, then: (...args: any[]) => void): void,
 *   off(name: string, then: (...args: any[]) => void): void}} Model
 * @typedef {{row: Row, parent: Node | null, children: Node[], level: number, place: number}} Node
 * @typedef {{id: string, action: Action, title: string, timer: ReturnType<typeof setTimeout>}} Press
 */

// ---------------------------------------------------------------------------------------- words

const SOON = "soon";

/** @type {Record<Status, string>} */
const WORDS = {
  planning: "Planned",
  queued: "Queued",
  running: "Running",
  waiting_for_children: "Waiting",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** In the order of the summary's bar: what is done, what runs, what is still to come. */
const ORDER = /** @type {Status[]} */ ([
  "completed", "failed", "cancelled", "running", "waiting_for_children", "paused", "queued", "planning",
]);
const ENDED = new Set(["completed", "failed", "cancelled"]);
const UNDER_WAY = new Set(["running", "waiting_for_children", "paused"]);

/** @type {Record<Action | "look", string>} */
const LABELS = {
  pause: "Pause",
  resume: "Resume",
  cancel: "Cancel",
  retry_failed: "Retry failed only",
  retry: "Run again",
  look: "View results",
};

/** @type {Record<string, Status[]>} */
export const TABS = {
  All: [],
  Active: ["running", "waiting_for_children", "paused"],
  Queued: ["queued", "planning"],
  Finished: ["completed", "failed", "cancelled"],
};

/** Seconds in few columns: "0.4s", "12s", "3m 05s", "2h 10m", "4d 3h".
 * @param {number} seconds */
export function span(seconds) {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

/** The same for a clock that ticks: no tenths.
 * @param {number} seconds */
export const ticking = (seconds) => (seconds < 9.95 ? `${Math.max(0, Math.floor(seconds))}s` : span(seconds));

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/** US dollars with cents, or with four digits below one cent.
 * @param {string | number} cost */
export function money(cost) {
  const value = Number(cost);
  if (value === 0 || value >= 0.01) return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return value >= 0.0001 ? `$${value.toFixed(4)}` : "<$0.0001";
}

/** A count in at most five columns: "847", "12.3k", "1.2M".
 * @param {number} count */
export function short(count) {
  if (count < 1000) return String(count);
  const [value, unit] = count < 999_950 ? [count / 1000, "k"] : [count / 1e6, "M"];
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

/** @param {number} count */
const many = (count) => count.toLocaleString("en");

/** Whole percent; 100 only when it is reached.
 * @param {number | undefined} progress */
const percent = (progress) => `${Math.floor((progress ?? 0) + 1e-6)}%`;

/** The time of day, with the date where it was not today.
 * @param {number} at seconds since the epoch
 * @param {number} now the same
 * @param {boolean} [exact] with its seconds */
export function moment(at, now, exact = false) {
  const [then, today] = [new Date(at * 1000), new Date(now * 1000)];
  const time = then.toTimeString().slice(0, exact ? 8 : 5);
  if (then.toDateString() === today.toDateString()) return time;
  return `${then.toLocaleDateString("en", { month: "short", day: "numeric" })}, ${time}`;
}

/** What a row's cells say.
 * @param {Row} row
 * @param {number} now seconds since the epoch, by the service's clock */
export function describe(row, now) {
  const ended = ENDED.has(row.status);
  const took = row.started === undefined ? undefined : (row.ended ?? now) - row.started;
  return {
    word: row.stopping && !ended ? "Stopping" : row.pausing ? "Pausing" : WORDS[row.status],
    percent: shownProgress(row) ? percent(row.progress) : "",
    note: note(row, now),
    elapsed: took === undefined ? "" : ended ? span(took) : ticking(took),
    left: ended || row.ends === undefined ? "" : row.ends - now < 1 ? SOON : ticking(row.ends - now),
    worker: (row.worker ?? "").replace(/^127\.0\.0\.1:/, ":"),
    pool: ended && !row.worker ? "" : row.pool ?? "",
    tokens: row.tokens ? short(row.tokens) : "",
    cost: row.cost ? money(row.cost) : "",
    attempt: row.attempt ? `attempt ${row.attempt}` : "",
  };
}

/** The same for a root in a panel: with the time when it was submitted, and of an ended one that
 * is known from the store alone, the time since then.
 * @param {Row} row
 * @param {number} now */
export function describeRoot(row, now) {
  const said = describe(row.ended === undefined ? row : { started: row.created, ...row }, now);
  const begun = row.created === undefined ? "" : moment(row.created, now);
  return { ...said, note: [begun, said.note].filter(Boolean).join(" · ") };
}

/** How long it may still take, as part of a sentence.
 * @param {string} left as `describe` says it */
export function toGo(left) {
  return left && (left === SOON ? `done ${SOON}` : `about ${left} left`);
}

/** Whether a bar says something: not of a leaf that has not begun, nor of what has ended.
 * @param {Row} row */
const shownProgress = (row) =>
  UNDER_WAY.has(row.status) && (row.progress !== undefined || row.counts !== undefined);

/** The one line beside the title: why it failed, what it does, or what came out.
 * @param {Row} row
 * @param {number} now */
function note(row, now) {
  if (row.error) return row.error;
  if (row.retry !== undefined && row.retry > now) return `next attempt in ${ticking(row.retry - now)}`;
  if (ENDED.has(row.status)) return row.counts ? family(row.counts) : outcome(row);
  return [step(row), row.counts ? family(row.counts) : ""].filter(Boolean).join(" · ");
}

/** What came out, and whether it was there before.
 * @param {Row} row */
function outcome(row) {
  return [row.source && "reused", row.result && `→ ${row.result}`].filter(Boolean).join(" ");
}

/** @param {Row} row */
function step(row) {
  if (row.total === undefined) return row.step ?? "";
  return `${row.step ?? ""} ${many(row.done ?? 0)}/${many(row.total)}`.trim();
}

/** @param {Partial<Record<Status, number>>} counts */
const sumOf = (counts) => Object.values(counts).reduce((all, count) => all + (count ?? 0), 0);

/** How far a job's children are: "34 of 50 done, 2 failed".
 * @param {Partial<Record<Status, number>>} counts */
export function family(counts) {
  const total = sumOf(counts);
  const rest = [counts.failed && `${many(counts.failed)} failed`, counts.cancelled && `${many(counts.cancelled)} cancelled`];
  if (counts.completed === total) return `${many(total)} done`;
  return [`${many(counts.completed ?? 0)} of ${many(total)} done`, ...rest].filter(Boolean).join(", ");
}

/** The state in words, as the reports have it: "waiting for children".
 * @param {Row} row */
const inFull = (row) => (row.stopping && !ENDED.has(row.status) ? "stopping" : row.pausing ? "pausing" : row.status.replaceAll("_", " "));

/** All of a row for those who cannot see its columns.
 * @param {Row} row
 * @param {ReturnType<typeof describe>} said */
export function label(row, said) {
  const where = [said.pool, said.worker].filter(Boolean).join(" ");
  return [
    row.title, row.call, inFull(row), said.percent, said.note, said.attempt,
    said.elapsed && `${said.elapsed} elapsed`, said.left && `${said.left} left`, where && `on ${where}`,
    said.tokens && `${said.tokens} tokens`, said.cost,
  ].filter(Boolean).join(", ");
}

/** What can be done with a job in its present state, as far as the service knows how.
 * @param {Row} row
 * @param {Action[]} can
 * @returns {Action[]} */
export function actions(row, can) {
  const ended = ENDED.has(row.status);
  const held = row.status === "paused" || row.pausing;
  /** @type {Record<Action, boolean | undefined>} */
  const fits = {
    pause: !ended && !held && !row.stopping && row.status !== "planning",
    resume: !ended && held && !row.stopping,
    cancel: !ended && !row.stopping,
    retry_failed: ended && Boolean(row.counts?.failed || row.counts?.cancelled),
    retry: ended,
  };
  return /** @type {Action[]} */ (Object.keys(fits)).filter((action) => fits[action] && can.includes(action));
}

// --------------------------------------------------------------------------------------- forest

const SMALL = 40;
const CROWD = 50;
/** Fields that whole trees lack. */
const SPARE = /** @type {const} */ (["worker", "tokens", "cost"]);

/** The rows as trees, with a tally of the leaves by status. */
export class Forest {
  constructor() {
    /** @type {Map<string, Node>} */
    this.nodes = new Map();
    /** @type {Node[]} */
    this.roots = [];
    /** @type {Partial<Record<Status, number>>} */
    this.tally = {};
    /** @type {Set<string>} Those of `SPARE` that any row has ever had. */
    this.fields = new Set();
  }

  /** Put a row below its parent, which is there already; without one it is a root.
   * @param {Row} row
   * @param {boolean} [first] before the other roots */
  add(row, first = false) {
    const parent = row.parent === undefined ? null : this.nodes.get(row.parent) ?? null;
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
   * @param {Node} node */
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

  /** @param {Node[]} roots */
  order(roots) {
    this.roots = roots;
    roots.forEach((root, place) => (root.place = place));
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
 * @param {Node[]} nodes
 * @returns {Generator<Node>} */
function* walk(nodes) {
  const ahead = [...nodes].reverse();
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    yield node;
    for (let place = node.children.length; place-- > 0; ) ahead.push(node.children[place]);
  }
}

/** The nodes that have a line, in order: those whose ancestors are all open.
 * @param {Node[]} roots
 * @param {(node: Node) => boolean} isOpen
 * @returns {Node[]} */
export function lines(roots, isOpen) {
  /** @type {Node[]} */
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
 * @param {Node} node
 * @param {number} size nodes of the tree */
export function opensByItself(node, size) {
  if (!node.parent || size <= SMALL) return true;
  const telling = UNDER_WAY.has(node.row.status) || Boolean(node.row.counts?.failed);
  return telling && Math.max(node.children.length, sumOf(node.row.counts ?? {})) <= CROWD;
}

/** The next node that failed by itself after this one, from the beginning again after the last.
 * @param {Node[]} roots
 * @param {Node | undefined} after */
export function nextFailed(roots, after) {
  const failed = (/** @type {Node} */ node) => node.row.status === "failed" && !node.row.counts?.failed;
  /** @type {Node | undefined} */
  let first;
  let passed = after === undefined;
  for (const node of walk(roots)) {
    if (failed(node) && passed) return node;
    if (failed(node)) first ??= node;
    passed ||= node === after;
  }
  return first;
}

// ----------------------------------------------------------------------------------------- feed

const SILENCE = 12_000;
const FIRST_WORD = 6_000;
const ANSWER = 10_000;
const GLANCE = 150;
const RENEWAL = 20_000;

/** What the kernel has told of one view, and what is said to it: one a model, shared by its views. */
export class Feed {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.forest = new Forest();
    /** @type {Set<View>} */
    this.views = new Set();
    /** @type {Set<View>} */
    this.inSight = new Set();
    /** @type {Map<number, Press>} */
    this.presses = new Map();
    /** @type {{id: string, rev: number} | null} The tree that is open in a panel; 0: not yet here. */
    this.opened = null;
    /** @type {About | null} */
    this.about = null;
    /** @type {string | null} */
    this.lost = null;
    this.asked = new Set();
    /** @type {boolean | undefined} What the kernel was told about that. */
    this.on = undefined;
    this.nudged = false;
    /** @type {ReturnType<typeof setTimeout> | 0} */
    this.glance = 0;
    this.glimpsed = "";
    this.glimpsedAt = -Infinity;
    this.page = Math.random().toString(36).slice(2); // several may show what one kernel tells
    this.offset = -Infinity;
    this.began = Date.now();
    this.heard = 0;
    this.last = 0;
    this.number = Math.floor(Math.random() * 2 ** 30); // two pages may share a kernel
    /** @type {Snapshot} */
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
    clearTimeout(this.glance);
    this.forget();
    this.model.off("msg:custom", this.receive);
    this.model.off("change:snapshot", this.reload);
  }

  /** "saved": no kernel was ever heard; "silent": not for a while; "lost": it has lost the jobs. */
  get state() {
    const now = Date.now();
    if (!this.heard) return now - this.began < FIRST_WORD ? "new" : "saved";
    if (!this.snapshot.over && now - this.heard > SILENCE) return "silent";
    return this.lost === null ? "live" : "lost";
  }

  /** What can be done: nothing without a kernel. */
  get can() {
    return this.state === "live" ? this.snapshot.can : [];
  }

  /** Now, by the service's clock; of a state that is not live, the moment when it was. */
  now() {
    return this.state === "live" ? Date.now() / 1000 + this.offset : this.last;
  }

  /** `read` tells a state that is shown from the kernel's next one: without it, Jupyter would
   * compare ten thousand rows one by one to find that out, and hold the page for a tenth of a second.
   * @param {Snapshot | undefined} snapshot */
  load(snapshot) {
    if (!snapshot?.rows) return;
    snapshot.read = true;
    const before = this.opened && this.forest.nodes.get(this.opened.id);
    this.snapshot = snapshot;
    this.last = snapshot.at;
    this.forest = new Forest();
    for (const row of snapshot.rows) this.forest.add(row);
    if (before && this.forest.nodes.has(before.row.id)) this.keep(before);
    else if (before) this.open(null);
  }

  /** Let the tree that is open in a panel survive a new list of roots.
   * @param {Node} before */
  keep(before) {
    for (const node of walk(before.children)) this.forest.add(node.row);
  }

  reload() {
    const snapshot = this.model.get("snapshot");
    if (snapshot === this.snapshot || !snapshot?.rows) return;
    this.load(snapshot);
    this.changed(null);
  }

  /** @param {Full | Delta | Beat | About & {t: "details"} | Done} message */
  receive(message) {
    const before = this.state;
    this.heard = Date.now();
    this.nudged = false;
    this.obey(message);
    if (this.state !== before) this.changed(null);
  }

  /** @param {Full | Delta | Beat | About & {t: "details"} | Done} message */
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
    this.offset = -Infinity;
    this.clock(snapshot.at);
    if (of === undefined) {
      this.load(snapshot);
      this.model.set("snapshot", snapshot); // here only, so that saving the notebook saves it
    } else if (of === this.opened?.id) {
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
    const at = delta.of === undefined ? this.snapshot : delta.of === this.opened?.id ? this.opened : null;
    if (!at || delta.rev <= at.rev) return;
    if (delta.rev !== at.rev + 1) return this.all(delta.of);
    at.rev = delta.rev;
    this.clock(delta.at);
    this.lost = null;
    if (delta.of === undefined) this.snapshot.at = delta.at;
    if (delta.totals) this.snapshot.totals = delta.totals;
    if (delta.more !== undefined && delta.of === undefined) this.snapshot.more = delta.more;
    if (delta.over !== undefined && delta.of === undefined) this.snapshot.over = delta.over;
    this.apply(delta);
  }

  /** Rows change in place: they are the saved state too, so that a saved notebook has the present.
   * @param {Delta} delta */
  apply(delta) {
    let structure = Boolean(delta.new?.length || delta.gone?.length);
    const own = delta.of === undefined;
    for (const row of delta.new ?? []) this.insert(row, own);
    for (const [id, changes] of delta.set ?? []) structure = this.forest.patch(id, changes) || structure;
    for (const id of delta.gone ?? []) this.forest.remove(id);
    if (delta.gone?.length) this.snapshot.rows = this.snapshot.rows.filter((row) => this.forest.nodes.has(row.id));
    if (this.opened && !this.forest.nodes.has(this.opened.id)) this.open(null);
    this.changed(structure ? null : new Set(delta.set?.map(([id]) => id)));
  }

  /** @param {Row} row
   * @param {boolean} own of the view itself, not of a tree that is open in it */
  insert(row, own) {
    if (this.forest.nodes.has(row.id)) return void this.forest.patch(row.id, { ...row });
    const first = own && this.snapshot.view === "panel";
    this.forest.add(row, first);
    if (!own) return;
    if (first) this.snapshot.rows.unshift(row);
    else this.snapshot.rows.push(row);
  }

  /** What was sent before it has been heard before it: if its revision is not ours, something is lost.
   * @param {Beat} beat */
  beat(beat) {
    this.asked.clear();
    this.clock(beat.at);
    this.lost = beat.lost ?? null;
    if (beat.rev && beat.rev !== this.snapshot.rev) this.all();
  }

  /** @param {About} about */
  details(about) {
    this.about = about;
    this.changed(new Set([about.id]));
  }

  /** The least delayed message tells best how the clocks differ.
   * @param {number} at */
  clock(at) {
    this.last = at;
    this.offset = Math.max(this.offset, at - Date.now() / 1000);
  }

  /** @param {Done} done */
  done({ n, error, id }) {
    const press = this.presses.get(n);
    if (!press) return;
    clearTimeout(press.timer);
    this.presses.delete(n);
    for (const view of this.views) view.answered(press, error, id);
  }

  hello() {
    this.send({ t: "hello", rev: this.snapshot.rev });
  }

  /** Ask for all rows, once until they come.
   * @param {string} [of] */
  all(of) {
    if (this.asked.has(of)) return;
    this.asked.add(of);
    this.send(of === undefined ? { t: "hello", rev: 0 } : { t: "hello", of, rev: 0 });
  }

  /** @param {Action} action
   * @param {Row} row */
  press(action, row) {
    const n = ++this.number;
    const press = { id: row.id, action, title: row.title, timer: setTimeout(() => this.late(press), ANSWER) };
    this.presses.set(n, press);
    this.send({ t: "act", n, action, ids: [row.id] });
    this.changed(new Set([row.id]));
  }

  /** A kernel whose cell blocks hears of it in the end, so it stays pending.
   * @param {Press} press */
  late(press) {
    for (const view of this.views) view.late(press);
  }

  /** What was asked of a kernel that is gone is not pending any more. */
  forget() {
    for (const press of this.presses.values()) clearTimeout(press.timer);
    this.presses.clear();
  }

  /** The action on a job that was asked for and not yet answered.
   * @param {string} id */
  pressed(id) {
    for (const press of this.presses.values()) if (press.id === id) return press.action;
    return undefined;
  }

  /** @param {string | null} id */
  look(id) {
    this.about = null;
    this.send({ t: "look", id });
  }

  /** @param {string | null} id */
  open(id) {
    const before = this.opened && this.forest.nodes.get(this.opened.id);
    if (before) this.forest.prune(before);
    this.opened = id === null ? null : { id, rev: 0 };
    this.glimpsed = "";
    this.send({ t: "open", id });
  }

  /** @param {Status[]} status
   * @param {string} text
   * @param {number} limit */
  ask(status, text, limit) {
    this.send({ t: "ask", status, text, limit });
  }

  /** Nobody needs deltas of what nobody sees.
   * @param {View} view
   * @param {boolean} on */
  seen(view, on) {
    if (on) this.inSight.add(view);
    else this.inSight.delete(view);
    this.drawn();
    const any = this.inSight.size > 0;
    if (any === this.on) return;
    const again = this.on === false;
    this.on = any;
    this.send({ t: "seen", on: any });
    if (any && again) this.hello();
  }

  /** Rows have been drawn: the kernel tells of those as they get on, and of others now and then. */
  drawn() {
    this.glance ||= setTimeout(() => this.glimpse(), GLANCE);
  }

  glimpse() {
    this.glance = 0;
    const isPanel = this.snapshot.view === "panel";
    if (this.state !== "live" || (isPanel && !this.opened?.rev)) return;
    const rows = [...this.inSight].flatMap((view) => view.rows);
    const ids = isPanel ? rows.filter((id) => this.forest.nodes.get(id)?.parent) : rows;
    const glimpsed = ids.join(" ");
    if (glimpsed === this.glimpsed && Date.now() - this.glimpsedAt < RENEWAL) return;
    this.glimpsed = glimpsed;
    this.glimpsedAt = Date.now();
    this.send({ t: "sight", ...(isPanel && { of: this.opened?.id }), page: this.page, ids });
  }

  /** A comm that was closed throws: then what is shown is the last known state.
   * @param {unknown} content */
  send(content) {
    try {
      this.model.send(content);
    } catch (error) {
      this.lost = `the kernel cannot be reached (${error instanceof Error ? error.message : error})`;
      this.changed(new Set());
    }
  }

  /** @param {Set<string> | null} ids of the rows that have changed; null: their order too */
  changed(ids) {
    for (const view of this.views) view.changed(ids);
  }

  tick() {
    const quiet = Date.now() - Math.max(this.heard, this.began) > FIRST_WORD;
    if (quiet && this.on && !this.nudged && !this.snapshot.over) this.nudge();
    if (this.state === "silent") this.forget();
    if (this.on && !this.snapshot.over) this.drawn();
    for (const view of this.inSight) view.tick();
  }

  /** Another window of the same kernel may have said that nothing is in sight. */
  nudge() {
    this.nudged = true;
    this.asked.clear();
    this.hello();
  }
}

// -------------------------------------------------------------------------------------- drawing

const ROW = 26;
const TOP = 24;
const MOST = 20;
const SVG = "http://www.w3.org/2000/svg";
const RING = "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12";

/** Every state has a shape of its own, so that none is told by its colour alone. A path is drawn
 * with a line (s), dashed (d), weakly (w), filled (f) or cut out (o).
 * @type {Record<string, [string, string][]>} */
const SHAPES = {
  planning: [["d", RING]],
  queued: [["s", RING]],
  running: [["w", RING], ["s", "M8 2a6 6 0 0 1 6 6"], ["f", "M8 5.6a2.4 2.4 0 1 1 0 4.8a2.4 2.4 0 1 1 0-4.8"]],
  waiting_for_children: [["s", RING], ["f", "M8 4a4 4 0 0 1 0 8z"]],
  paused: [["s", RING], ["s", "M6.5 5.5v5M9.5 5.5v5"]],
  completed: [["f", "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14"], ["o", "M4.9 8.3l2.2 2.2 4.1-4.6"]],
  failed: [["f", "M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z"], ["o", "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"]],
  cancelled: [["s", RING], ["s", "M4 12l8-8"]],
  pause: [["s", "M5.5 4v8M10.5 4v8"]],
  resume: [["f", "M5 3.5v9l7-4.5z"]],
  cancel: [["f", "M4.5 4h7a.5.5 0 0 1 .5.5v7a.5.5 0 0 1-.5.5h-7a.5.5 0 0 1-.5-.5v-7a.5.5 0 0 1 .5-.5z"]],
  retry: [["s", "M12.8 8.5a5 5 0 1 1-1.3-4M12 1.8v3H9"]],
  retry_failed: [["s", "M12.8 8.5a5 5 0 1 1-1.3-4M12 1.8v3H9M7.8 5.8v2.6"], ["f", "M7.8 9.6a.8.8 0 1 1 0 1.6a.8.8 0 1 1 0-1.6"]],
  look: [["s", "M2.5 3h11v10h-11zM2.5 9h11"]],
  close: [["s", "M4.5 4.5l7 7M11.5 4.5l-7 7"]],
  dismiss: [["s", "M4.5 4.5l7 7M11.5 4.5l-7 7"]],
  twisty: [["s", "M6.2 4.5L9.8 8l-3.6 3.5"]],
  pending: [["w", RING], ["s", "M8 2a6 6 0 0 1 6 6"]],
  notice: [["s", "M8 2L1.8 13.5h12.4zM8 6.5v3.2"], ["f", "M8 11a.8.8 0 1 1 0 1.5a.8.8 0 1 1 0-1.5"]],
};

/** @type {Map<string, Element>} */
const drawn = new Map();

/** @param {string} name
 * @returns {Element} */
function icon(name) {
  let svg = drawn.get(name);
  if (!svg) {
    svg = shape("svg", { viewBox: "0 0 16 16", class: `pj-icon pj-is-${name}`, "aria-hidden": "true" });
    for (const [kind, d] of SHAPES[name]) svg.append(shape("path", { d, class: `pj-${kind}` }));
    drawn.set(name, svg);
  }
  return /** @type {Element} */ (svg.cloneNode(true));
}

/** @param {string} tag
 * @param {Record<string, string>} attributes */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** What takes the keyboard is marked one by one, so that Jupyter leaves it alone: it looks for the
 * mark at what is focused, and no further up once a rule of its own fits that.
 * @param {string} kind class without its prefix
 * @param {Record<string, string>} [attributes]
 * @param {(Node_ | string)[]} [inside]
 * @param {string} [tag]
 * @typedef {globalThis.Node} Node_ */
function box(kind, attributes = {}, inside = [], tag = "div") {
  const element = document.createElement(tag);
  element.className = kind.split(" ").map((name) => `pj-${name}`).join(" ");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (tag === "button" || tag === "input" || "tabindex" in attributes) element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...inside);
  return element;
}

/** Write only what differs: an equal text would still be laid out anew.
 * @param {Element} element
 * @param {string} text */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element
 * @param {string} name
 * @param {string | null} value */
function mark(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {string} what for `data-act`
 * @param {string} says
 * @param {boolean} words whether its name is to be read, or its icon only
 * @param {boolean} pending */
function button(what, says, words, pending) {
  const made = box(`button${words ? " worded" : ""}`, { type: "button", "data-act": what, title: says }, [icon(pending ? "pending" : what)], "button");
  if (words) made.append(says);
  else made.setAttribute("aria-label", says);
  if (pending) made.setAttribute("aria-disabled", "true");
  return made;
}

/** Buttons of a job in a place that keeps them as long as they are the same ones.
 * @param {HTMLElement} place
 * @param {Feed} feed
 * @param {Row} row
 * @param {boolean} words
 * @param {boolean} look whether its details can be asked for here */
function buttons(place, feed, row, words, look) {
  const pressed = feed.pressed(row.id);
  const shown = [...actions(row, feed.can), ...(look ? /** @type {const} */ (["look"]) : [])];
  const key = [row.id, pressed, ...shown].join(" ");
  if (place.dataset.key === key) return;
  const held = place.contains(document.activeElement) && /** @type {HTMLElement} */ (document.activeElement).dataset.act;
  place.dataset.key = key;
  place.dataset.id = row.id;
  place.replaceChildren(...shown.map((action) => button(action, LABELS[action], words, action === pressed)));
  if (words) for (const child of place.children) child.removeAttribute("title");
  else for (const child of place.children) child.setAttribute("tabindex", "-1");
  if (held) /** @type {HTMLElement} */ (place.querySelector(`[data-act="${held}"]`) ?? place.firstElementChild)?.focus();
}

const CELLS = /** @type {const} */ (["status", "progress", "elapsed", "left", "worker", "tokens", "cost"]);
const HEADS = { status: "Status", progress: "Progress", elapsed: "Elapsed", left: "Left", worker: "Worker", tokens: "Tokens", cost: "Cost" };

/** One line of the tree; it shows one job after the other as the tree is scrolled. */
class Line {
  constructor() {
    this.twisty = box("twisty", { "data-act": "toggle" }, [icon("twisty")]);
    this.sign = box("sign");
    this.title = box("title");
    this.call = box("call");
    this.attempt = box("attempt");
    this.note = box("note");
    this.indent = box("indent");
    this.fill = box("fill");
    this.percent = box("percent");
    this.bar = box("bar", {}, [this.fill]);
    this.pool = box("pool");
    this.name = box("name");
    this.cells = Object.fromEntries(CELLS.map((name) => [name, box(`cell ${name}`)]));
    this.cells.progress.append(this.bar, this.percent);
    this.cells.worker.append(this.pool, this.name);
    this.buttons = box("buttons");
    const job = box("job", {}, [this.indent, this.twisty, this.sign, this.title, this.call, this.attempt, this.note]);
    this.element = box("row", { role: "treeitem" }, [job, ...Object.values(this.cells), this.buttons]);
    /** @type {Node | null} */
    this.node = null;
    this.status = "";
  }

  /** @param {View} view
   * @param {Node} node
   * @param {number} at its place among the lines
   * @param {number} now */
  show(view, node, at, now) {
    const row = node.row;
    const said = view.panel && !node.parent ? describeRoot(row, now) : describe(row, now);
    this.node = node;
    this.element.style.transform = `translateY(${at * ROW}px)`;
    this.state(view, node, label(row, said));
    this.job(row, node, said);
    this.figures(row, said);
    buttons(this.buttons, view.feed, row, false, true);
  }

  /** What the row is in the tree.
   * @param {View} view
   * @param {Node} node
   * @param {string} says */
  state(view, node, says) {
    const opens = view.opens(node);
    const element = this.element;
    mark(element, "id", view.domId(node.row.id));
    mark(element, "data-id", node.row.id);
    mark(element, "aria-label", says);
    mark(element, "aria-level", String(node.level));
    mark(element, "aria-posinset", String(node.place + 1));
    mark(element, "aria-setsize", String((node.parent?.children ?? view.feed.forest.roots).length));
    mark(element, "aria-expanded", opens ? String(view.isOpen(node)) : null);
    mark(element, "aria-selected", String(node.row.id === view.active));
    mark(this.twisty, "data-none", opens ? null : "");
    this.element.style.setProperty("--level", String(Math.min(node.level, 12) - 1));
  }

  /** @param {Row} row
   * @param {Node} node
   * @param {ReturnType<typeof describe>} said */
  job(row, node, said) {
    if (this.status !== row.status) {
      this.status = row.status;
      this.sign.replaceChildren(icon(row.status));
      mark(this.element, "data-status", row.status);
    }
    mark(this.element, "data-parent", node.children.length ? "" : null);
    if (this.title.textContent !== row.title) this.title.title = row.title;
    put(this.title, row.title);
    put(this.call, row.call ?? "");
    put(this.attempt, said.attempt);
    if (this.note.textContent !== said.note) this.note.title = said.note;
    put(this.note, said.note);
    mark(this.element, "data-error", row.error ? "" : null);
  }

  /** @param {Row} row
   * @param {ReturnType<typeof describe>} said */
  figures(row, said) {
    put(this.cells.status, said.word);
    put(this.percent, said.percent);
    this.bar.hidden = said.percent === "";
    this.fill.style.transform = `scaleX(${(row.progress ?? 0) / 100})`;
    put(this.cells.elapsed, said.elapsed);
    put(this.cells.left, said.left);
    put(this.pool, said.pool && said.worker.startsWith(said.pool) ? "" : said.pool);
    put(this.name, said.worker);
    put(this.cells.tokens, said.tokens);
    put(this.cells.cost, said.cost);
  }
}

/** The lines in sight of however many there are. */
class Lines {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const heads = CELLS.map((name) => box(`cell ${name}`, {}, [HEADS[name]]));
    const columns = box("columns", { "aria-hidden": "true" }, [box("job", {}, ["Job"]), ...heads]);
    this.space = box("space", { role: "none" });
    this.element = box("lines", { role: "tree", tabindex: "0", "aria-label": view.panel ? "Jobs" : "Jobs of this tree" }, [columns, this.space]);
    this.element.addEventListener("scroll", () => view.changed(new Set()), { passive: true });
    /** @type {Node[]} */
    this.nodes = [];
    /** @type {Map<string, Line>} */
    this.shown = new Map();
  }

  /** Take new lines, and leave what is in sight where it is.
   * @param {Node[]} nodes */
  set(nodes) {
    const anchor = this.anchor();
    const before = anchor ? this.nodes.indexOf(anchor) : -1;
    this.nodes = nodes;
    this.space.style.height = `${nodes.length * ROW}px`;
    const after = anchor ? nodes.findIndex((node) => node.row.id === anchor.row.id) : -1;
    if (after >= 0) this.element.scrollTop += (after - before) * ROW;
  }

  /** The line that must not move: the one that has the keyboard, else the first in sight. */
  anchor() {
    const top = this.element.scrollTop;
    if (top < ROW) return undefined;
    const first = Math.ceil(top / ROW);
    const seen = this.nodes.slice(first, first + MOST);
    return seen.find((node) => node.row.id === this.view.active) ?? seen[0];
  }

  /** @returns {[number, number]} the first line in sight, and the one after the last */
  range() {
    const top = this.element.scrollTop;
    const height = Math.min(this.nodes.length * ROW, MOST * ROW);
    return [Math.max(0, Math.floor(top / ROW) - 1), Math.min(this.nodes.length, Math.ceil((top + height) / ROW) + 1)];
  }

  /** @param {Set<string> | null} ids of the rows to draw again; null: all */
  draw(ids) {
    const [first, end] = this.range();
    const wanted = this.nodes.slice(first, end);
    const spare = this.spare(new Set(wanted.map((node) => node.row.id)));
    const now = this.view.feed.now();
    wanted.forEach((node, place) => {
      const before = this.shown.get(node.row.id);
      if (before && ids && !ids.has(node.row.id)) return;
      const line = before ?? spare.pop() ?? new Line();
      line.show(this.view, node, first + place, now);
      this.shown.set(node.row.id, line);
      if (!line.element.parentNode) this.space.append(line.element);
    });
    for (const line of spare) line.element.remove();
    this.point();
    this.view.feed.drawn();
  }

  /** The lines of jobs that are out of sight now.
   * @param {Set<string>} wanted */
  spare(wanted) {
    const spare = [];
    for (const [id, line] of this.shown) {
      if (wanted.has(id)) continue;
      spare.push(line);
      this.shown.delete(id);
    }
    return spare;
  }

  /** Tell assistive technology which line has the keyboard. */
  point() {
    const line = this.view.active === null ? undefined : this.shown.get(this.view.active);
    mark(this.element, "aria-activedescendant", line ? line.element.id : null);
  }

  /** Only what ticks: rows under way.
   * @returns {Set<string>} */
  ticking() {
    const ids = new Set();
    for (const [id, line] of this.shown) if (line.node && !ENDED.has(line.node.row.status)) ids.add(id);
    return ids;
  }

  /** @param {number} place */
  reveal(place) {
    const top = place * ROW;
    const height = this.element.clientHeight - TOP;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + ROW > this.element.scrollTop + height) this.element.scrollTop = top + ROW - height;
  }
}

/** What a job is, how it is, and what can be done with it. */
class Heading {
  /** @param {number} level
   * @param {HTMLElement[]} after */
  constructor(level, after = []) {
    this.sign = box("sign");
    this.title = box("heading", { role: "heading", "aria-level": String(level) });
    this.status = box("word");
    this.buttons = box("buttons");
    this.element = box("top", {}, [this.sign, this.title, this.status, this.buttons, ...after]);
  }

  /** @param {Feed} feed
   * @param {Row} row */
  draw(feed, row) {
    if (this.sign.dataset.status !== row.status) this.sign.replaceChildren(icon(row.status));
    this.sign.dataset.status = row.status;
    put(this.title, row.title);
    put(this.status, inFull(row));
    buttons(this.buttons, feed, row, true, false);
  }
}

/** One glance at a whole tree: what it is, how far, what went wrong, what it costs. */
class Summary {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.heading = new Heading(3);
    this.portions = [...ORDER.slice(0, 3), "done", ...ORDER.slice(3)].map((name) => box("portion", { "data-status": name }));
    this.bar = box("whole", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Overall progress" }, this.portions);
    this.numbers = ORDER.map(count);
    this.counts = box("counts", {}, this.numbers);
    this.figures = box("figures");
    this.element = box("summary", {}, [this.heading.element, this.bar, box("under", {}, [this.counts, this.figures])]);
  }

  draw() {
    const root = this.view.feed.forest.roots[0];
    if (!root) return;
    this.heading.draw(this.view.feed, root.row);
    this.tell(root.row, describe(root.row, this.view.feed.now()));
    this.divide(root);
  }

  /** @param {Row} row
   * @param {ReturnType<typeof describe>} said */
  tell(row, said) {
    const words = [
      UNDER_WAY.has(row.status) && percent(row.progress), said.elapsed && `${said.elapsed} elapsed`,
      toGo(said.left), said.tokens && `${said.tokens} tokens`, said.cost,
    ];
    const text = words.filter(Boolean).join(" · ");
    put(this.figures, text);
    mark(this.bar, "aria-valuenow", String(Math.floor(row.progress ?? 0)));
    mark(this.bar, "aria-valuetext", `${inFull(row)}, ${text}`);
  }

  /** The bar and the counts, by the states of the leaves; as long as some are still to come, the
   * bar by the root alone.
   * @param {Node} root */
  divide(root) {
    const { forest, snapshot } = this.view.feed;
    const tally = snapshot.more ? { [root.row.status]: 1 } : forest.tally;
    const share = shares(root.row, tally);
    for (const portion of this.portions) portion.style.flexGrow = String(share[portion.dataset.status ?? ""] ?? 0);
    this.counts.hidden = root.children.length === 0 || Boolean(snapshot.more);
    for (const number of this.numbers) {
      const status = /** @type {Status} */ (number.dataset.status);
      number.hidden = !tally[status];
      put(/** @type {Element} */ (number.lastChild), `${many(tally[status] ?? 0)} ${WORDS[status].toLowerCase()}`);
    }
  }
}

/** How the summary's bar is divided: the leaves by their states; of those under way, what they have
 * done is a part of its own, so that the bar is as far as the tree.
 * @param {Row} row
 * @param {Partial<Record<Status, number>>} tally
 * @returns {Record<string, number>} */
export function shares(row, tally) {
  const sum = (/** @type {Status[]} */ states) => states.reduce((all, status) => all + (tally[status] ?? 0), 0);
  const done = Math.max(0, ((row.progress ?? 0) / 100) * sum(ORDER) - sum(TABS.Finished));
  /** @type {Record<string, number>} */
  const parts = { ...tally, done: 0 };
  for (const status of TABS.Active) {
    const taken = Math.min(done - parts.done, parts[status] ?? 0);
    parts[status] = (parts[status] ?? 0) - taken;
    parts.done += taken;
  }
  return parts;
}

/** The place of how many are in a state; those that failed can be stepped through.
 * @param {Status} status */
function count(status) {
  const inside = [icon(status), box("number")];
  if (status !== "failed") return box("count", { "data-status": status }, inside);
  const attributes = { type: "button", "data-act": "next", "data-status": status, title: "Show the next one that failed" };
  return box("count", attributes, inside, "button");
}

const PAGE = 100;
const TYPING = 250;

/** What is above the jobs of a panel: tabs, search, totals. */
class Chooser {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = "All";
    this.limit = PAGE;
    this.wait = 0;
    this.tabs = Object.keys(TABS).map((name) => box("tab", { type: "button", "data-tab": name }, [name, box("badge", {}, [], "span")], "button"));
    this.search = /** @type {HTMLInputElement} */ (box("search", { type: "search", placeholder: "Search jobs", "aria-label": "Search jobs" }, [], "input"));
    this.totals = box("figures");
    this.element = box("summary", {}, [
      box("top", {}, [box("tabs", { role: "group", "aria-label": "Jobs by state" }, this.tabs), this.totals, this.search]),
    ]);
    this.element.addEventListener("click", (event) => this.choose(event));
    this.search.addEventListener("input", () => this.typed());
  }

  /** @param {Event} event */
  choose(event) {
    const tab = /** @type {Element} */ (event.target).closest("[data-tab]")?.getAttribute("data-tab");
    if (!tab) return;
    this.tab = tab;
    this.limit = PAGE;
    this.ask();
  }

  typed() {
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => this.ask(), TYPING);
  }

  more() {
    this.limit += PAGE;
    this.ask();
  }

  ask() {
    this.view.feed.ask(TABS[this.tab], this.search.value.trim(), this.limit);
    this.view.changed(null);
  }

  /** Whether a job is one of those that are asked for: what the kernel sent may be older.
   * @param {Row} row */
  fits(row) {
    const text = this.search.value.trim().toLowerCase();
    const wanted = TABS[this.tab];
    if (wanted.length && !wanted.includes(row.status)) return false;
    return [row.title, row.id, row.function ?? ""].some((words) => words.toLowerCase().includes(text));
  }

  /** What is said where no job is shown. */
  nothing() {
    const words = this.search.value.trim();
    const kind = this.tab === "All" ? "" : `${this.tab.toLowerCase()} `;
    return words ? `No ${kind}job matches “${words}”` : `No ${kind}jobs`;
  }

  draw() {
    const totals = this.view.feed.snapshot.totals ?? {};
    for (const tab of this.tabs) {
      const name = tab.getAttribute("data-tab") ?? "";
      mark(tab, "aria-pressed", String(name === this.tab));
      put(/** @type {Element} */ (tab.lastChild), numberOf(totals, name));
    }
    const took = Number(totals.seconds ?? 0);
    const words = [took && `${span(took)} of work`, Number(totals.cost ?? 0) && money(totals.cost)];
    put(this.totals, words.filter(Boolean).join(" · "));
  }
}

/** @param {Totals} totals
 * @param {string} tab */
function numberOf(totals, tab) {
  const all = ["active", "queued", "finished"];
  const names = tab === "All" ? all : [tab.toLowerCase()];
  return many(names.reduce((sum, name) => sum + Number(totals[name] ?? 0), 0));
}

/** All about one job, below the tree. */
class Details {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.heading = new Heading(4, [button("close", "Close details", false, false)]);
    this.facts = box("facts");
    this.body = box("body");
    this.element = box("details", { role: "region", "aria-label": "Details", hidden: "" }, [
      this.heading.element,
      this.facts,
      this.body,
    ]);
    /** @type {About | null | undefined} */
    this.shown = undefined;
    this.told = "";
  }

  /** @param {Node | undefined} node */
  draw(node) {
    this.element.hidden = !node;
    if (!node) return;
    const row = node.row;
    const feed = this.view.feed;
    this.heading.draw(feed, row);
    mark(this.element, "aria-label", `Details of ${row.title}`);
    this.tell(row, feed.now());
    this.fill(row.id, feed.about?.id === row.id ? feed.about : null);
  }

  /** @param {Row} row
   * @param {number} now */
  tell(row, now) {
    const facts = factsOf(row, now);
    const key = JSON.stringify(facts);
    if (key === this.told) return;
    this.told = key;
    this.facts.replaceChildren(...facts.map(([name, said]) => box("fact", {}, [box("name", {}, [name]), box("said", {}, [said])])));
  }

  /** @param {string} id
   * @param {About | null} about */
  fill(id, about) {
    if (about === this.shown && this.body.dataset.id === id) return;
    this.shown = about;
    this.body.dataset.id = id;
    const live = this.view.feed.state === "live";
    const places = new Map([...this.body.children].map((part) => [part.getAttribute("data-part"), part.lastElementChild?.scrollTop ?? 0]));
    const empty = box("hint", {}, [live ? "Asking for more…" : "There is more to see while a kernel is connected."]);
    this.body.replaceChildren(...(about ? sections(about, this.view.feed.now()) : [empty]));
    for (const part of this.body.children) {
      if (part.lastElementChild) part.lastElementChild.scrollTop = places.get(part.getAttribute("data-part")) ?? 0;
    }
  }
}

/** @param {Row} row
 * @param {number} now
 * @returns {[string, string][]} */
function factsOf(row, now) {
  const said = describe(row, now);
  const when = (/** @type {number | undefined} */ at) => (at === undefined ? "" : moment(at, now, true));
  /** @type {[string, string][]} */
  const facts = [
    ["Function", row.function ?? ""], ["Pool", row.pool ?? ""], ["Worker", row.worker ?? ""], ["Queue", row.queue ?? ""],
    ["Submitted", when(row.created)], ["Started", when(row.started)], ["Ended", when(row.ended)],
    ["Elapsed", said.elapsed], ["Left", said.left], ["Attempt", row.attempt ? String(row.attempt) : ""],
    ["Tokens", row.tokens ? many(row.tokens) : ""], ["Cost", said.cost], ["Kind", row.type?.replace("_", " ") ?? ""],
    ["Result of job", row.source ?? ""], ["Id", row.id],
  ];
  return facts.filter(([, text]) => text !== "");
}

/** The parts of the details, what people look for first, first.
 * @param {About} about
 * @param {number} now */
function sections(about, now) {
  const result = about.result !== undefined && about.nbytes ? `Result, ${bytes(about.nbytes)}` : "Result";
  const parts = [
    about.error && section("Error", text(cause(about.error, about.kind), "error"), true),
    about.traceback && section("Traceback", text(about.traceback, "code verbatim"), true),
    about.result !== undefined && section(result, text(about.result)),
    about.description && section("Description", text(about.description, "prose")),
    about.prompt && section("Prompt", text(about.prompt, "prose")),
    about.arguments && section("Arguments", text(about.arguments)),
    about.timeline?.length && section("Timeline", timeline(about.timeline, now), true),
    about.usage?.length && section("Usage", usage(about.usage), true),
    about.attempts?.length && section("Attempts", attempts(about.attempts, now), true),
    about.logs?.length && section("Log", logs(about.logs), true),
    about.depends_on?.length && section("Waits for", text(about.depends_on.join("\n"))),
  ];
  return parts.filter((part) => part instanceof HTMLElement);
}

/** @param {string} error
 * @param {string} [kind] */
const cause = (error, kind) => (kind && kind !== "exception" ? `${error} (${kind.replaceAll("_", " ")})` : error);

/** @param {string} name
 * @param {HTMLElement} inside
 * @param {boolean} [wide] whether it needs all of the width */
function section(name, inside, wide = false) {
  return box("section", { "data-part": name.split(",")[0], ...(wide && { "data-wide": "" }) }, [box("name", { role: "heading", "aria-level": "5" }, [name]), inside]);
}

/** @param {string} words
 * @param {string} [kind] */
const text = (words, kind = "code") => box(`text ${kind}`, { tabindex: "0" }, [words]);

/** @param {number} count */
function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

/** @param {[number, string, string][]} lines */
function logs(lines) {
  const made = lines.map(([at, level, words]) =>
    box("entry", { "data-level": level.toLowerCase() }, [box("at", {}, [clock(at)]), box("level", {}, [level.toLowerCase()]), box("words", {}, [words])]),
  );
  return box("text log", { tabindex: "0" }, made);
}

/** @param {number} at */
const clock = (at) => moment(at, at, true);

/** @param {[number, string, number, number | null, string][]} rows
 * @param {number} now */
function attempts(rows, now) {
  const made = rows.map(([number, worker, begin, end, error]) =>
    line([String(number), worker, clock(begin), end === null ? `${ticking(now - begin)}, running` : span(end - begin), error]),
  );
  return table(["No.", "Worker", "Began", "Took", "Error"], made);
}

/** What each model or service has cost, with bars to compare them by.
 * @param {[string, number, number, string][]} rows */
function usage(rows) {
  const priced = rows.some(([, , , cost]) => Number(cost) > 0);
  const size = (/** @type {[string, number, number, string]} */ [, into, out, cost]) => (priced ? Number(cost) : into + out);
  const most = Math.max(...rows.map(size));
  const made = rows.map((row) => {
    const fill = box("fill");
    fill.style.transform = `scaleX(${most ? size(row) / most : 0})`;
    return line([row[0], box("bar", {}, [fill]), many(row[1]), many(row[2]), money(row[3])]);
  });
  return table(["API", "Share", "Tokens in", "out", "Cost"], made);
}

/** @param {(string | HTMLElement)[]} cells */
const line = (cells) => box("line", { role: "row" }, cells.map((cell) => box("piece", { role: "cell" }, [cell])));

/** @param {string[]} heads
 * @param {HTMLElement[]} rows */
function table(heads, rows) {
  const head = box("line", { role: "row" }, heads.map((name) => box("piece", { role: "columnheader" }, [name])));
  return box("table", { role: "table", tabindex: "0" }, [head, ...rows]);
}

/** Who worked on what, and when: a lane for each worker.
 * @param {[string, string, Status, number, number | null][]} bars
 * @param {number} now */
export function timeline(bars, now) {
  const begin = Math.min(...bars.map(([, , , from]) => from));
  const end = Math.max(...bars.map(([, , , , to]) => to ?? now), begin + 0.001);
  const lanes = [...new Set(bars.map(([worker]) => worker))].sort();
  const rows = lanes.map((worker) => lane(worker, bars.filter(([name]) => name === worker), begin, end, now));
  const says = `${bars.length} attempts on ${lanes.length} workers within ${span(end - begin)}`;
  return box("gantt", { role: "img", "aria-label": says, tabindex: "0" }, [...rows, scale(end - begin)]);
}

const BAR = 14;

/** The line of each bar, where none covers another: the first that is free when it begins.
 * @param {[string, string, Status, number, number | null][]} bars the earliest first
 * @param {number} now
 * @returns {number[]} */
export function stacked(bars, now) {
  /** @type {number[]} */
  const ends = [];
  return bars.map(([, , , from, to]) => {
    const free = ends.findIndex((end) => end <= from);
    const place = free < 0 ? ends.length : free;
    ends[place] = to ?? now;
    return place;
  });
}

/** @param {string} worker
 * @param {[string, string, Status, number, number | null][]} bars
 * @param {number} begin
 * @param {number} end
 * @param {number} now */
function lane(worker, bars, begin, end, now) {
  const share = (/** @type {number} */ seconds) => `${((100 * seconds) / (end - begin)).toFixed(3)}%`;
  const places = stacked(bars, now);
  const svg = shape("svg", { class: "pj-lane", height: String(4 + BAR * (Math.max(...places) + 1)) });
  for (const [place, [, title, status, from, to]] of bars.entries()) {
    const rect = shape("rect", { x: share(from - begin), width: share((to ?? now) - from), y: String(3 + BAR * places[place]), height: String(BAR - 2), rx: "2", "data-status": status });
    const tip = shape("title", {});
    tip.textContent = `${title}: ${status.replaceAll("_", " ")}, ${span((to ?? now) - from)}`;
    rect.append(tip);
    svg.append(rect);
  }
  return box("lanes", {}, [box("name", { title: worker }, [worker]), svg]);
}

/** A time on an axis.
 * @param {number} seconds
 * @param {number} all what the axis is long */
export function onAxis(seconds, all) {
  if (seconds === 0) return "0";
  return all < 1 ? `${Math.round(1000 * seconds)}ms` : span(seconds);
}

/** @param {number} seconds */
function scale(seconds) {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) => box("mark", {}, [onAxis(seconds * part, seconds)]));
  return box("lanes", {}, [box("name"), box("scale", {}, marks)]);
}

// ----------------------------------------------------------------------------------------- view

/** For how long a pointer that has moved is taken for a hand. */
const HAND = 3_000;

/** One place on a page where a feed is shown. */
class View {
  /** @param {Feed} feed
   * @param {HTMLElement} place */
  constructor(feed, place) {
    this.feed = feed;
    this.name = Math.random().toString(36).slice(2); // another view on the page may show the same job
    this.panel = feed.snapshot.view === "panel";
    /** @type {string | null} The job whose line has the keyboard. */
    this.active = null;
    this.detailed = false;
    /** @type {Map<string, boolean>} What somebody has opened or shut, whatever the rules say. */
    this.choices = new Map();
    /** @type {Map<string, boolean>} Which lines are open now. */
    this.open = new Map();
    /** @type {Set<string> | null} The rows that wait to be drawn again; null: all, in new order. */
    this.waiting = new Set();
    this.frame = 0;
    this.state = "";
    this.said = "";
    this.news = "";
    this.near = false;
    this.pointed = -Infinity;
    this.chooser = this.panel ? new Chooser(this) : null;
    this.head = this.chooser ?? new Summary(this);
    this.notice = box("notice", { hidden: "" });
    this.lines = new Lines(this);
    this.empty = box("empty", { hidden: "" });
    this.more = box("button more", { type: "button", "data-act": "more", hidden: "" }, [], "button");
    this.details = new Details(this);
    this.voice = box("voice", { "aria-live": "polite" });
    this.element = box("", {}, [
      this.head.element, this.notice, this.lines.element, this.empty, this.more, this.details.element, this.voice,
    ]);
    this.element.className = "parrot-jobs";
    this.watch = new IntersectionObserver((entries) => this.sight(entries[entries.length - 1].isIntersecting));
    this.turned = () => this.sight(this.near);
    this.listen();
    this.chooser?.ask(); // what the kernel remembers may be of an earlier page
    place.append(this.element);
    feed.views.add(this);
    this.changed(null);
  }

  listen() {
    const tree = this.lines.element;
    this.element.addEventListener("click", (event) => this.clicked(event));
    tree.addEventListener("keydown", (event) => this.typed(event));
    tree.addEventListener("focus", () => this.entered());
    tree.addEventListener("pointermove", () => (this.pointed = Date.now()));
    tree.addEventListener("pointerleave", () => this.left());
    this.details.element.addEventListener("keydown", (event) => event.key === "Escape" && this.shut());
    this.watch.observe(this.element);
    document.addEventListener("visibilitychange", this.turned);
  }

  remove() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.looking);
    this.watch.disconnect();
    document.removeEventListener("visibilitychange", this.turned);
    this.feed.views.delete(this);
    this.feed.seen(this, false);
    this.element.remove();
  }

  /** @param {boolean} near whether it is within the window */
  sight(near) {
    this.near = near;
    this.feed.seen(this, near && document.visibilityState === "visible");
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
    return [...this.lines.shown.keys(), ...(this.detailed && this.active !== null ? [this.active] : [])];
  }

  // What is drawn, once a frame however much has changed.

  /** @param {Set<string> | null} ids of the rows that have changed; null: all, and their order */
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
    const { roots, nodes } = this.feed.forest;
    const before = this.open;
    this.open = new Map();
    const isOpen = (/** @type {Node} */ node) => {
      const open = this.decide(node, nodes.size, before);
      this.open.set(node.row.id, open);
      return open;
    };
    this.lines.set(lines(this.chooser ? roots.filter(({ row }) => this.chooser?.fits(row)) : roots, isOpen));
  }

  /** Nothing opens or shuts by itself under a hand that is about to press something.
   * @param {Node} node
   * @param {number} size
   * @param {Map<string, boolean>} before */
  decide(node, size, before) {
    const id = node.row.id;
    if (this.panel && !node.parent) return this.feed.opened?.id === id;
    const held = Date.now() - this.pointed < HAND ? before.get(id) : undefined;
    return this.choices.get(id) ?? held ?? opensByItself(node, size);
  }

  /** Whether there is, or may be, something below: of the jobs of a panel only the open one is known.
   * @param {Node} node */
  opens(node) {
    if (node.children.length || !this.panel || node.parent) return node.children.length > 0;
    const { opened } = this.feed;
    return opened?.id !== node.row.id || !opened.rev;
  }

  /** @param {Node} node */
  isOpen(node) {
    return this.open.get(node.row.id) ?? this.feed.opened?.id === node.row.id;
  }

  /** The keyboard begins with the first line in sight; a pointer says itself what it wants. */
  entered() {
    const tree = this.lines.element;
    if (this.active === null && tree.matches(":focus-visible")) this.go(Math.ceil(tree.scrollTop / ROW));
  }

  left() {
    this.pointed = -Infinity;
    this.changed(null);
  }

  tick() {
    if (this.feed.state !== this.state) this.changed(null);
    else if (this.state === "live" && !this.feed.snapshot.over) this.changed(this.lines.ticking());
  }

  /** What is to be known beside the jobs. */
  tell() {
    this.state = this.feed.state;
    mark(this.element, "data-state", this.state);
    mark(this.element, "data-without", SPARE.filter((field) => !this.feed.forest.fields.has(field)).join(" "));
    const words = this.trouble() || this.news;
    this.notice.hidden = !words;
    if (words && this.notice.dataset.says !== words) {
      const close = this.news === words ? [button("dismiss", "Dismiss", false, false)] : [];
      this.notice.replaceChildren(icon("notice"), box("words", {}, [words]), ...close);
    }
    this.notice.dataset.says = words;
    this.offer();
  }

  trouble() {
    const { state, last, lost } = this.feed;
    const when = moment(last, Date.now() / 1000);
    const id = this.feed.forest.roots[0]?.row.id;
    const again = this.panel || !id ? "" : ` To bring it back to life: await client.attach("${id}")`;
    if (state === "saved") return `As it was at ${when}: no kernel is connected.${again}`;
    if (state === "silent") return `No word from the kernel since ${when}: it is busy or gone. This is the last known state.`;
    return state === "lost" ? `The last known state, of ${when}: ${lost}` : "";
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

  // What people do.

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
    requestAnimationFrame(() => this.details.element.firstElementChild?.scrollIntoView({ block: "nearest" }));
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
    if (this.detailed && this.feed.about?.id !== id) this.looking = setTimeout(() => this.feed.look(id), before === id ? 0 : 150);
  }

  /** @param {Node} node
   * @param {boolean} [open] */
  toggle(node, open = !this.isOpen(node)) {
    const id = node.row.id;
    if (this.panel && !node.parent) this.feed.open(open ? id : null);
    else this.choices.set(id, open);
    this.active = id;
    this.arrange(); // now: the next key may come before the next frame
    this.changed(null);
  }

  next() {
    const node = nextFailed(this.feed.forest.roots, this.node);
    if (!node) return;
    for (let above = node.parent; above; above = above.parent) this.choices.set(above.row.id, true);
    this.arrange();
    this.changed(null);
    this.go(this.lines.nodes.indexOf(node));
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (event.target !== this.lines.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const go = this.keys()[event.key];
    if (!go) return;
    event.preventDefault();
    event.stopPropagation();
    go();
  }

  /** @returns {Record<string, () => void>} */
  keys() {
    const node = this.node;
    return {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      PageDown: () => this.move(MOST - 1),
      PageUp: () => this.move(1 - MOST),
      Home: () => this.go(0),
      End: () => this.go(this.lines.nodes.length - 1),
      ArrowRight: () => node && this.inwards(node),
      ArrowLeft: () => node && this.outwards(node),
      Enter: () => node && this.chosen(node.row.id),
      " ": () => node && this.opens(node) && this.toggle(node),
      Escape: () => this.detailed && this.shut(),
    };
  }

  /** @param {number} by */
  move(by) {
    const at = this.node ? this.lines.nodes.indexOf(this.node) : 0;
    this.go(at + by);
  }

  /** @param {number} place */
  go(place) {
    const node = this.lines.nodes[Math.max(0, Math.min(place, this.lines.nodes.length - 1))];
    if (!node) return;
    this.lines.reveal(this.lines.nodes.indexOf(node));
    this.activate(node.row.id);
  }

  /** @param {Node} node */
  inwards(node) {
    if (!this.opens(node)) return;
    if (this.isOpen(node)) this.move(1);
    else this.toggle(node, true);
  }

  /** @param {Node} node */
  outwards(node) {
    if (this.opens(node) && this.isOpen(node)) this.toggle(node, false);
    else if (node.parent) this.go(this.lines.nodes.indexOf(node.parent));
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
    this.report(`“${LABELS[press.action]}” for “${press.title}”: the kernel is busy, and does it when it is free`);
  }

  /** @param {string} words */
  report(words) {
    this.news = words;
    put(this.voice, words);
    this.changed(new Set());
  }
}

/** What anywidget asks for: a feed for the model, and a view wherever it is displayed. */
export default () => {
  /** @type {Feed} */
  let feed;
  return {
    /** @param {{model: Model}} props */
    initialize({ model }) {
      feed = new Feed(model);
      return () => feed.stop();
    },
    /** @param {{el: HTMLElement}} props */
    render({ el }) {
      const view = new View(feed, el);
      return () => view.remove();
    },
  };
};
