import { readFileSync } from "node:fs";
import { isAbsolute, relative } from "node:path";

/** One test of a run. */
export type TestResult = {
  /** From the working directory. */
  file: string;
  /** The titles around it and its own. */
  titles: string[];
  status: string;
  /** What the test has measured, in words; see `report` in figures.ts. */
  figures: string[];
};

/** How many tests passed and failed, what else is wrong with the run, and each test. */
export type Result = { passed: number; failed: number; complaints: string[]; tests: TestResult[] };

type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; status: string; message: string; assertionResults: ReportedTest[] }[];
};

type ReportedTest = {
  status: string;
  title: string;
  ancestorTitles: string[];
  meta?: { figures?: string[] };
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
    return { passed: 0, failed: 1, complaints: ["vitest left no report."], tests: [] };
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
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status, title, ancestorTitles, meta }) => ({
      file: isAbsolute(name) ? relative(process.cwd(), name) : name,
      titles: [...ancestorTitles, title],
      status,
      figures: meta?.figures ?? [],
    })),
  );
  return { passed: report.numPassedTests, failed, complaints, tests };
}
