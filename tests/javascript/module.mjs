/** The module under test, read as anywidget reads it: as text, not as a file with neighbours. */
import { readFile } from "node:fs/promises";

const path = new URL("../../parrot_async/widget/static/jobs.js", import.meta.url);
const text = await readFile(path);

export const jobs = await import(`data:text/javascript;base64,${text.toString("base64")}`);
