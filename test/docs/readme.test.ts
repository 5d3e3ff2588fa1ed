// Fault: the page that everybody reads first promises an endpoint that is not there, or hides a package that is installed.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { headlessBasePath } from "../../src/contract/headless.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const readme = read("README.md");

/** The first cells of a table's rows. */
const rowNames = (part: string) => [...part.matchAll(/^\| (.+?) \|/gm)].map(([, name = ""]) => name);

/** What stands under a heading. */
function section(heading: string): string {
  const [, rest] = readme.split(`\n## ${heading}\n`);
  return (rest ?? "").split("\n## ")[0] ?? "";
}

test("the table of endpoints is the one of docs/endpoints.md, which is made from the routes", () => {
  const shown = rowNames(section("The endpoints"))
    .filter((name) => name !== "endpoint")
    .map((name) => name.replace(/^`(.+?)(\?.*)?`$/, "$1"));
  const served = [...read("docs/endpoints.md").matchAll(/^### (\S+) (\S+)$/gm)]
    .filter(([, , path = ""]) => path.startsWith(headlessBasePath))
    .map(([, method, path = ""]) => `${method} ${path.slice(headlessBasePath.length)}`);
  expect(served).toHaveLength(21);
  expect(shown.toSorted()).toEqual(served.toSorted());
});

describe("the tables of packages are package.json's", () => {
  const manifest = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies", object>;
  const [production = "", development = ""] = section("Dependencies").split("\nFor development only:\n");
  const packages = (part: string) =>
    rowNames(part)
      .filter((name) => name !== "package")
      .flatMap((name) => name.split(", "));

  test.each([
    ["dependencies", production],
    ["devDependencies", development],
  ] as const)("%s", (kind, part) => {
    expect(packages(part).toSorted()).toEqual(Object.keys(manifest[kind]).toSorted());
  });
});

test("the pages that the README links to are there", () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(0);
  const missing = links.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)));
  expect(missing).toEqual([]);
});
