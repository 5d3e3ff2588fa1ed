// What `npm test` runs: the tools, the types, the lint, all tests. Arguments go to vitest, as filters: then only those
// tests run, without the checks. With --full, tests that measure take as many samples as their figures need, in place of
// as many as a quick run can bear.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { DevError } from "../src/dev/dev-error.ts";
import { createSteps } from "../src/dev/steps.ts";
import { threatTable } from "./support/threat-table.ts";
import { ensureTools } from "./support/tools.ts";
import { readVitestResult } from "./support/vitest-result.ts";

const root = join(import.meta.dirname, "..");
const filters = process.argv.slice(2).filter((argument) => argument !== "--full");
if (process.argv.includes("--full")) process.env["HEADGATE_TEST_EFFORT"] = "full";
const steps = createSteps(process.stdout);
const total = { passed: 0, failed: 0 };
const running = new Set<ReturnType<typeof spawn>>();

/** Runs a program on this terminal, under a heading and with its time below, and gives its exit code. */
async function run(heading: string, command: string, args: string[]): Promise<number> {
  steps.say(`\n== ${heading}`);
  const start = performance.now();
  const child = spawn(command, args, { cwd: root, stdio: "inherit" });
  running.add(child);
  const code = await new Promise<number>((resolve) => {
    child.on("error", () => resolve(127));
    child.on("exit", (status, signal) => resolve(signal ? 128 + constants.signals[signal] : (status ?? 1)));
  });
  running.delete(child);
  steps.say(`   ${code === 0 ? "ok" : "FAILED"}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return code;
}

/** One of package.json's scripts; it counts as one. */
async function check(heading: string, script: string): Promise<void> {
  const npm = process.env["npm_execpath"] ?? "";
  const [command, ...first] = basename(npm) === "npm-cli.js" ? [process.execPath, npm] : ["npm"];
  const code = await run(heading, command ?? "npm", [...first, "run", "--silent", script]);
  total[code === 0 ? "passed" : "failed"] += 1;
}

async function test(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "headgate-report-"));
  const report = join(dir, "report.json");
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...filters];
  const code = await run("Tests", process.execPath, [vitest, ...args]);
  const result = readVitestResult(report, code, filters.length > 0);
  for (const complaint of result.complaints) steps.say(`   ${complaint}`);
  for (const line of threatTable(result.tests)) steps.say(line);
  total.passed += result.passed;
  total.failed += result.failed;
  rmSync(dir, { recursive: true, force: true });
}

function end(signal: NodeJS.Signals): void {
  for (const child of running) child.kill(signal);
  process.exitCode = 128 + constants.signals[signal];
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => end(signal));
process.on("disconnect", () => end("SIGTERM"));
process.channel?.unref();

try {
  await ensureTools(steps);
  if (filters.length === 0) {
    await check("Types", "typecheck");
    await check("Lint", "lint");
  }
  await test();
} catch (error) {
  total.failed += 1;
  steps.say(`\n${error instanceof DevError ? error.message : (error as Error).stack}`);
}
steps.say(`\n${total.passed} passed, ${total.failed} failed`);
if (total.failed > 0) process.exitCode ||= 1;
