// What `npm run soak` runs: two gateways under a steady mix of journeys, at a rate that Keycloak bears. Says of memory, open
// files and event loop whether they stay flat, and of every answer whether it was the right one.
// Usage: npm run soak -- [--minutes 10] [--rate JOURNEYS_PER_SECOND]
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { createSteps } from "../../src/dev/steps.ts";
import { setup } from "../support/setup.ts";
import { ensureTools } from "../support/tools.ts";
import type { Sample } from "./monitor.ts";
import { trendOf } from "./trend.ts";

const steps = createSteps(process.stdout);
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, rate: { type: "string", default: "5" } },
});
const minutes = Number(values.minutes);
const rate = Number(values.rate);
if (!(minutes >= 1 && rate > 0)) {
  steps.say("Usage: npm run soak -- [--minutes 10] [--rate JOURNEYS_PER_SECOND]");
  process.exit(2);
}

/** Caches fill and code is compiled before anything is judged. */
const warmUpMs = 60_000;

/** What may grow, by which share or by how much, before it counts as growing. */
const quantities: readonly {
  readonly name: string;
  readonly read: (sample: Sample) => number;
  readonly share: number;
  readonly absolute: number;
}[] = [
  { name: "heap after a collection, MB", read: (sample) => sample.heapBytes / 1e6, share: 0.05, absolute: 1 },
  { name: "resident memory, MB", read: (sample) => sample.rssBytes / 1e6, share: 0.1, absolute: 10 },
  { name: "open files", read: (sample) => sample.openFiles, share: 0.1, absolute: 5 },
  { name: "active resources", read: (sample) => sample.resources, share: 0.1, absolute: 10 },
  { name: "event-loop delay p99, ms", read: (sample) => sample.loopDelayP99Ms, share: 0.5, absolute: 5 },
];

await ensureTools(steps);
const stopServers = await setup();
// The servers' addresses are read when these load.
const [{ startGateway }, { startRedis }, { createJourneys, schedule }] = await Promise.all([
  import("../support/gateway.ts"),
  import("../support/redis.ts"),
  import("./journeys.ts"),
]);
const dir = mkdtempSync(join(tmpdir(), "headgate-soak-"));
const redis = await startRedis();
const files = [0, 1].map((index) => join(dir, `gateway-${index}.jsonl`));
const gateways = await Promise.all(
  files.map((file) =>
    startGateway({
      redisUrl: redis.url,
      env: {
        NODE_ENV: "production",
        HEADGATE_LIMIT_CLIENT: "999999/60",
        HEADGATE_LIMIT_ADDRESS: "999999/60",
        NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, "monitor.ts"))}`,
        SOAK_MONITOR_FILE: file,
      },
    }),
  ),
);
const journeys = await steps.run(
  "Users for the soak",
  () => createJourneys(40),
  () => "80",
);

const made = new Map<string, number>();
const errors = new Map<string, number>();
const running = new Set<Promise<void>>();
const next = schedule(journeys);
const durationMs = minutes * 60_000;
const startedAt = performance.now();

steps.say(`\n${rate} journeys a second for ${minutes} minutes at two gateways`);
for (let count = 0; ; count++) {
  const at = startedAt + (count * 1000) / rate;
  if (at > startedAt + durationMs) break;
  await sleep(Math.max(0, at - performance.now()));
  const journey = next();
  const run = journey.run(gateways[count % gateways.length] as { url: string }).then(
    () => void made.set(journey.name, (made.get(journey.name) ?? 0) + 1),
    (error: Error) => {
      const what = `${journey.name}: ${error.message}`;
      errors.set(what, (errors.get(what) ?? 0) + 1);
    },
  );
  running.add(run);
  void run.finally(() => running.delete(run));
  if (count > 0 && count % Math.round(rate * 60) === 0) {
    steps.say(`  minute ${Math.round(count / rate / 60)}: ${running.size} under way, ${errors.size} kinds of error`);
  }
}
await Promise.all(running);

let grown = 0;
for (const [index, file] of files.entries()) {
  const samples = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample)
    .filter(({ atMs }) => atMs > warmUpMs || durationMs <= 2 * warmUpMs);
  steps.say(`\n${`Gateway ${index + 1}, ${samples.length} samples`.padEnd(40)}first third   last third`);
  for (const { name, read, share, absolute } of quantities) {
    const { before, after, grows } = trendOf(samples.map(read), { share, absolute });
    if (grows) grown += 1;
    const figures = [before, after].map((value) => value.toFixed(1).padStart(10)).join("   ");
    steps.say(`  ${name.padEnd(38)}${figures}   ${grows ? "GROWS" : "flat"}`);
  }
}
steps.say("");
for (const [name, count] of made) steps.say(`  ${String(count).padStart(6)}  ${name}`);
for (const [what, count] of errors) steps.say(`  ${String(count).padStart(6)}  ERROR ${what}`);
const complaints = gateways.flatMap(({ output }) =>
  output()
    .split("\n")
    .filter((line) => /"level":[4-6]0/.test(line)),
);
for (const line of complaints.slice(0, 20)) steps.say(`  log: ${line.slice(0, 300)}`);

const codes = await Promise.all(gateways.map((gateway) => gateway.stop()));
await redis.stop();
await stopServers?.();
rmSync(dir, { recursive: true, force: true });
const wrong = [...errors.values()].reduce((sum, count) => sum + count, 0);
steps.say(`\n${wrong} errors, ${grown} quantities that grow, exit codes ${codes.join(" and ")}`);
process.exit(wrong === 0 && grown === 0 && codes.every((code) => code === 0) ? 0 : 1);
