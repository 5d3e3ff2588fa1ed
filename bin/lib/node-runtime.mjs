// Runs on Node 18 and newer: nothing in here may need more, nor a dependency.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { cacheDir } from "./cache-dir.mjs";

/** The Node that is fetched where the machine's own is too old, and the npm that goes with it. */
export const NODE_VERSION = "24.21.0";
const NPM_VERSION = "11.19.1";

/** What a user of an old Node is told. */
export const NEEDED = "Node 22.19 or newer (not 23; of 24: 24.3 or newer)";

/** A failure whose message is all there is to say. */
export class SetupError extends Error {}

/**
 * Whether a Node runs TypeScript sources without a flag and without a warning, and has what the dependencies need:
 * 22.19 and later of 22 (undici), 24.3 and later of 24 (earlier ones print a warning), everything from 25 on.
 *
 * @param {string} version as in `process.versions.node`
 */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major === 22) return minor >= 19;
  if (major === 24) return minor >= 3;
  return major > 24;
}

/** The fetched Node and npm, whether they are there or not. */
export function fetchedRuntime() {
  const dir = join(cacheDir(), `node-${NODE_VERSION}-${process.platform}-${process.arch}`);
  return runtimeIn(dir);
}

/** @param {string} dir */
function runtimeIn(dir) {
  const modules = join(dir, "node_modules");
  const node = join(modules, platformPackage(), "bin", "node");
  const npm = join(modules, "npm", "bin", "npm-cli.js");
  return { dir, node, npm, bin: join(modules, ".bin"), present: existsSync(node) && existsSync(npm) };
}

// What the npm package `node` would fetch in an install script; asked for directly, because install scripts may be off.
function platformPackage() {
  const prefix = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  return `${prefix}-${process.platform}-${process.arch}`;
}

/**
 * Fetches Node and npm into the cache, once. Two runs at the same time both fetch, and the first rename wins.
 *
 * @returns {ReturnType<typeof fetchedRuntime>}
 */
export function installRuntime() {
  const target = fetchedRuntime();
  if (target.present) return target;
  mkdirSync(cacheDir(), { recursive: true });
  const draft = mkdtempSync(join(cacheDir(), ".node-"));
  try {
    writeFileSync(join(draft, "package.json"), '{ "private": true }\n');
    const packages = [`${platformPackage()}@${NODE_VERSION}`, `npm@${NPM_VERSION}`];
    const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
    const result = runNpm(ownNpm(), ["install", "--prefix", draft, ...flags, ...packages], { cwd: draft });
    if (!result.ok) throw new SetupError(`npm could not fetch it:\n\n${result.output}\n\n${ownNodeHint()}`);
    const check = spawnSync(runtimeIn(draft).node, ["--version"], { encoding: "utf8" });
    if (check.stdout?.trim() !== `v${NODE_VERSION}`)
      throw new SetupError(`The fetched Node does not run on this system. ${ownNodeHint()}`);
    try {
      renameSync(draft, target.dir);
    } catch (error) {
      if (!fetchedRuntime().present) throw error;
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return fetchedRuntime();
}

function ownNodeHint() {
  return `Install ${NEEDED} yourself (https://nodejs.org) and run the command again.`;
}

/** The npm that started this process, else the one on the PATH. */
export function ownNpm() {
  const path = process.env.npm_execpath;
  return path && basename(path) === "npm-cli.js" ? [process.execPath, path] : ["npm"];
}

/**
 * @param {string[]} npm how npm is called
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 */
export function runNpm(npm, args, options) {
  const [command = "npm", ...first] = npm;
  const result = spawnSync(command, [...first, ...args], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const output = result.error ? String(result.error.message) : `${result.stdout}${result.stderr}`.trim();
  return { ok: result.status === 0, output };
}

/**
 * The environment in which `node`, `npm` and `npx` mean the fetched ones.
 *
 * @param {ReturnType<typeof fetchedRuntime>} runtime
 */
export function runtimeEnv(runtime) {
  return {
    ...process.env,
    PATH: `${runtime.bin}${delimiter}${process.env.PATH ?? ""}`,
    npm_execpath: runtime.npm,
    npm_node_execpath: runtime.node,
  };
}
