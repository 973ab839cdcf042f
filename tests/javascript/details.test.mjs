import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, texts } from "./dom.mjs";
import { family, viewOf } from "./views.mjs";

/** A view with the details of a job open. */
async function opened(id) {
  const all = await viewOf(family());
  all.view.look(id);
  await drawn();
  return { ...all, details: all.view.details };
}

test("details name the job, and have only the facts that there are", async () => {
  const { details } = await opened("a.2");

  assert.equal(details.element.getAttribute("aria-label"), "Details of embed");
  assert.deepEqual(texts(details.facts, ".pj-name"), ["Worker", "Id"]);
  assert.deepEqual(texts(details.facts, ".pj-said"), ["cpu-1", "a.2"]);
});

test("until the kernel answers, the details say that they ask", async () => {
  const { details, feed } = await opened("a.2");

  feed.about = null;
  details.fill("a.0", null);

  assert.deepEqual(texts(details.body, ".pj-hint"), ["Asking for more…"]);
});

test("without a kernel the details say what is missing", async () => {
  const { details, feed } = await opened("a.2");
  feed.connection.lost = "gone";

  details.fill("a.0", null);

  assert.match(details.body.textContent, /while a kernel is connected/);
});

test("an answer about another job is not shown", async () => {
  const { details, feed } = await opened("a.2");
  feed.about = { t: "details", id: "a.0", prompt: "why" };

  details.draw(feed.forest.nodes.get("a.2"));

  assert.doesNotMatch(details.body.textContent, /why/);
});

test("what was scrolled stays scrolled when the answer comes anew", async () => {
  const { details } = await opened("a.2");
  const about = (text) => ({ t: "details", id: "a.2", traceback: text });
  details.fill("a.2", about("one"));
  details.body.firstElementChild.lastElementChild.scrollTop = 30;

  details.fill("a.2", about("one\ntwo"));

  assert.match(details.body.textContent, /two/);
  assert.equal(details.body.firstElementChild.lastElementChild.scrollTop, 30);
});
