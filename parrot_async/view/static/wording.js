/** How durations, times, money and counts are written, as `report/wording.py` has it. */

const CENTS = { minimumFractionDigits: 2, maximumFractionDigits: 2 };

/** A duration: "0.4s", "12s", "3m 05s", "2h 10m", "4d 3h"; `tests/data/durations.json` has more.
 * @param {number} seconds */
export function duration(seconds) {
  if (seconds < 9.95) return `${(Math.round(10 * Math.max(0, seconds)) / 10).toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

/** The same for a clock that ticks: no tenths.
 * @param {number} seconds */
export const ticking = (seconds) =>
  seconds < 9.95 ? `${Math.max(0, Math.floor(seconds))}s` : duration(seconds);

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/** US dollars with cents, or with four digits below one cent; "≥" before a sum of which a part is
 * not known ("0.24+"), and nothing for one that is not known at all.
 * @param {string | number} cost */
export function money(cost) {
  const text = String(cost);
  if (text === "") return "";
  const value = Number.parseFloat(text);
  const least = text.endsWith("+") ? "≥ " : "";
  if (value === 0 || value >= 0.01) return `${least}$${value.toLocaleString("en", CENTS)}`;
  return least + (value >= 0.0001 ? `$${value.toFixed(4)}` : "<$0.0001");
}

/** A count in at most five columns: "847", "12.3k", "1.2M".
 * @param {number} count */
export function short(count) {
  if (count < 1000) return String(count);
  const [value, unit] = count < 999_950 ? [count / 1000, "k"] : [count / 1e6, "M"];
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

/** @param {number} count */
export const many = (count) => count.toLocaleString("en");

/** Whole percent; 100 only when it is reached.
 * @param {number | undefined} progress */
export const percent = (progress) => `${Math.floor((progress ?? 0) + 1e-6)}%`;

/** The time of day, with the date where it was not today.
 * @param {number} at seconds since the epoch
 * @param {number} now the same
 * @param {boolean} [exact] with its seconds */
export function moment(at, now, exact = false) {
  const [then, today] = [new Date(at * 1000), new Date(now * 1000)];
  const time = then.toTimeString().slice(0, exact ? 8 : 5);
  if (then.toDateString() === today.toDateString()) return time;
  return `${then.toLocaleDateString("en", { month: "short", day: "numeric" })}, ${time}`;
}

/** @param {number} count */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  const power = Math.min(4, Math.floor(Math.log10(count) / 3));
  return `${(count / 1000 ** power).toFixed(1)} ${["", "kB", "MB", "GB", "TB"][power]}`;
}

/** @param {number} at */
export const clock = (at) => moment(at, at, true);
