/** A model of anywidget's and the kernel behind it, both fake: what the Python side does, without it. */

const NAMES = ["read", "split", "embed", "store", "check"];
const POOLS = ["cpu", "gpu", "io"];

/** Repeatable numbers between 0 and 1. */
export function numbers(seed = 1) {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

/** The frontend's half of a widget: what anywidget hands to the module. */
export class Model {
  constructor(snapshot) {
    this.traits = { snapshot };
    this.heard = new Map();
    this.sent = [];
    this.answer = () => {};
  }
  get(name) {
    return this.traits[name];
  }
  set(name, value) {
    const differs = this.traits[name] !== value;
    this.traits[name] = value;
    if (differs) this.emit(`change:${name}`);
  }
  on(name, then) {
    this.heard.set(name, [...(this.heard.get(name) ?? []), then]);
  }
  off(name, then) {
    this.heard.set(
      name,
      (this.heard.get(name) ?? []).filter((other) => other !== then),
    );
  }
  send(content) {
    this.sent.push(content);
    this.answer(content);
  }
  emit(name, ...args) {
    for (const then of this.heard.get(name) ?? []) then(...args);
  }
  /** A custom message of the kernel. */
  tell(content) {
    this.emit("msg:custom", structuredClone(content), []);
  }
}

/** Rows of a tree with a root, groups, and `size` jobs in all, at a moment of its life. */
export function rowsOf(
  size,
  { now = Date.now() / 1000, id = "m816v5560z1jkk", title = "ingest docs/" } = {},
) {
  const random = numbers(size);
  const groups = size > 12 ? Math.max(2, Math.min(20, Math.floor(size / 12))) : 0;
  const root = {
    id,
    title,
    status: "waiting_for_children",
    type: "root_job",
    created: now - 130,
    started: now - 128,
    ends: now + 77,
    counts: {},
    pool: "cpu",
    function: "papers:ingest",
  };
  const rows = [root];
  const each = groups ? Math.floor((size - 1 - groups) / groups) : size - 1;
  for (let group = 0; group < groups; group++) {
    const count = group === groups - 1 ? size - rows.length - 1 : each;
    rows.push({
      id: `${id}.${group}`,
      parent: id,
      title: `${NAMES[group % 5]} part ${group + 1}`,
      status: "queued",
      created: now - 120,
      counts: {},
      function: `papers:${NAMES[group % 5]}`,
    });
    for (let leaf = 0; leaf < count; leaf++)
      rows.push(leafOf(`${id}.${group}`, leaf, group / groups, random, now));
  }
  if (!groups)
    for (let leaf = 0; leaf < each; leaf++) rows.push(leafOf(id, leaf, leaf / each, random, now));
  return roll(rows, now);
}

function leafOf(parent, leaf, part, random, now) {
  const row = {
    id: `${parent}.${leaf}`,
    parent,
    title: `embed chunk ${leaf + 1}`,
    call: `docs/${leaf}.pdf`,
    status: "queued",
    created: now - 120,
    function: "papers:embed",
  };
  const luck = random();
  if (part > 0.55) return row;
  const begin = now - 100 + 60 * part + 10 * luck;
  Object.assign(row, {
    started: begin,
    worker: `${POOLS[leaf % 3]}-${leaf % 4}`,
    pool: POOLS[leaf % 3],
  });
  if (part < 0.35) finish(row, luck, begin, random);
  else if (luck < 0.3) finish(row, 0.5, begin, random);
  else if (luck < 0.72)
    Object.assign(row, {
      status: "running",
      progress: Math.round(1000 * random()) / 10,
      step: "embedding",
      done: Math.floor(64 * luck),
      total: 64,
      ends: now + 5 + 60 * luck,
    });
  else {
    delete row.started;
    delete row.worker;
    delete row.pool;
  }
  return row;
}

function finish(row, luck, begin, random) {
  row.ended = begin + 1 + 20 * random();
  row.tokens = Math.floor(900 + 9000 * random());
  row.cost = (row.tokens * 0.000002).toFixed(6);
  if (luck < 0.02)
    return Object.assign(row, {
      status: "failed",
      error: "ValueError: the page has no text layer (scan?): docs/2019/annual-report.pdf",
      attempt: 3,
    });
  if (luck < 0.035) return Object.assign(row, { status: "cancelled" });
  return Object.assign(row, { status: "completed", result: "64 vectors of 384 numbers" });
}

/** Parents as the service would have them: counts, status, progress, spent. */
function roll(rows, now) {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const weights = new Map();
  for (const row of [...rows].reverse()) {
    if (row.counts) derive(row, weights, now);
    const parent = byId.get(row.parent);
    if (!parent) continue;
    if (row.incomplete || ["failed", "cancelled"].includes(row.status)) parent.incomplete = true;
    parent.counts[row.status] = (parent.counts[row.status] ?? 0) + 1;
    parent.tokens = (parent.tokens ?? 0) + (row.tokens ?? 0) || undefined;
    parent.cost = parent.tokens ? (parent.tokens * 0.000002).toFixed(4) : undefined;
    if (row.started) parent.started = Math.min(parent.started ?? Infinity, row.started);
    const [sum, count] = weights.get(parent.id) ?? [0, 0];
    weights.set(parent.id, [sum + (ended(row) ? 100 : (row.progress ?? 0)), count + 1]);
  }
  return rows.map((row) => JSON.parse(JSON.stringify(row)));
}

const ended = (row) => ["completed", "failed", "cancelled"].includes(row.status);

function derive(row, weights, now) {
  const [sum, count] = weights.get(row.id) ?? [0, 1];
  const { counts } = row;
  const total = Object.values(counts).reduce((one, other) => one + other, 0);
  const done = (counts.completed ?? 0) + (counts.failed ?? 0) + (counts.cancelled ?? 0);
  row.progress = Math.round((10 * sum) / count) / 10;
  if (done === total) {
    row.status = counts.failed ? "failed" : "completed";
    row.ended = now - 30;
    if (counts.failed) row.error = `${counts.failed} of ${total} children failed`;
  } else if (sum > 0 || counts.running) row.status = "waiting_for_children";
}

const CAN = ["cancel", "pause", "resume", "retry", "retry_failed"];

/** The Python side of one view: answers, and tells of jobs that go on. */
export class Kernel {
  constructor(rows, { view = "tree", can = CAN, totals } = {}) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.rev = 1;
    this.view = view;
    this.can = can;
    this.totals = totals;
    this.over = false;
    this.random = numbers(7);
    this.model = new Model(this.snapshot());
    this.model.answer = (message) => queueMicrotask(() => this.hear(message));
    this.trees = new Map();
  }
  snapshot() {
    return {
      view: this.view,
      rev: this.rev,
      at: Date.now() / 1000,
      rows: [...this.rows.values()].map((row) => ({ ...row })),
      over: this.over,
      can: this.can,
      totals: this.totals,
    };
  }
  hear(message) {
    if (message.t === "hello") this.greet(message);
    else if (message.t === "act") this.act(message);
    else if (message.t === "look" && message.id) this.model.tell(this.details(message.id));
    else if (message.t === "open" && message.id) this.openTree(message.id);
  }
  greet({ rev, of }) {
    if (of !== undefined) this.openTree(of);
    else if (rev) this.model.tell({ t: "beat", at: Date.now() / 1000, rev: this.rev });
    else this.model.tell({ t: "full", snapshot: this.snapshot() });
  }
  openTree(id) {
    if (!this.rows.has(id)) return;
    const rows = rowsOf(25, { id, title: this.rows.get(id).title });
    this.model.tell({
      t: "full",
      of: id,
      snapshot: {
        view: "tree",
        rev: 1,
        at: Date.now() / 1000,
        rows: [this.rows.get(id), ...rows.slice(1)],
        over: false,
        can: this.can,
      },
    });
  }
  act({ n, action, ids }) {
    if (action === "retry")
      return setTimeout(
        () => this.model.tell({ t: "done", n, error: "the job is still being stopped" }),
        300,
      );
    const now = Date.now() / 1000;
    const changes =
      {
        cancel: { status: "cancelled", ended: now, progress: null },
        pause: { status: "paused" },
        resume: { status: "running" },
      }[action] ?? {};
    setTimeout(() => {
      this.model.tell({ t: "done", n });
      this.delta({ set: ids.map((id) => [id, changes]) });
    }, 300);
  }
  /** Send a change, and remember it. */
  delta({ set = [], ...rest }) {
    for (const [id, changes] of set)
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) delete this.rows.get(id)[name];
        else this.rows.get(id)[name] = value;
      }
    for (const row of rest.new ?? []) this.rows.set(row.id, row);
    for (const id of rest.gone ?? []) this.rows.delete(id);
    this.over = rest.over ?? this.over;
    this.rev += 1;
    this.model.tell({ t: "delta", rev: this.rev, at: Date.now() / 1000, set, ...rest });
  }
  /** `count` random leaves go on, and their ancestors with them. */
  step(count = 50) {
    this.leaves ??= [...this.rows.values()].filter((row) => row.parent && !row.counts);
    const set = new Map();
    for (let turn = 0; turn < count; turn++)
      this.advance(this.leaves[Math.floor(this.random() * this.leaves.length)], set);
    this.delta({ set: [...set] });
  }
  advance(row, set) {
    const now = Date.now() / 1000;
    if (row.status === "queued")
      set.set(row.id, {
        status: "running",
        started: now,
        progress: 1,
        worker: "cpu-1",
        pool: "cpu",
        step: "embedding",
        done: 1,
        total: 64,
      });
    else if (row.status === "running" && row.progress > 95)
      set.set(row.id, {
        status: "completed",
        ended: now,
        progress: null,
        result: "64 vectors",
        tokens: 4000,
        cost: "0.008",
      });
    else if (row.status === "running")
      set.set(row.id, {
        progress: Math.min(100, (row.progress ?? 0) + 4),
        done: Math.floor((row.progress ?? 0) * 0.64),
        ends: now + 20,
      });
    for (let above = this.rows.get(row.parent); above; above = this.rows.get(above.parent)) {
      set.set(above.id, {
        ...set.get(above.id),
        progress: Math.min(99.9, Math.round(10 * ((above.progress ?? 0) + 0.1)) / 10),
        status: "waiting_for_children",
        started: above.started ?? now,
      });
    }
  }
  details(id) {
    const row = this.rows.get(id) ?? { title: "?" };
    const now = Date.now() / 1000;
    const bars = [...this.rows.values()]
      .filter((other) => other.started && !other.counts)
      .slice(0, 120);
    const failed = row.status === "failed";
    return {
      t: "details",
      id,
      description:
        "Reads every document of the folder, splits it into chunks of 256 tokens and stores their vectors.",
      prompt: "Summarise the attached page in two sentences. Keep all figures.",
      arguments:
        "folder='docs/', batch=64, options=Options(chunk_tokens=256, overlap=32, language=None)",
      ...(row.result && {
        result: "[[0.0123, -0.0456, 0.0789, …], …]\n64 vectors of 384 numbers",
        nbytes: 98304,
      }),
      ...(failed && {
        error: row.error,
        kind: "exception",
        traceback:
          'Traceback (most recent call last):\n  File "papers.py", line 41, in embed\n    text = page.get_text()\n           ^^^^^^^^^^^^^^^\n  File "papers.py", line 17, in get_text\n    raise ValueError(f"the page has no text layer (scan?): {self.path}")\nValueError: the page has no text layer (scan?): docs/2019/annual-report.pdf',
      }),
      logs: [
        [now - 40, "INFO", "opened docs/2019/annual-report.pdf"],
        [now - 39, "WARNING", "page 7: 3 glyphs without a mapping"],
        [now - 31, "ERROR", "page 8 has no text layer"],
      ],
      usage: [
        ["openai/gpt-4.1-mini", 812345, 20311, "0.3574"],
        ["voyage-3-large", 402113, 0, "0.0724"],
        ["local/all-MiniLM-L6-v2", 1203311, 0, "0"],
      ],
      attempts: [
        [1, "gpu-0", now - 100, now - 80, "WorkerLost: the worker died"],
        [2, "gpu-1", now - 78, now - 50, "TimeoutError: 28 s"],
        [3, "cpu-2", now - 45, failed ? now - 31 : null, failed ? row.error : ""],
      ],
      timeline: bars.map((bar) => [
        bar.worker,
        bar.title,
        bar.status,
        bar.started,
        bar.ended ?? null,
      ]),
    };
  }
}
