// Fault: the table says that a defence holds when its test failed or did not run.
import { expect, test } from "vitest";
import { threatTable } from "../support/threat-table.ts";
import type { TestResult } from "../support/vitest-result.ts";

const result = (file: string, titles: string[], status = "passed", figures: string[] = []): TestResult => ({
  file,
  titles,
  status,
  figures,
});

test("one row a threat, with its cases, what came of them, and their figures", () => {
  const lines = threatTable([
    result("test/faults/redis.test.ts", ["redis gone"]),
    result("test/attack/a-lockout.test.ts", ["parallel guesses", "known"], "passed", ["5 of 300"]),
    result("test/attack/a-lockout.test.ts", ["parallel guesses", "unknown"], "failed"),
    result("test/attack/a-lockout.test.ts", ["spelling"]),
    result("test/unit/other.test.ts", ["no threat"]),
  ]);
  expect(lines).toEqual([
    "",
    "A. lockout",
    "  parallel guesses    2 cases  BROKEN in 1",
    "      5 of 300",
    "  spelling             1 case  held",
    "",
    "Faults: redis",
    "  redis gone           1 case  held",
  ]);
});

test("a threat whose tests did not run has no row", () => {
  expect(threatTable([result("test/attack/a-lockout.test.ts", ["parallel guesses"], "skipped")])).toEqual([]);
});
