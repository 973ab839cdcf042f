import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, texts } from "./dom.mjs";
import { viewOf } from "./views.mjs";

const ROOTS = [
  { id: "c", title: "train the ranker", status: "running", function: "papers:train" },
  { id: "b", title: "ask the papers", status: "queued" },
  { id: "a", title: "ingest docs/", status: "failed" },
];
const TOTALS = { active: 1, queued: 2, finished: 1200, seconds: 185, cost: "1.2" };

const panel = () => viewOf(ROOTS, { view: "panel", totals: TOTALS });
const asked = (kernel) => kernel.model.sent.filter(({ t }) => t === "ask").at(-1);

test("a panel asks for all when it is opened, whatever the kernel remembers", async () => {
  const { kernel } = await panel();

  assert.deepEqual(asked(kernel), { t: "ask", status: [], text: "", limit: 100 });
});

test("a tab asks for its states, and shows at once what is known of them", async () => {
  const { kernel, view } = await panel();

  view.chooser.element.querySelector('[data-tab="Queued"]').click();
  await drawn();

  assert.deepEqual(asked(kernel).status, ["queued", "planning"]);
  assert.deepEqual(texts(view.lines.space, ".pj-title"), ["ask the papers"]);
  assert.equal(view.chooser.tabs[2].getAttribute("aria-pressed"), "true");
});

test("a search looks at title, id and function, in any case", async () => {
  const { view } = await panel();
  const found = (words) => {
    view.chooser.search.value = words;
    return ROOTS.filter((row) => view.chooser.fits(row)).map(({ id }) => id);
  };

  assert.deepEqual(found("DOCS"), ["a"]);
  assert.deepEqual(found(":train"), ["c"]);
  assert.deepEqual(found(" b "), ["b"]);
  assert.equal(view.chooser.nothing(), "No job matches “b”");
});

test("more are asked for page by page, and from the first again in another tab", async () => {
  const { kernel, view } = await panel();

  view.chooser.more();
  assert.equal(asked(kernel).limit, 200);
  view.chooser.element.querySelector('[data-tab="Finished"]').click();

  assert.equal(asked(kernel).limit, 100);
});

test("tabs count their jobs, and the totals are time and money", async () => {
  const { view } = await panel();

  assert.deepEqual(texts(view.chooser.element, ".pj-badge"), ["1,203", "1", "2", "1,200"]);
  assert.equal(view.chooser.totals.textContent, "3m 05s of work · $1.20");
});
