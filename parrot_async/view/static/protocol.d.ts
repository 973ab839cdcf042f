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

/** API, tokens in and out, and cost: empty if it is not known, "0.24+" if some of it is not. */
export type Spent = [string, number, number, string];

/** Of an attempt: number, worker, begin, end, error's first line. */
export type Tried = [number, string, number, number | null, string];

/** Of an attempt in a timeline: worker, title, status, begin and end. */
export type Bar = [string, string, Status, number, number | null];

export type ToBrowser = Delta | Beat | Full | Details | Done;

export type FromBrowser = Hello | Act | Look | Seen | Sight | Ask | Open;

/** One job as a view shows it; a parent comes before its children. */
export interface Row {
  id: string;
  /** Left out of the top row of the view. */
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
  /** When it is expected to end; the page counts down by itself. */
  ends?: number;
  /** When the next attempt begins. */
  retry?: number;
  /** Whether it has ended, has children, and not all of it has completed. */
  incomplete?: boolean;
  /** From the second on. */
  attempt?: number;
  worker?: string;
  pool?: string;
  queue?: string;
  /** If the title does not say it. */
  function?: string;
  /** Arguments in short, if the title is only the function's name. */
  call?: string;
  /** Of the job and all below it, like the cost. */
  tokens?: number;
  /** US dollars, a decimal number. */
  cost?: string;
  /** First line. */
  error?: string;
  /** Preview, one short line. */
  result?: string;
  /** The job that the result was taken from, if this job did not have to run. */
  source?: string;
  /** Children by status. */
  counts?: Counts;
  stopping?: boolean;
  pausing?: boolean;
}

/** The whole view; `rows` are level by level for a tree, the newest first for a panel. */
export interface Snapshot {
  view: "tree" | "panel";
  rev: number;
  /** When this was made, by the clock of the Python side; the browser's clock may differ. */
  at: number;
  rows: Row[];
  /** Rows of a tree that are still to come, as `new` ones. */
  more?: number;
  /** Whether the tree has ended: nothing will change any more, unless somebody runs it again. */
  over: boolean;
  /** Actions that the page may ask for; the others have no button. */
  can: Action[];
  /**
   * Of a panel: active, queued, finished, cost, seconds; and `matching`, the number of rows that
   * match its filter, which may be more than it is sent.
   */
  totals?: Totals;
}

/** What has changed since revision `rev - 1`; a page that missed one says hello again. */
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
  /** Rows of a panel that are not in it any more. */
  gone?: string[];
  totals?: Totals;
  over?: boolean;
}

/**
 * Sent after a few seconds of silence as long as the view is not over: Python is alive.
 *
 * Also the answer to a hello, at once, even if the view is over: a page shows no buttons until it
 * has heard a first message, since a saved notebook has no kernel.
 */
export interface Beat {
  t: "beat";
  at: number;
  /**
   * The revision that the pages have been sent; 0 before the first row. A page that has another
   * one has missed something, and asks for all rows.
   */
  rev: number;
  /** Why the connection to the job service is lost: what is shown may be old. */
  lost?: string;
}

/** All rows: the answer to a hello that asks for them, and to `open`. */
export interface Full {
  t: "full";
  /**
   * The root of the tree that is open in a panel, if the rows are that tree's and not the panel's
   * own; such a tree counts its own revisions, from its first `full` on.
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
  /** Of the most expensive jobs below it, these first. */
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
 * The first message of a page; also after a missed delta, and when the view is in sight again.
 *
 * And once when a view in sight has heard nothing for six seconds: another window of the same
 * notebook may have said that nothing is in sight.
 */
export interface Hello {
  t: "hello";
  /** As in `Full`. */
  of?: string;
  /** The revision that the page has; 0: none, or one that no delta can repair. */
  rev: number;
}

/** A button was pressed; `n` counts the presses of one page. */
export interface Act {
  t: "act";
  n: number;
  action: Action;
  ids: string[];
}

/** The details of a job were opened; null: they were closed. */
export interface Look {
  t: "look";
  id: string | null;
}

/** Whether any part of the view is in sight: out of sight, no deltas are sent. */
export interface Seen {
  t: "seen";
  on: boolean;
}

/**
 * The viewport: the progress of rows that a page draws is sent at once, of others each second.
 *
 * A change of state is always sent at once. Until the first such message, all rows count as drawn;
 * then those that any page draws. A page sends it when it changes, and every twenty seconds.
 */
export interface Sight {
  t: "sight";
  /** As in `Full`. */
  of?: string;
  /** A name of the page that no other page has. */
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

/** A row of a panel was opened: its tree follows as a `full` with `of`; null: closed. */
export interface Open {
  t: "open";
  id: string | null;
}
