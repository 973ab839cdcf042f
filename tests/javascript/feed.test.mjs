import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Kernel, Model } from "./kernel.mjs";
import { jobs } from "./module.mjs";

const START = Date.UTC(2026, 10, 22, 12);
const row = (id, changes) => ({ id, title: id, status: "running", ...changes });
const child = (id, parent, changes) => row(id, { parent, ...changes });
let feeds;

beforeEach(() => {
  feeds = [];
  mock.timers.enable({ apis: ["setInterval", "setTimeout", "Date"], now: START });
});
afterEach(() => {
  for (const feed of feeds) feed.stop();
  mock.timers.reset();
});

function feedOf(model) {
  const feed = new jobs.Feed(model);
  feeds.push(feed);
  return feed;
}

function snapshot(changes) {
  return { view: "tree", rev: 5, at: START / 1000, rows: [row("a"), child("a.0", "a")], over: false, can: ["cancel"], ...changes };
}

/** A view that remembers what it was told. */
function watching(feed) {
  const told = { changes: [], answers: [], late: [], ticks: 0 };
  feed.views.add({ changed: (ids) => told.changes.push(ids), answered: (...answer) => told.answers.push(answer), late: (press) => told.late.push(press.id), tick: () => (told.ticks += 1) });
  return told;
}

test("the first word is a hello, and buttons wait for the kernel's", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
  assert.deepEqual([feed.state, feed.can], ["new", []]);
  model.tell({ t: "beat", at: START / 1000 });
  assert.deepEqual([feed.state, feed.can], ["live", ["cancel"]]);
});

test("deltas change rows in place, so that the saved state is the present", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 6 });
  const told = watching(feed);

  model.tell({ t: "delta", rev: 6, at: 7, set: [["a.0", { progress: 40 }]] });
  model.tell({ t: "delta", rev: 7, at: 8, new: [child("a.1", "a")], set: [["a", { status: "waiting_for_children" }]], over: true });

  assert.deepEqual(model.get("snapshot"), snapshot({
    rev: 7, at: 8, over: true, read: true,
    rows: [row("a", { status: "waiting_for_children" }), child("a.0", "a", { progress: 40 }), child("a.1", "a")],
  }));
  assert.deepEqual(told.changes, [new Set(["a.0"]), null]);
});

test("a gap makes one hello, whatever comes after it, and the answer mends it", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  model.tell({ t: "delta", rev: 7, at: 2, set: [["a", { progress: 9 }]] });
  model.tell({ t: "delta", rev: 8, at: 3, set: [["a", { progress: 10 }]] });
  assert.deepEqual(model.sent, [{ t: "hello", rev: 0 }]);
  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);

  model.tell({ t: "full", snapshot: snapshot({ rev: 8, rows: [row("a", { progress: 10 })] }) });
  model.tell({ t: "delta", rev: 9, at: 4, set: [["a", { progress: 11 }]] });
  assert.equal(feed.forest.nodes.get("a").row.progress, 11);
  assert.equal(model.get("snapshot").rev, 9);

  model.tell({ t: "delta", rev: 12, at: 5 });
  assert.deepEqual(model.sent.at(-1), { t: "hello", rev: 0 });
});

test("a full answer is enough to ask again after the next gap", () => {
  const model = new Model(snapshot());
  feedOf(model);

  model.tell({ t: "delta", rev: 7, at: 1 });
  model.tell({ t: "full", snapshot: snapshot({ rev: 8 }) });
  model.tell({ t: "delta", rev: 10, at: 1 });

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }, { t: "hello", rev: 0 }, { t: "hello", rev: 0 }]);
});

test("a beat of another revision says that something was lost, but not that of a kernel with no rows", () => {
  const model = new Model(snapshot());
  feedOf(model);
  model.sent.length = 0;

  model.tell({ t: "beat", at: 1, rev: 5 });
  model.tell({ t: "beat", at: 2, rev: 0 });
  assert.deepEqual(model.sent, []);

  model.tell({ t: "beat", at: 3, rev: 7 });
  assert.deepEqual(model.sent, [{ t: "hello", rev: 0 }]);
});

test("rows that came as a state are not asked for again", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.set("snapshot", snapshot({ rev: 9, over: true }));
  model.tell({ t: "beat", at: 1, rev: 9 });

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
  assert.equal(feed.state, "live");
});

test("a parent that ends may shut, so all lines are found anew", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: 1 });
  const told = watching(feed);

  model.tell({ t: "delta", rev: 6, at: 7, set: [["a", { status: "completed" }], ["a.0", { progress: 3 }]] });

  assert.deepEqual(told.changes, [null]);
});

test("a clock that was set back is believed from the next full answer on", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.tell({ t: "beat", at: START / 1000 + 100 });
  model.tell({ t: "full", snapshot: snapshot({ at: START / 1000 + 7 }) });

  assert.equal(feed.now(), START / 1000 + 7);
});

test("what was heard before changes nothing", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  model.tell({ t: "delta", rev: 5, at: 9, set: [["a", { progress: 9 }]] });

  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);
  assert.deepEqual(model.sent, []);
});

test("a changed snapshot trait is shown", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);

  model.set("snapshot", snapshot({ rev: 9, over: true, rows: [row("a", { status: "completed" })] }));

  assert.equal(feed.forest.tally.completed, 1);
  assert.deepEqual(told.changes, [null]);
});

test("without a kernel the state is the saved one, and its clock stands still", () => {
  const model = new Model(snapshot({ at: 1000 }));
  const feed = feedOf(model);

  mock.timers.tick(7000);

  assert.deepEqual([feed.state, feed.now(), feed.can], ["saved", 1000, []]);
});

test("silence makes a live view the last known one until the next word", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  model.tell({ t: "beat", at: START / 1000 });

  mock.timers.tick(13_000);
  assert.deepEqual([feed.state, feed.can, feed.now()], ["silent", [], START / 1000]);

  model.tell({ t: "beat", at: START / 1000 + 13 });
  assert.deepEqual([feed.state, feed.now()], ["live", START / 1000 + 13]);
});

test("a tree that is over may be silent", () => {
  const model = new Model(snapshot({ over: true }));
  const feed = feedOf(model);
  model.tell({ t: "beat", at: START / 1000 });

  mock.timers.tick(60_000);

  assert.equal(feed.state, "live");
});

test("the service's clock rules, and the least delayed message tells it best", () => {
  const feed = feedOf(new Model(snapshot()));
  const model = feed.model;

  model.tell({ t: "beat", at: START / 1000 + 100 });
  mock.timers.tick(2000);
  model.tell({ t: "beat", at: START / 1000 + 101.5 }); // half a second late

  assert.equal(feed.now(), START / 1000 + 102);
});

test("a lost service takes the buttons and gives them back", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.tell({ t: "beat", at: 1, lost: "no route" });
  assert.deepEqual([feed.state, feed.lost, feed.can], ["lost", "no route", []]);
  model.tell({ t: "beat", at: 2 });
  assert.deepEqual([feed.state, feed.can], ["live", ["cancel"]]);
  model.tell({ t: "beat", at: 3, lost: "no route" });
  model.tell({ t: "delta", rev: 6, at: 4 });
  assert.equal(feed.state, "live");
});

test("a comm that is gone is a lost kernel, not an error", () => {
  const model = new Model(snapshot());
  model.answer = () => {
    throw new Error("Cannot send");
  };

  const feed = feedOf(model);

  assert.equal(feed.lost, "the kernel cannot be reached (Cannot send)");
});

test("a press is pending until its answer, which goes to whoever looks", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);
  model.tell({ t: "beat", at: 1 });

  feed.press("cancel", feed.forest.nodes.get("a.0").row);
  const asked = model.sent.at(-1);
  assert.deepEqual({ ...asked, n: 0 }, { t: "act", n: 0, action: "cancel", ids: ["a.0"] });
  assert.equal(feed.pressed("a.0"), "cancel");

  model.tell({ t: "done", n: asked.n + 1, error: "another's" });
  assert.equal(feed.pressed("a.0"), "cancel");
  model.tell({ t: "done", n: asked.n, error: "too late" });
  assert.equal(feed.pressed("a.0"), undefined);
  assert.deepEqual(told.answers.map(([press, error]) => [press.id, error]), [["a.0", "too late"]]);
  mock.timers.tick(10_000);
  assert.deepEqual(told.late, []);
});

test("a press that nobody answers is said to be late, and stays pending for a busy kernel", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const told = watching(feed);
  model.tell({ t: "beat", at: 1 });
  feed.press("cancel", feed.forest.nodes.get("a").row);

  mock.timers.tick(9_000);
  model.tell({ t: "beat", at: 10 });
  mock.timers.tick(2_000);
  assert.deepEqual([told.late, feed.pressed("a")], [["a"], "cancel"]);

  mock.timers.tick(13_000); // and then the kernel is gone
  assert.equal(feed.pressed("a"), undefined);
});

test("the first word, and the first after silence, draw all anew", () => {
  const model = new Model(snapshot());
  const told = watching(feedOf(model));

  model.tell({ t: "beat", at: 1 });
  model.tell({ t: "beat", at: 2 });
  assert.deepEqual(told.changes, [null]);

  mock.timers.tick(13_000);
  model.tell({ t: "beat", at: 15 });
  assert.deepEqual(told.changes, [null, null]);
});

test("the kernel hears once what is in sight, and is greeted when it is again", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const [one, other] = [{}, {}];
  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  feed.seen(one, true);
  feed.seen(other, true);
  feed.seen(one, false);
  feed.seen(other, false);
  feed.seen(other, true);

  assert.deepEqual(model.sent, [{ t: "seen", on: true }, { t: "seen", on: false }, { t: "seen", on: true }, { t: "hello", rev: 5 }]);
});

test("a view that was never in sight says so", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  feed.seen({}, false);

  assert.deepEqual(model.sent.at(-1), { t: "seen", on: false });
});

test("in sight and in silence the kernel is greeted once more", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  feed.seen({ tick: () => {} }, true);
  model.sent.length = 0;

  mock.timers.tick(11_000);

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
});

test("a tree that is open in a panel counts its own revisions", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const at = START / 1000;

  feed.open("a");
  kernel.model.tell({ t: "full", of: "a", snapshot: { view: "tree", rev: 3, at, rows: [row("a", { step: "x" }), child("a.0", "a")], over: false, can: [] } });
  kernel.model.tell({ t: "delta", of: "a", rev: 4, at, set: [["a.0", { progress: 50 }]], new: [child("a.1", "a")] });
  kernel.delta({ new: [row("c")], set: [["b", { progress: 9 }]] });

  assert.deepEqual(feed.forest.roots.map(({ row: { id } }) => id), ["c", "b", "a"]);
  assert.deepEqual(feed.forest.nodes.get("a").children.map(({ row: { id } }) => id), ["a.0", "a.1"]);
  assert.equal(feed.forest.nodes.get("a").row.step, "x");
  assert.deepEqual(kernel.model.get("snapshot").rows.map(({ id }) => id), ["c", "b", "a"]);

  kernel.delta({ gone: ["b"] });
  kernel.model.tell({ t: "full", snapshot: kernel.snapshot() });
  assert.deepEqual(feed.forest.nodes.get("a").children.length, 2);
  assert.deepEqual(kernel.model.get("snapshot").rows.map(({ id }) => id), ["a", "c"]);

  feed.open(null);
  kernel.model.tell({ t: "delta", of: "a", rev: 5, at, set: [["a", { progress: 77 }]] });
  assert.equal(feed.forest.nodes.get("a").row.progress, undefined);
  assert.equal(feed.forest.nodes.size, 2);
});

test("a tree that is open in a panel is shut when the panel has it no more", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const fill = { t: "full", of: "a", snapshot: snapshot() };

  feed.open("a");
  kernel.model.tell(fill);
  kernel.delta({ gone: ["a"] });
  assert.deepEqual(kernel.model.sent.at(-1), { t: "open", id: null });
  kernel.model.tell({ t: "delta", of: "a", rev: 6, at: 1, new: [child("a.1", "a")] });

  assert.deepEqual([...feed.forest.nodes.keys()], ["b"]);
});

test("a tree that is open in a panel is shut by a filter that leaves it out", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);

  feed.open("a");
  kernel.model.tell({ t: "full", snapshot: snapshot({ view: "panel", rows: [row("b")] }) });

  assert.deepEqual([feed.opened, kernel.model.sent.at(-1)], [null, { t: "open", id: null }]);
});

test("details of the job that was asked about last are kept", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  feed.look("a.0");
  model.tell({ t: "details", id: "a.0", prompt: "why" });

  assert.deepEqual(model.sent.at(-1), { t: "look", id: "a.0" });
  assert.equal(feed.about.prompt, "why");
});

test("how many rows are still to come is known from the first one on", () => {
  const model = new Model(snapshot({ more: 2 }));
  const feed = feedOf(model);
  model.tell({ t: "beat", at: START / 1000 });

  model.tell({ t: "delta", rev: 6, at: 7, new: [child("a.1", "a")], more: 1 });
  model.tell({ t: "delta", rev: 7, at: 8, set: [["a.1", { progress: 3 }]] });

  assert.equal(feed.snapshot.more, 1);
});

test("the kernel is told which rows are drawn, once, and only while it is there", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const view = { rows: ["a"], changed() {}, tick() {} };
  feed.inSight.add(view);
  const sights = () => model.sent.filter(({ t }) => t === "sight");
  const draw = () => {
    feed.drawn();
    feed.drawn();
    mock.timers.tick(200);
  };

  draw();
  assert.deepEqual(sights(), []);
  model.tell({ t: "beat", at: START / 1000 });
  draw();
  draw();
  assert.deepEqual(sights(), [{ t: "sight", page: feed.page, ids: ["a"] }]);
  view.rows = ["a", "a.0"];
  draw();
  assert.deepEqual(sights().at(-1).ids, ["a", "a.0"]);
  feed.seen(view, false);
  mock.timers.tick(200);
  assert.deepEqual(sights().at(-1).ids, []);
});

test("a page that lives says again what it draws, as long as anything can change", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const sights = () => model.sent.filter(({ t }) => t === "sight").length;
  const later = () => {
    for (let second = 0; second < 50; second++) {
      mock.timers.tick(1_000);
      model.tell({ t: "beat", at: START / 1000, rev: feed.snapshot.rev });
    }
    return sights();
  };
  model.tell({ t: "beat", at: START / 1000, rev: 5 });
  feed.seen({ rows: ["a"], changed() {}, tick() {} }, true);

  const running = later();
  model.tell({ t: "delta", rev: 6, at: 8, over: true });

  assert.equal(running, 3);
  assert.equal(later(), 3);
});

test("two pages have two names", () => {
  assert.notEqual(feedOf(new Model(snapshot())).page, feedOf(new Model(snapshot())).page);
});

test("of a panel the drawn rows of the open tree are told, and told again when it is opened again", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const sights = () => kernel.model.sent.filter(({ t }) => t === "sight");
  const fill = { t: "full", of: "a", snapshot: snapshot() };
  const draw = () => {
    feed.drawn();
    mock.timers.tick(200);
  };
  feed.inSight.add({ rows: ["b", "a", "a.0"], changed() {}, tick() {} });
  kernel.model.tell({ t: "beat", at: START / 1000, rev: 1 });

  draw();
  feed.open("a");
  draw();
  assert.deepEqual(sights(), []);
  kernel.model.tell(fill);
  draw();
  assert.deepEqual(sights(), [{ t: "sight", of: "a", page: feed.page, ids: ["a.0"] }]);

  feed.open(null);
  draw();
  feed.open("a");
  kernel.model.tell(fill);
  draw();
  assert.equal(sights().length, 2);
});
