/** The types of `protocol.py`: `python -m tests.javascript.protocol_types` writes them. */

export type Action = "cancel" | "pause" | "resume" | "retry" | "retry_failed";

/** The value of a JobStatus. */
export type Status =
  | "planning"
  | "queued"
  | "running"
  | "waiting_for_children"
  | "paused"
  | "completed"
  | "failed"
  | "cancelled";

/** Jobs by status. */
export type Counts = Partial<Record<Status, number>>;

/**
 * Of a panel: active, queued, finished, cost, seconds; and `matching`, the rows that its filter
 * finds, of which it is sent no more than it has asked for.
 */
export type Totals = Record<string, number | string>;

/** Time, level and text. */
export type LogEntry = [number, string, string];

/** API, tokens in and out, and cost. */
export type Spent = [string, number, number, string];

/** Of an attempt: number, worker, begin, end, error's first line. */
export type Tried = [number, string, number, number | null, string];

/** Of an attempt in a timeline: worker, title, status, begin and end. */
export type Bar = [string, string, Status, number, number | null];

export type ToBrowser = Delta | Beat | Full | Details | Done;

export type ToKernel = Hello | Act | Look | Seen | Sight | Ask | Open;

/** One job as a view shows it; a parent comes before its children. */
export interface Row {
  id: string;
  /** Left out of the row that the view is rooted at. */
  parent?: string;
  title: string;
  status: Status;
  /** JobType where it is not "task". */
  type?: string;
  /** Percent, one decimal. */
  progress?: number;
  step?: string;
  done?: number;
  total?: number;
  created?: number;
  started?: number;
  ended?: number;
  /** When it is expected to end; the browser counts down by itself. */
  ends?: number;
  /** When the next attempt begins. */
  retry?: number;
  /** From the second on. */
  attempt?: number;
  worker?: string;
  pool?: string;
  queue?: string;
  /** Where the title does not say it. */
  function?: string;
  /** Arguments in short, where the title is but the function's name. */
  call?: string;
  /** Of the job and all below it, like the cost. */
  tokens?: number;
  /** US dollars, a decimal number. */
  cost?: string;
  /** First line. */
  error?: string;
  /** Preview, one short line. */
  result?: string;
  /** The job whose result it is, where this one did not have to run. */
  source?: string;
  /** Of its children. */
  counts?: Counts;
  stopping?: boolean;
  pausing?: boolean;
}

/** The whole view; `rows` level by level for a tree, the newest first for a panel. */
export interface Snapshot {
  view: "tree" | "panel";
  rev: number;
  /** The clock of the service's machine when this was made; the browser's may differ. */
  at: number;
  rows: Row[];
  /** Rows of a tree that are still to come, as `new` ones. */
  more?: number;
  /** The tree has ended: nothing will change any more, unless somebody runs it again. */
  over: boolean;
  /** Actions that this client's service knows; the others have no button. */
  can: Action[];
  totals?: Totals;
}

/** What has changed since revision `rev - 1`; after a gap the browser says hello again. */
export interface Delta {
  t: "delta";
  /** As in `Full`. */
  of?: string;
  rev: number;
  at: number;
  /** Each after its parent, and after its older siblings (in a panel: at the top). */
  new?: Row[];
  /** Beside new ones, as in `Snapshot`. */
  more?: number;
  /** Changed fields by id; null: back to the default. */
  set?: [string, Record<string, unknown>][];
  /** Rows of a panel that left it. */
  gone?: string[];
  totals?: Totals;
  over?: boolean;
}

/**
 * At most every few seconds of silence as long as it is not over: the kernel is alive.
 *
 * Also at once, and when it is over too, the answer to a hello: until it has heard a first word, a
 * browser shows no buttons, since a saved notebook has no kernel.
 */
export interface Beat {
  t: "beat";
  at: number;
  /**
   * What the browsers have been told, in whatever way; 0 before the first row. Who has another
   * revision when it hears this has missed something, and asks for all.
   */
  rev: number;
  /** Why the kernel has lost the job service: what is shown may be old. */
  lost?: string;
}

/** The answer to a hello that asks for all, and to `open`. */
export interface Full {
  t: "full";
  /**
   * The root of the tree that is open in a panel, where the rows are that tree's and not the
   * panel's own; such a tree counts its own revisions, from its first `full` on.
   */
  of?: string;
  snapshot: Snapshot;
}

/** The answer to `look`, and again when the job has changed, at most once a second. */
export interface Details {
  t: "details";
  id: string;
  description?: string;
  prompt?: string;
  arguments?: string;
  result?: string;
  nbytes?: number;
  traceback?: string;
  error?: string;
  /** ErrorInfo's kind. */
  kind?: string;
  logs?: LogEntry[];
  /** The dearest nodes below it, the dearest first. */
  usage?: Spent[];
  attempts?: Tried[];
  /** The longest attempts below it. */
  timeline?: Bar[];
  depends_on?: string[];
}

/** The answer to an action. */
export interface Done {
  t: "done";
  n: number;
  error?: string;
  /** The new job, of a `retry`. */
  id?: string;
}

/**
 * The browser's first word; also after each gap, and when the view comes into sight again.
 *
 * And once when a view in sight has heard nothing for six seconds: another window of the same
 * kernel may have said that nothing is in sight.
 */
export interface Hello {
  t: "hello";
  /** As in `Full`. */
  of?: string;
  /** What the browser has; 0: nothing, or nothing that can be mended. */
  rev: number;
}

/** A button was pressed; `n` counts the presses of one browser. */
export interface Act {
  t: "act";
  n: number;
  action: Action;
  ids: string[];
}

/** Somebody opened the details of a job; null: closed them. */
export interface Look {
  t: "look";
  id: string | null;
}

/** Whether anything of the view is in sight: out of sight, no deltas are sent. */
export interface Seen {
  t: "seen";
  on: boolean;
}

/**
 * Which rows of a tree are drawn: those tell of their pace at once, all others once a second.
 *
 * A change of state is always told at once. Until this was said, all are taken to be in sight;
 * then those that any page draws. A page says it when that changes, and every twenty seconds.
 */
export interface Sight {
  t: "sight";
  /** As in `Full`. */
  of?: string;
  /** A name of the page, unlike any other's. */
  page: string;
  ids: string[];
}

/** A panel's filter: statuses, a text in title, id or function, and how many rows at most. */
export interface Ask {
  t: "ask";
  status: Status[];
  text: string;
  limit: number;
}

/** A panel's row was opened: rows of its tree follow as a `full` with `of`; null: shut. */
export interface Open {
  t: "open";
  id: string | null;
}
