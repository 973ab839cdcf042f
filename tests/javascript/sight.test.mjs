import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { feedOf, row, START, snapshot } from "./feeds.mjs";
import { Kernel, Model } from "./kernel.mjs";

test("the kernel hears once what is in sight, and is greeted when it is again", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const [one, other] = [{}, {}];
  model.tell({ t: "beat", at: 1 });
  model.sent.length = 0;

  feed.sight.seen(one, true);
  feed.sight.seen(other, true);
  feed.sight.seen(one, false);
  feed.sight.seen(other, false);
  feed.sight.seen(other, true);

  assert.deepEqual(model.sent, [
    { t: "seen", on: true },
    { t: "seen", on: false },
    { t: "seen", on: true },
    { t: "hello", rev: 5 },
  ]);
});

test("a view that was never in sight says so", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  feed.sight.seen({}, false);

  assert.deepEqual(model.sent.at(-1), { t: "seen", on: false });
});

test("in sight and in silence the kernel is greeted once more", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  feed.sight.seen({ tick: () => {} }, true);
  model.sent.length = 0;

  mock.timers.tick(11_000);

  assert.deepEqual(model.sent, [{ t: "hello", rev: 5 }]);
});

test("the kernel is told which rows are drawn, once, and only while it is there", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);
  const view = { rows: ["a"], changed() {}, tick() {} };
  feed.sight.views.add(view);
  const sights = () => model.sent.filter(({ t }) => t === "sight");
  const draw = () => {
    feed.sight.drawn();
    feed.sight.drawn();
    mock.timers.tick(200);
  };

  draw();
  assert.deepEqual(sights(), []);
  model.tell({ t: "beat", at: START / 1000 });
  draw();
  draw();
  assert.deepEqual(sights(), [{ t: "sight", page: feed.sight.page, ids: ["a"] }]);
  view.rows = ["a", "a.0"];
  draw();
  assert.deepEqual(sights().at(-1).ids, ["a", "a.0"]);
  feed.sight.seen(view, false);
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
  feed.sight.seen({ rows: ["a"], changed() {}, tick() {} }, true);

  const running = later();
  model.tell({ t: "delta", rev: 6, at: 8, over: true });

  assert.equal(running, 3);
  assert.equal(later(), 3);
});

test("two pages have two names", () => {
  assert.notEqual(
    feedOf(new Model(snapshot())).sight.page,
    feedOf(new Model(snapshot())).sight.page,
  );
});

test("of a panel the drawn rows of the open tree are told, and told again when it is opened again", () => {
  const kernel = new Kernel([row("b"), row("a")], { view: "panel" });
  const feed = feedOf(kernel.model);
  const sights = () => kernel.model.sent.filter(({ t }) => t === "sight");
  const fill = { t: "full", of: "a", snapshot: snapshot() };
  const draw = () => {
    feed.sight.drawn();
    mock.timers.tick(200);
  };
  feed.sight.views.add({ rows: ["b", "a", "a.0"], changed() {}, tick() {} });
  kernel.model.tell({ t: "beat", at: START / 1000, rev: 1 });

  draw();
  feed.open("a");
  draw();
  assert.deepEqual(sights(), []);
  kernel.model.tell(fill);
  draw();
  assert.deepEqual(sights(), [{ t: "sight", of: "a", page: feed.sight.page, ids: ["a.0"] }]);

  feed.open(null);
  draw();
  feed.open("a");
  kernel.model.tell(fill);
  draw();
  assert.equal(sights().length, 2);
});
