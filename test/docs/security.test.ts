// Fault: a secret is added, and the page that says what each can do and how it is replaced does not know of it; or the page sends
// whoever has to replace one in a hurry to a place that is gone.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const url = (path: string) => new URL(`../../${path}`, import.meta.url);
const page = readFileSync(url("SECURITY.md"), "utf8");
const configuration = readFileSync(url("docs/configuration.md"), "utf8");

test("every variable that holds a secret says what it can do and how it is replaced", () => {
  const variables = [...configuration.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = ""]) => name);
  const secrets = variables.filter((name) => /SECRET$|PASSWORD$|KEY$|TOKEN$|(REDIS|SMTP)_URL$/.test(name));
  expect(secrets.length).toBeGreaterThan(5);
  const [, table = "", steps = ""] = /## Secrets\n([\s\S]*?)### Replace them\n([\s\S]*?)\n## /.exec(page) ?? [];
  const rows = table.split("\n").filter((line) => line.startsWith("| "));
  expect(secrets.filter((name) => !rows.some((row) => row.split("|")[1]?.includes(`\`${name}\``)))).toEqual([]);
  // Each of the table's kinds has its own steps, under the words with which they begin.
  const begins = ["An app's secret", "`headless-gateway`, `headless-otp`, `headless-mint`", "`HEADGATE_SECRET`"];
  const more = ["The Redis password", "The mail password", "The realm's signing keys"];
  const users = ["A user's TOTP secret", "A user's backup codes"];
  for (const words of [...begins, ...more, ...users]) expect(steps, words).toContain(`\n**${words}`);
});

test("what it links to is there", () => {
  const headings = (markdown: string) =>
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replace(/\s/g, "-"),
    );
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)];
  expect(links.length).toBeGreaterThan(5);
  for (const [, path = "", anchor = ""] of links) {
    const file = path === "" ? "SECURITY.md" : path;
    expect(existsSync(url(file)), file).toBe(true);
    if (anchor !== "") expect(headings(readFileSync(url(file), "utf8")), `${file}#${anchor}`).toContain(anchor);
  }
});
