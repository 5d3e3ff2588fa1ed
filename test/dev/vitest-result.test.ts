// Fault: a test run that broke before it tested anything is read as a success.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readVitestResult } from "../support/vitest-result.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-result-"));
});
afterEach(() => rm(dir, { recursive: true }));

type Counts = { passed?: number; failed?: number; skipped?: number; files?: { failedTests: number }[] };

async function read({ passed = 0, failed = 0, skipped = 0, files = [] }: Counts, exitCode: number, isFiltered = false) {
  const file = join(dir, "report.json");
  const report = {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: skipped,
    numTodoTests: 0,
    testResults: files.map(({ failedTests }) => ({
      name: "a.test.ts",
      status: "failed",
      message: "",
      assertionResults: Array.from({ length: failedTests }, () => ({
        status: "failed",
        title: "a",
        ancestorTitles: ["b"],
      })),
    })),
  };
  await writeFile(file, JSON.stringify(report));
  return readVitestResult(file, exitCode, isFiltered);
}

test("passed and failed tests are counted", async () => {
  expect(await read({ passed: 12 }, 0)).toEqual({ passed: 12, failed: 0, complaints: [], tests: [] });
  expect(await read({ passed: 12, failed: 2, files: [{ failedTests: 2 }] }, 1)).toMatchObject({
    passed: 12,
    failed: 2,
  });
});

test("a file that did not load has failed", async () => {
  expect(await read({ passed: 12, files: [{ failedTests: 0 }] }, 1)).toMatchObject({ passed: 12, failed: 1 });
});

test("an unhandled error has failed", async () => {
  expect(await read({ passed: 12 }, 1)).toMatchObject({ passed: 12, failed: 1 });
});

test("a run without a report has failed", () => {
  expect(readVitestResult(join(dir, "none.json"), 0, false)).toMatchObject({ passed: 0, failed: 1 });
});

test("skipped tests have failed, unless only some were asked for", async () => {
  expect(await read({ passed: 1, skipped: 3 }, 0)).toMatchObject({ passed: 1, failed: 3 });
  expect(await read({ passed: 1, skipped: 3 }, 0, true)).toMatchObject({ passed: 1, failed: 0 });
});
