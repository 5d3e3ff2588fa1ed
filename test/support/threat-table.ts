import { basename, dirname } from "node:path";
import type { TestResult } from "./vitest-result.ts";

/** The folders whose tests are named after threats. */
const threatFolders: readonly string[] = ["test/attack", "test/faults"];

/**
 * The table of threats: a section a file, a row a threat (the outermost `describe`, or a test that stands alone), with the
 * number of its cases, what came of them, and the figures that they reported. Empty when no such test ran.
 */
export function threatTable(tests: readonly TestResult[]): readonly string[] {
  const ran = tests.filter(
    ({ file, status }) => threatFolders.includes(dirname(file)) && (status === "passed" || status === "failed"),
  );
  const width = Math.max(...ran.map(({ titles }) => threatOf(titles).length), 0);
  return [...Map.groupBy(ran, ({ file }) => file)]
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([file, inFile]) => ["", sectionName(file), ...rows(inFile, width)]);
}

function rows(tests: readonly TestResult[], width: number): readonly string[] {
  return [...Map.groupBy(tests, ({ titles }) => threatOf(titles))].flatMap(([threat, cases]) => {
    const failed = cases.filter(({ status }) => status === "failed").length;
    const result = failed === 0 ? "held" : `BROKEN in ${failed}`;
    const count = `${cases.length} case${cases.length === 1 ? "" : "s"}`;
    const figures = cases.flatMap((one) => one.figures.map((line) => `      ${line}`));
    return [`  ${threat.padEnd(width)}  ${count.padStart(9)}  ${result}`, ...figures];
  });
}

const threatOf = (titles: readonly string[]): string => titles[0] ?? "";

/** `A. lockout and limits` for `test/attack/a-lockout-and-limits.test.ts`, `Faults: redis` for `test/faults/redis.test.ts`. */
function sectionName(file: string): string {
  const name = basename(file, ".test.ts").replaceAll("-", " ");
  return dirname(file) === "test/faults"
    ? `Faults: ${name}`
    : name.replace(/^(\w) /, (_, letter) => `${letter.toUpperCase()}. `);
}
