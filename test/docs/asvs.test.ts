// Fault: the page says that a requirement is met and shown by a test which is gone, was renamed or never was; or it leaves out
// the requirements that are not met.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const exists = (path: string) => existsSync(new URL(`../../${path}`, import.meta.url));
const page = read("docs/asvs.md");

/** The requirements of ASVS 5.0.0 in these chapters: a digit each, its level, by section. */
const standard: Readonly<Record<string, string>> = {
  "6.1": "122",
  "6.2": "111111112222",
  "6.3": "11223333",
  "6.4": "112233",
  "6.5": "22222333",
  "6.6": "2223",
  "6.7": "33",
  "6.8": "2222",
  "7.1": "222",
  "7.2": "1111",
  "7.3": "22",
  "7.4": "11222",
  "7.5": "223",
  "7.6": "22",
  "9.1": "111",
  "9.2": "1222",
  "10.1": "22",
  "10.2": "223",
  "10.3": "22223",
  "10.4": "1111122222233333",
  "10.5": "22222",
  "10.6": "22",
  "10.7": "222",
};
const statuses = ["met", "not met", "not applicable", "Keycloak", "app", "operator"] as const;

const rows = [...page.matchAll(/^\| (\d+\.\d+)\.(\d+) \| (\d) \| (.+?) \| (.+?) \| (.+) \|$/gm)].map(
  ([, section = "", index = "", level = "", asks = "", status = "", how = ""]) => ({
    section,
    number: `${section}.${index}`,
    level,
    asks,
    status,
    how,
  }),
);

/** The files that a text names, each with the titles behind it. */
const references = (text: string) =>
  [...text.matchAll(/`(test\/[^`]+\.ts)`((?:[:;] \*[^*]+\*)*)/g)].map(([, file = "", titles = ""]) => ({
    file,
    titles: [...titles.matchAll(/\*([^*]+)\*/g)].map(([, title = ""]) => title),
  }));

test("every requirement has its row, in order and with its level", () => {
  const all = Object.entries(standard).flatMap(([section, levels]) =>
    [...levels].map((level, index) => ({ number: `${section}.${index + 1}`, level })),
  );
  expect(all).toHaveLength(109);
  expect(rows.map(({ number, level }) => ({ number, level }))).toEqual(all);
});

test("every row has one of the statuses and says why", () => {
  expect(rows.filter(({ status }) => !(statuses as readonly string[]).includes(status))).toEqual([]);
  expect(rows.filter(({ asks, how }) => asks === "" || how === "")).toEqual([]);
});

test("what is met is shown by a test or a page", () => {
  const shown = (how: string) => references(how).length > 0 || /\]\((?!https?:)/.test(how);
  expect(rows.filter(({ status, how }) => status === "met" && !shown(how))).toEqual([]);
});

test("the sums are those of the rows", () => {
  const sums = [...page.matchAll(/^\| V(\d+) \|(( \d+ \|)+)$/gm)].map(([, chapter = "", numbers = ""]) => ({
    chapter,
    numbers: numbers.match(/\d+/g)?.map(Number),
  }));
  const counted = [...new Set(rows.map(({ number }) => number.split(".")[0] ?? ""))].map((chapter) => ({
    chapter,
    numbers: statuses.map(
      (each) => rows.filter(({ number, status }) => number.startsWith(`${chapter}.`) && status === each).length,
    ),
  }));
  expect(sums).toEqual(counted);
});

describe("what is named is there", () => {
  const named = Map.groupBy(references(page), ({ file }) => file);

  test("and it is a good part of the tests", () => {
    expect(named.size).toBeGreaterThan(15);
    const mentioned = page.match(/test\/[\w./-]+\.ts/g) ?? [];
    expect(mentioned.filter((file) => !named.has(file))).toEqual([]);
  });

  test.each([...named])("%s", (file, uses) => {
    expect(exists(file), file).toBe(true);
    const source = read(file);
    const titles = uses.flatMap((use) => use.titles);
    // As it stands at a test or a group of them, not in a comment.
    const isTitle = (title: string) => ['"', "'", "`"].some((quote) => source.includes(`(${quote}${title}${quote},`));
    expect(titles.filter((title) => !isTitle(title))).toEqual([]);
  });

  test("pages, too", () => {
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = ""]) => `docs/${path}`);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((path) => !exists(path))).toEqual([]);
  });
});
