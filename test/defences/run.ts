// What `npm run test:defences` runs: switches one defence off at a time, in a copy of the repository, and sees its test fail.
// Arguments pick defences by a part of their names.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSteps } from "../../src/dev/steps.ts";
import { setup } from "../support/setup.ts";
import { ensureTools } from "../support/tools.ts";
import { readVitestResult } from "../support/vitest-result.ts";
import { type Defence, defences } from "./defences.ts";

const root = join(import.meta.dirname, "..", "..");
const steps = createSteps(process.stdout);
const wanted = process.argv.slice(2);
const chosen = defences.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));

const copy = mkdtempSync(join(tmpdir(), "headgate-defences-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

/** Everything that git knows or would take, and the installed packages. */
function copyRepository(): void {
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root, encoding: "utf8" });
  for (const file of listed.stdout.split("\0").filter((name) => name !== "")) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
}

/** Whether the test passes in the copy as it is now. @throws Error when the test did not run */
async function passes({ test }: Defence): Promise<boolean> {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const title = test.title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const child = spawn(
    process.execPath,
    [join(copy, "node_modules/vitest/vitest.mjs"), "run", "--reporter=json", `--outputFile.json=${report}`].concat([
      "--root",
      copy,
      "-t",
      title,
      test.file,
    ]),
    { cwd: copy, stdio: "ignore" },
  );
  const [code] = (await once(child, "exit")) as [number | null];
  const { passed, failed, complaints } = readVitestResult(report, code ?? 1, true);
  if (complaints.length > 0 || passed + failed === 0) {
    throw new Error(`${test.file}: "${test.title}" did not run. ${complaints.join(" ")}`);
  }
  return failed === 0;
}

/** Switches a defence off, runs its test, and puts the file back. */
async function isNoticed(defence: Defence): Promise<boolean> {
  const path = join(copy, defence.file);
  const source = readFileSync(path, "utf8");
  const parts = source.split(defence.find);
  if (parts.length !== 2)
    throw new Error(`${defence.file} holds the text of "${defence.name}" ${parts.length - 1} times`);
  writeFileSync(path, parts.join(defence.replacement));
  try {
    return !(await passes(defence));
  } finally {
    writeFileSync(path, source);
  }
}

await ensureTools(steps);
const stop = await setup();
let failures = 0;
try {
  copyRepository();
  for (const defence of chosen) {
    const { name, test } = defence;
    let result: string;
    if (!(await passes(defence))) result = "ITS TEST FAILS WITH IT";
    else result = (await isNoticed(defence)) ? "noticed" : "NOT NOTICED";
    if (result !== "noticed") failures += 1;
    steps.say(`${result.padEnd(22)}  ${name}\n${"".padEnd(24)}${defence.file}; ${test.file}: ${test.title}`);
  }
} finally {
  await stop?.();
}
steps.say(`\n${chosen.length} defences switched off, ${chosen.length - failures} noticed by their tests`);
process.exit(failures === 0 ? 0 : 1);
