import assert from "node:assert/strict";
import { test } from "node:test";
import { texts } from "./dom.mjs";

const { sections } = await import("../../parrot_async/view/static/sections.js");
const about = (changes) => ({ t: "details", id: "a", ...changes });
const names = (parts) => parts.map((part) => part.getAttribute("data-part"));

test("what people look for first comes first, and nothing where there is nothing", () => {
  const said = { logs: [[1, "INFO", "x"]], prompt: "why", error: "E", traceback: "T", usage: [] };

  assert.deepEqual(names(sections(about(said), 9)), ["Error", "Traceback", "Prompt", "Log"]);
  assert.deepEqual(sections(about({}), 9), []);
});

test("a result has its size, and an error its kind where that says more", () => {
  const [result] = sections(about({ result: "[1]", nbytes: 98_304 }), 9);
  const error = (kind) => sections(about({ error: "E", kind }), 9)[0].lastElementChild.textContent;

  assert.equal(result.firstElementChild.textContent, "Result, 98.3 kB");
  assert.equal(error("timed_out"), "E (timed out)");
  assert.equal(error("exception"), "E");
});

test("an attempt that runs is counted until now", () => {
  const tried = [
    [1, "cpu-1", 100, 285, "lost"],
    [2, "cpu-2", 300, null, ""],
  ];

  const [part] = sections(about({ attempts: tried }), 312);

  assert.deepEqual(texts(part, ".pj-piece:nth-child(4)"), ["Took", "3m 05s", "12s, running"]);
});

test("shares are of the money, or of the tokens where nothing costs", () => {
  const share = (usage) =>
    [...sections(about({ usage }), 9)[0].querySelectorAll(".pj-fill")].map(
      (fill) => fill.style.transform,
    );

  const paid = [
    ["dear", 1, 1, "0.4"],
    ["cheap", 900, 100, "0.1"],
  ];
  const free = [
    ["much", 900, 100, "0"],
    ["little", 250, 0, "0"],
  ];

  assert.deepEqual(share(paid), ["scaleX(1)", "scaleX(0.25)"]);
  assert.deepEqual(share(free), ["scaleX(1)", "scaleX(0.25)"]);
});

test("a log has the time, the level and the text of each line, and no HTML", () => {
  const [part] = sections(about({ logs: [[1, "ERROR", "<b>no</b>"]] }), 9);

  assert.deepEqual(texts(part, ".pj-level"), ["error"]);
  assert.deepEqual(texts(part, ".pj-words"), ["<b>no</b>"]);
  assert.equal(part.querySelector("b"), null);
});
