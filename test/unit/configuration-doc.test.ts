// The page that operators configure by says what the code does: the same variables, defaults and ranges.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ConfigError, configVariables, readConfig } from "../../src/config/config.ts";

const page = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

/** The rows of the table of variables. */
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| .+ \|$/gm)].map(
  ([, name = "", rule = "", standard = ""]) => ({ name, rule, standard }),
);

function shownDefault({ required, default: value }: { required: boolean; default: unknown }): string {
  if (required) return "required";
  if (value === undefined) return "none";
  const { limit, windowSeconds } = Object(value) as { limit?: number; windowSeconds?: number };
  return `\`${limit === undefined ? String(value) : `${limit}/${windowSeconds}`}\``;
}

test("the table and the schema name the same variables, in the same order, with the same defaults", () => {
  expect(rows.map(({ name, standard }) => [name, standard])).toEqual(
    configVariables().map((variable) => [variable.name, shownDefault(variable)]),
  );
});

const numbers = configVariables().filter((variable) => typeof variable.default === "number");

test.each(numbers)("the range of $name is the one that is checked", ({ name }) => {
  let problems: readonly string[] = [];
  try {
    readConfig({ [name]: "999999999" });
  } catch (error) {
    problems = (error as ConfigError).problems;
  }
  const range = /^must be from (\d+) to (\d+)$/.exec(
    problems.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "",
  );
  expect(rows.find((row) => row.name === name)?.rule).toBe(`${range?.[1]} to ${range?.[2]}`);
});

test("every other variable that the page names is let through", () => {
  const known = new Set(rows.map(({ name }) => name));
  const others = new Set([...page.matchAll(/`(HEADGATE_[A-Z_]+)`/g)].map(([, name]) => name as string));
  const named = [...others].filter((name) => !known.has(name));
  expect(named.length).toBeGreaterThan(0);
  for (const name of named) {
    try {
      readConfig({ [name]: "x" });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.problems).not.toContain(`${name} is not known`);
    }
  }
});
