// Fault: a defence is switched off nowhere, because the text that should go was changed since, or its test has another title.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defences } from "./defences.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

test("each has a name of its own", () => {
  expect(new Set(defences.map(({ name }) => name)).size).toBe(defences.length);
});

describe.each(defences)("$name", ({ file, find, replacement, test: { file: testFile } }) => {
  test("stands once in its file, and is gone when it is off", () => {
    expect(read(file).split(find)).toHaveLength(2);
    expect(replacement).not.toContain(find);
  });

  test("has a test file", () => {
    expect(existsSync(join(root, testFile))).toBe(true);
  });
});
