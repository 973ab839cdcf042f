/**
 * The sections of the details.
 *
 * @import { Details, LogEntry, Spent, Tried } from "./protocol.js"
 */
import { box } from "./elements.js";
import { timeline } from "./timeline.js";
import { bytes, clock, duration, many, money, ticking } from "./wording.js";

/** The parts of the details, what people look for first, first.
 * @param {Details} about
 * @param {number} now */
export function sections(about, now) {
  const result =
    about.result !== undefined && about.nbytes ? `Result, ${bytes(about.nbytes)}` : "Result";
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
    about.logs?.length && section(logName(about.logs), logs(about.logs), true),
    about.depends_on?.length && section("Waits for", text(about.depends_on.join("\n"))),
  ];
  return parts.filter((part) => part instanceof HTMLElement);
}

/** @param {string} error
 * @param {string} [kind] */
const cause = (error, kind) =>
  kind && kind !== "exception" ? `${error} (${kind.replaceAll("_", " ")})` : error;

/** @param {string} name
 * @param {HTMLElement} inside
 * @param {boolean} [wide] whether it needs all of the width */
function section(name, inside, wide = false) {
  return box("section", { "data-part": name.split(",")[0], ...(wide && { "data-wide": "" }) }, [
    box("name", { role: "heading", "aria-level": "5" }, [name]),
    inside,
  ]);
}

/** @param {string} words
 * @param {string} [kind] */
const text = (words, kind = "code") => box(`text ${kind}`, { tabindex: "0" }, [words]);

/** As many lines of a log as the kernel sends; `LOG_LINES` in `details.py`. */
const MOST_LINES = 200;

/** @param {LogEntry[]} lines */
const logName = (lines) =>
  lines.length < MOST_LINES ? "Log" : `Log, the latest ${MOST_LINES} lines`;

/** @param {LogEntry[]} lines */
function logs(lines) {
  const made = lines.map(([at, level, words]) =>
    box("entry", { "data-level": level.toLowerCase() }, [
      box("at", {}, [clock(at)]),
      box("level", {}, [level.toLowerCase()]),
      box("words", {}, [words]),
    ]),
  );
  return box("text log", { tabindex: "0" }, made);
}

/** @param {Tried[]} rows
 * @param {number} now */
function attempts(rows, now) {
  const made = rows.map(([number, worker, begin, end, error]) =>
    line([
      String(number),
      worker,
      clock(begin),
      end === null ? `${ticking(now - begin)}, running` : duration(end - begin),
      error,
    ]),
  );
  return table(["No.", "Worker", "Began", "Took", "Error"], made);
}

/** What each model or service has cost, with bars to compare them by.
 * @param {Spent[]} rows */
function usage(rows) {
  const priced = rows.some(([, , , cost]) => Number.parseFloat(cost) > 0);
  const size = (/** @type {Spent} */ [, into, out, cost]) =>
    priced ? Number.parseFloat(cost) || 0 : into + out;
  const most = Math.max(...rows.map(size));
  const made = rows.map((row) => {
    const fill = box("fill");
    fill.style.transform = `scaleX(${most ? size(row) / most : 0})`;
    return line([row[0], box("bar", {}, [fill]), many(row[1]), many(row[2]), money(row[3])]);
  });
  return table(["API", "Share", "Tokens in", "out", "Cost"], made);
}

/** @param {(string | HTMLElement)[]} cells */
const line = (cells) =>
  box(
    "line",
    { role: "row" },
    cells.map((cell) => box("piece", { role: "cell" }, [cell])),
  );

/** @param {string[]} heads
 * @param {HTMLElement[]} rows */
function table(heads, rows) {
  const head = box(
    "line",
    { role: "row" },
    heads.map((name) => box("piece", { role: "columnheader" }, [name])),
  );
  return box("table", { role: "table", tabindex: "0" }, [head, ...rows]);
}
