#!/usr/bin/env node
// The `headgate` command. Node runs the sources as they are, so nothing is built; it installs nothing either. Node keeps what it
// has compiled beside the packages, for the next start; where it may not write there, it starts without.
import { spawn } from "node:child_process";
import module from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fetchedRuntime, isNewEnough, NEEDED, runtimeEnv } from "./lib/node-runtime.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = join(root, "src", "main.ts");

if (isNewEnough(process.versions.node)) {
  module.enableCompileCache(join(root, "node_modules", ".cache", "headgate"));
  try {
    await import(pathToFileURL(entry).href);
  } catch (error) {
    // Node says "Cannot find package 'x'" of a dependency, and "Cannot find module" of a file.
    const missing = error?.code === "ERR_MODULE_NOT_FOUND" && /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
    if (!missing) throw error;
    process.stderr.write(
      `headgate needs the package ${missing}, which is not installed. Run "npm ci" in ${root} first.\n`,
    );
    process.exitCode = 1;
  }
} else {
  const runtime = fetchedRuntime();
  if (runtime.present) {
    const args = [...process.execArgv, entry, ...process.argv.slice(2)];
    const child = spawn(runtime.node, args, { stdio: "inherit", env: runtimeEnv(runtime) });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  } else {
    process.stderr.write(
      `headgate needs ${NEEDED}; this is Node ${process.versions.node}. Install it from nodejs.org.\n`,
    );
    process.exitCode = 1;
  }
}
