// Preloaded into a gateway that is under a soak: writes a line of JSON every few seconds to the file that SOAK_MONITOR_FILE
// names, until the process ends.
import { appendFileSync, readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process holds at one moment. */
export interface Sample {
  /** Milliseconds since the process started. */
  readonly atMs: number;
  /** After a full collection. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly openFiles: number;
  /** Timers, sockets and requests that keep the process alive. */
  readonly resources: number;
  /** How late the event loop was since the sample before, in milliseconds. */
  readonly loopDelayP99Ms: number;
}

const intervalMs = 5_000;
const file = process.env["SOAK_MONITOR_FILE"];

if (file !== undefined) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  setInterval(() => {
    const loopDelayP99Ms = delay.percentile(99) / 1e6;
    collect();
    const sample: Sample = {
      atMs: performance.now(),
      heapBytes: process.memoryUsage().heapUsed,
      rssBytes: process.memoryUsage.rss(),
      openFiles: readdirSync("/proc/self/fd").length,
      resources: process.getActiveResourcesInfo().length,
      loopDelayP99Ms,
    };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
    // The collection's own pause is not the gateway's.
    delay.reset();
  }, intervalMs).unref();
}
