// Threat: the registry knows of a hole in what the gateway runs on, and the audit says that all is well, because nobody
// answered its question, or answered something else.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-audit-"));
});
afterEach(() => rm(dir, { recursive: true }));

const none = { auditReportVersion: 2, vulnerabilities: {} };
const signed = { invalid: [], missing: [] };
const hole = (severity: string) => ({
  ...none,
  vulnerabilities: { ioredis: { severity, via: [{ title: "A hole", url: "https://advisories.example.com/1" }] } },
});

/** Runs the audit with an npm that answers these things for production, for everything, and of signatures. */
async function audit(production: unknown, all: unknown, signatures: unknown) {
  const npm = join(dir, "npm-cli.js");
  const text = (answer: unknown) => (typeof answer === "string" ? answer : JSON.stringify(answer));
  const answers = [production, all, signatures].map(text);
  await writeFile(
    npm,
    `const args = process.argv.slice(2);
const which = args.includes("signatures") ? 2 : args.includes("--omit=dev") ? 0 : 1;
if (args[0] !== "audit" || !args.includes("--json")) throw new Error(args.join(" "));
console.log(${JSON.stringify(answers)}[which]);
console.error("npm warn something");
process.exitCode = 1;`,
  );
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const env = { ...process.env, npm_execpath: npm };
  execFile(process.execPath, [join(import.meta.dirname, "run.ts")], { env }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === "number" ? error.code : 0, output: stdout + stderr }),
  );
  return promise;
}

test("passes when nothing is known against the packages, and every one is signed", async () => {
  const { code, output } = await audit(none, none, signed);
  expect({ code, output }).toEqual({ code: 0, output: expect.not.stringMatching(/FOUND|NO ANSWER/) });
  expect(output.split("\n").filter((line) => line.endsWith(": nothing found"))).toHaveLength(4);
});

test.each<[string, unknown, unknown, unknown]>([
  ["the least hole in what the gateway runs on", hole("low"), none, signed],
  ["a high one in a development tool", none, hole("high"), signed],
  ["a critical one in a development tool", none, hole("critical"), signed],
  ["a wrong signature", none, none, { invalid: [{ name: "ioredis", version: "6.0.0" }], missing: [] }],
  ["a missing signature", none, none, { invalid: [], missing: [{ name: "ioredis", version: "6.0.0" }] }],
  ["a hole, and no answer to another question", hole("high"), "", signed],
])("fails for %s, and names it", async (_what, production, all, signatures) => {
  const { code, output } = await audit(production, all, signatures);
  expect(code).toBe(1);
  expect(output).toMatch(/FOUND\n {2}ioredis/);
});

test("passes over a moderate hole in a development tool", async () => {
  expect((await audit(none, hole("moderate"), signed)).code).toBe(0);
});

test.each<[string, unknown]>([
  ["an error of the registry", { message: "405 Method Not Allowed", statusCode: 405, error: { summary: "" } }],
  ["an error of npm", { error: { code: "ENOLOCK", summary: "no lock" } }],
  ["nothing", ""],
  ["a page of a proxy", "<html>"],
  ["an empty object", {}],
  ["null", null],
])("does not pass for %s, and says so", async (_what, answer) => {
  for (const [production, all, signatures] of [
    [answer, none, signed],
    [none, answer, signed],
    [none, none, answer],
  ] as const) {
    const { code, output } = await audit(production, all, signatures);
    expect(code).toBe(2);
    expect(output).toContain("NO ANSWER");
    expect(output).toContain("no pass");
  }
});
