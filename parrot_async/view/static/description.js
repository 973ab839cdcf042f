/**
 * What is said of a job in its row.
 *
 * @import { Counts, Row } from "./protocol.js"
 * @typedef {ReturnType<typeof describe>} Description
 */
import { ENDED, inFull, sumOf, UNDER_WAY, WORDS } from "./status.js";
import { duration, many, moment, money, percent, short, ticking } from "./wording.js";

const SOON = "soon";

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
    elapsed: took === undefined ? "" : ended ? duration(took) : ticking(took),
    left:
      ended || row.ends === undefined ? "" : row.ends - now < 1 ? SOON : ticking(row.ends - now),
    worker: (row.worker ?? "").replace(/^127\.0\.0\.1:/, ":"),
    pool: ended && !row.worker ? "" : (row.pool ?? ""),
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
  if (row.retry !== undefined && row.retry > now)
    return `next attempt in ${ticking(row.retry - now)}`;
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

/** How far a job's children are: "34 of 50 done, 2 failed".
 * @param {Counts} counts */
export function family(counts) {
  const total = sumOf(counts);
  const rest = [
    counts.failed && `${many(counts.failed)} failed`,
    counts.cancelled && `${many(counts.cancelled)} cancelled`,
  ];
  if (counts.completed === total) return `${many(total)} done`;
  return [`${many(counts.completed ?? 0)} of ${many(total)} done`, ...rest]
    .filter(Boolean)
    .join(", ");
}

/** All of a row for those who cannot see its columns.
 * @param {Row} row
 * @param {Description} said */
export function label(row, said) {
  const where = [said.pool, said.worker].filter(Boolean).join(" ");
  return [
    row.title,
    row.call,
    inFull(row),
    said.percent,
    said.note,
    said.attempt,
    said.elapsed && `${said.elapsed} elapsed`,
    said.left && `${said.left} left`,
    where && `on ${where}`,
    said.tokens && `${said.tokens} tokens`,
    said.cost,
  ]
    .filter(Boolean)
    .join(", ");
}
