// Threat: the setting that keeps install scripts from running is there and does nothing, because npm reads it no more, or
// because what installs the dependencies here goes past it.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { npm } from "../support/sdk-consumer.ts";
import { npmrcProblems } from "./packages.ts";

const root = join(import.meta.dirname, "..", "..");
let dir: string;
let project: string;

// A project that depends on a package whose installation leaves a mark.
beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "headgate-scripts-")));
  project = join(dir, "project");
  const evil = join(dir, "evil");
  await mkdir(evil);
  await mkdir(project);
  const script = `node -e "require('node:fs').writeFileSync('${join(dir, "mark")}', 'ran')"`;
  const manifest = { name: "evil", version: "1.0.0", scripts: { preinstall: script, postinstall: script } };
  await writeFile(join(evil, "package.json"), JSON.stringify(manifest));
  await npm(evil, ["pack", "--ignore-scripts", "--pack-destination", dir]);
  const dependencies = { evil: `file:${join(dir, "evil-1.0.0.tgz")}` };
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "p", type: "module", dependencies }));
  await writeFile(join(project, "entry.ts"), "console.log('up');\n");
  await npm(project, ["install", "--package-lock-only", "--ignore-scripts", "--offline"]);
});
afterEach(() => rm(dir, { recursive: true }));

const ran = () =>
  readFile(join(dir, "mark"), "utf8").then(
    () => true,
    () => false,
  );
const installed = () => readFile(join(project, "node_modules", "evil", "package.json"), "utf8");
const offline = ["--offline", "--cache"] as const;

test("without the setting, npm runs them: what the others avoid is real", async () => {
  await npm(project, ["ci", ...offline, join(dir, "cache"), "--ignore-scripts=false"]);
  expect(await ran()).toBe(true);
});

test("with the setting of this repository, npm runs none", async () => {
  const npmrc = await readFile(join(root, ".npmrc"), "utf8");
  expect(npmrcProblems(npmrc)).toEqual([]);
  await writeFile(join(project, ".npmrc"), npmrc);
  await npm(project, ["ci", ...offline, join(dir, "cache")]);
  expect(await installed()).toContain("evil");
  expect(await ran()).toBe(false);
});

test("what installs the dependencies before npm test and npm run dev runs none, whatever a machine's settings say", async () => {
  await cp(join(root, "bin"), join(project, "bin"), { recursive: true });
  const env = { ...process.env, npm_config_ignore_scripts: "false", npm_config_offline: "true" };
  const { stdout } = await promisify(execFile)(process.execPath, [join(project, "bin", "run.mjs"), "entry.ts"], {
    env: { ...env, HEADGATE_CACHE_DIR: join(dir, "cache") },
  });
  expect(stdout).toContain("up");
  expect(await installed()).toContain("evil");
  expect(await ran()).toBe(false);
});
