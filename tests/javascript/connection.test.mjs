import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { feedOf, START, snapshot } from "./feeds.mjs";
import { Model } from "./kernel.mjs";

test("a clock that was set back is believed from the next full answer on", () => {
  const model = new Model(snapshot());
  const feed = feedOf(model);

  model.tell({ t: "beat", at: START / 1000 + 100 });
  model.tell({ t: "full", snapshot: snapshot({ at: START / 1000 + 7 }) });

  assert.equal(feed.now(), START / 1000 + 7);
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
  assert.deepEqual([feed.state, feed.connection.lost, feed.can], ["lost", "no route", []]);
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

  assert.equal(feed.connection.lost, "the kernel cannot be reached (Cannot send)");
});
