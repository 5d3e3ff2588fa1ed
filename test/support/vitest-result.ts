import { readFileSync } from "node:fs";

/** How many tests passed and failed, and what else is wrong with the run. */
export type Result = { passed: number; failed: number; complaints: string[] };

type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; message: string; assertionResults: { status: string }[] }[];
};

/**
 * Counts from vitest's JSON report. Whatever keeps a test from running counts as failed, so that a run that broke never
 * ends as "0 failed": a file that does not load, an unhandled error, a missing report, and without a filter skipped tests.
 *
 * @param exitCode of vitest
 * @param isFiltered when only some tests were asked for, the others are skipped rightly
 */
export function readVitestResult(file: string, exitCode: number, isFiltered: boolean): Result {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1, complaints: ["vitest left no report."] };
  }
  const complaints = report.testResults
    .filter(
      ({ status, assertionResults }) =>
        status === "failed" && !assertionResults.some((test) => test.status === "failed"),
    )
    .map(({ name }) => `${name} did not run to its end.`);
  let failed = report.numFailedTests + complaints.length;
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0 && !isFiltered) {
    failed += skipped;
    complaints.push(`${skipped} tests were skipped.`);
  }
  if (exitCode !== 0 && failed === 0) {
    failed = 1;
    complaints.push(`vitest ended with exit code ${exitCode}.`);
  }
  return { passed: report.numPassedTests, failed, complaints };
}
