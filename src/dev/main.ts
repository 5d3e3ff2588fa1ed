import { dirname, resolve } from "node:path";
import { cacheDir } from "../../bin/lib/cache-dir.mjs";
import { DevError } from "./dev-error.ts";
import { startEnvironment } from "./environment.ts";
import { parseOptions, USAGE } from "./options.ts";
import { createProcesses, type Processes } from "./processes.ts";
import { lastWords } from "./ready.ts";
import { type StateDir, takeStateDir } from "./state.ts";
import { createSteps } from "./steps.ts";
import { summary } from "./summary.ts";

// npm passes a signal on that the terminal has sent to all of us already: the same one within this time is that echo.
const ECHO_MS = 600;

const steps = createSteps(process.stdout);
const abort = new AbortController();
const stops: (() => Promise<void>)[] = [];
let owned: { state: StateDir; processes: Processes } | undefined;
let stopping: Promise<void> | undefined;
let stopAskedAt = 0;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return steps.say(USAGE);
  const root = dirname(dirname(import.meta.dirname));
  const state = await takeStateDir(resolve(options.stateDir ?? resolve(root, ".headgate")));
  const processes = createProcesses(state.logs);
  owned = { state, processes };
  for (const path of state.files) processes.guard.removeAtDeath(path);
  steps.say("\nHeadgate, a development environment (Ctrl-C stops it)\n");
  const around = { root, cache: cacheDir(), env: process.env, state, processes, steps, signal: abort.signal };
  const started = await startEnvironment(options, { ...around, onStop: (stop) => stops.push(stop) });
  for (const child of started.children)
    child.exited.then((result) => {
      if (!stopping) fail(new DevError(`${child.name} ended unexpectedly (${result}).${lastWords(child)}`));
    });
  if (stopping) return;
  await state.publish(started.state);
  steps.say(summary(started.state, state));
}

function stop(): Promise<void> {
  stopping ??= (async () => {
    abort.abort();
    owned?.state.retract();
    for (const end of stops.toReversed()) await end().catch((error) => steps.say(`  ${String(error)}`));
    await owned?.processes.close();
    // Once more: the start may have got to its end meanwhile.
    owned?.state.retract();
    owned?.state.release();
  })();
  return stopping;
}

async function fail(error: unknown): Promise<void> {
  if (stopping) return;
  const text =
    error instanceof DevError ? error.message : `This is a defect of the start itself.\n${(error as Error).stack}`;
  process.stderr.write(`\n${text}\n\n`);
  await stop();
  process.exit(1);
}

async function onSignal(): Promise<void> {
  const now = performance.now();
  if (stopping) {
    if (now - stopAskedAt < ECHO_MS) return;
    owned?.processes.killAll();
    owned?.state.retract();
    owned?.state.release();
    process.exit(130);
  }
  stopAskedAt = now;
  steps.say("\nStopping ...");
  const start = performance.now();
  await stop();
  steps.say(`Stopped in ${((performance.now() - start) / 1000).toFixed(1)} s.`);
  process.exit(0);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
// bin/run.mjs, which started this process, is gone; or the terminal is.
process.on("disconnect", onSignal);
process.channel?.unref();
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

main().catch(fail);
