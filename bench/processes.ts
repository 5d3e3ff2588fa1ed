import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../src/dev/ports.ts";

/** A server of a benchmark, in a process of its own. */
export interface BenchProcess {
  readonly port: number;
  /** From its start to its first answer, in milliseconds. */
  readonly startMs: number;
  /** Processor time that all its threads have used, in microseconds. */
  cpuMicros(): number;
  /** Resident memory in bytes. */
  rssBytes(): number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a Node process that listens on the port that `PORT` names, and waits for its first answer at a path. */
export async function startProcess(options: {
  readonly entry: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly portVariable?: string;
  readonly probe: string;
}): Promise<BenchProcess> {
  const { entry, args = [], nodeArgs = [], env = {}, portVariable = "PORT", probe } = options;
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeArgs, join(import.meta.dirname, "..", entry), ...args], {
    env: { PATH: process.env["PATH"] ?? "", [portVariable]: String(port), ...env },
    // The log goes where it costs what writing costs, and nothing is read.
    stdio: ["ignore", "ignore", "inherit"],
  });
  running.add(child);
  const closed = once(child, "close").then(() => running.delete(child));
  for (;;) {
    if (await answers(`http://127.0.0.1:${port}${probe}`)) break;
    if (child.exitCode !== null || performance.now() - startedAt > 30_000) throw new Error(`${entry} did not start`);
    await sleep(2);
  }
  const pid = String(child.pid);
  return {
    port,
    startMs: performance.now() - startedAt,
    cpuMicros: () => cpuMicrosOf(pid),
    rssBytes: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
    async stop() {
      child.kill("SIGTERM");
      await closed;
    },
  };
}

/** Threads' run times are exact to the nanosecond, unlike the ticks of /proc/PID/stat. */
function cpuMicrosOf(pid: string): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    nanoseconds += Number(ran);
  }
  return nanoseconds / 1000;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status === 200;
    },
    () => false,
  );
}
