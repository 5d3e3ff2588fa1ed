#!/usr/bin/env node
// Usage: node bin/run.mjs ENTRY.ts [arguments]
// Runs a TypeScript entry of this repository on any machine that has Node 18 and npm: fetches a newer Node into a cache
// where this one is too old, installs the dependencies where they are missing or out of date, then hands over.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { dependenciesAreCurrent, stamp, withLock } from "./lib/dependencies.mjs";
import {
  fetchedRuntime,
  installRuntime,
  isNewEnough,
  NODE_VERSION,
  ownNpm,
  runNpm,
  runtimeEnv,
  SetupError,
} from "./lib/node-runtime.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @param {string} what
 * @param {() => T} work
 * @template T
 */
function step(what, work) {
  const start = process.hrtime.bigint();
  process.stdout.write(`${what} ... `);
  let result;
  try {
    result = work();
  } catch (error) {
    process.stdout.write("failed\n");
    throw error;
  }
  process.stdout.write(`${(Number(process.hrtime.bigint() - start) / 1e9).toFixed(1)} s\n`);
  return result;
}

function prepare() {
  if (process.platform === "win32")
    throw new SetupError("Windows is not supported. Run this inside WSL 2, where it works as on Linux.");
  let node = process.execPath;
  let npm = ownNpm();
  let env = process.env;
  if (!isNewEnough(process.versions.node)) {
    const what = `Fetching Node ${NODE_VERSION}, because this one is ${process.versions.node}`;
    const runtime = fetchedRuntime().present ? fetchedRuntime() : step(what, installRuntime);
    node = runtime.node;
    npm = [runtime.node, runtime.npm];
    env = runtimeEnv(runtime);
  }
  if (!dependenciesAreCurrent(root))
    withLock(root, () => {
      if (!dependenciesAreCurrent(root)) step("Installing dependencies", () => installDependencies(npm, env));
    });
  return { node, env };
}

/**
 * @param {string[]} npm
 * @param {NodeJS.ProcessEnv} env
 */
function installDependencies(npm, env) {
  const result = runNpm(npm, ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    env,
  });
  if (!result.ok) throw new SetupError(`npm ci failed:\n\n${result.output}`);
  stamp(root);
}

const [entry, ...args] = process.argv.slice(2);
try {
  if (!entry) throw new SetupError("Usage: node bin/run.mjs ENTRY.ts [arguments]");
  const { node, env } = prepare();
  // The IPC channel is there to be closed: the entry learns from it that this process is gone, however it went.
  const child = spawn(node, [resolve(root, entry), ...args], { stdio: ["inherit", "inherit", "inherit", "ipc"], env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // npm runs scripts in a shell, which may die of a signal without passing it on: then we are nobody's child any more.
  const parent = process.ppid;
  const orphaned = () => process.ppid !== parent && child.kill("SIGTERM");
  if (process.env.npm_lifecycle_event) setInterval(orphaned, 500).unref();
  child.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
} catch (error) {
  process.stderr.write(`\n${error instanceof SetupError ? error.message : error.stack}\n`);
  process.exit(1);
}
