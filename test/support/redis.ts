import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { dumpNodes } from "./redis-dump.ts";

/** A real redis-server of a test's own. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Everything in the store as text: keys and values. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

/** A cluster of three masters that share all slots. */
export interface TestRedisCluster {
  readonly url: string;
  readonly nodes: readonly TestRedis[];
  dump(): Promise<string>;
  stop(): Promise<void>;
}

const startTimeoutMs = 15_000;
const slotCount = 16_384;
const busOffset = 10_000;
const highestPort = 65_535;

/**
 * Starts a redis-server that keeps nothing, on a free port unless one is given.
 *
 * @throws Error that says how to get redis-server when there is none on the PATH
 */
export async function startRedis(options: { port?: number; args?: readonly string[] } = {}): Promise<TestRedis> {
  const port = options.port ?? (await freePort());
  const dir = await mkdtemp(join(tmpdir(), "headgate-redis-"));
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir];
  const child = spawn("redis-server", [...settings, ...(options.args ?? [])], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const failure = once(child, "error").then(([error]: Error[]) => error);
  const end = once(child, "close");
  const endWithTests = () => child.kill("SIGKILL");
  process.once("exit", endWithTests);
  const stop = async () => {
    process.off("exit", endWithTests);
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill("SIGKILL");
      await end;
    }
    await rm(dir, { recursive: true, force: true });
  };

  const probe = new Redis(port, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  probe.on("error", () => undefined);
  // A server that wants a password answers too.
  const answer = probe.ping().then(
    () => undefined,
    (error: Error) => (error.message.startsWith("NOAUTH") ? undefined : error),
  );
  const failed = await Promise.race([failure, end.then(() => new Error(output)), answer]);
  probe.disconnect();
  if (failed instanceof Error) {
    await stop();
    throw startError(failed);
  }
  return { url: `redis://127.0.0.1:${port}`, port, process: child, dump: () => dumpNodes([port]), stop };
}

/** Starts three redis-servers and makes them one cluster. */
export async function startRedisCluster(): Promise<TestRedisCluster> {
  const nodes: TestRedis[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const clients: Redis[] = [];
  try {
    for (let count = 0; count < 3; count++) {
      const port = await freePort(busOffset);
      const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
      nodes.push(await startRedis({ port, args: [...settings, "--cluster-announce-ip", "127.0.0.1"] }));
    }
    for (const { port } of nodes) clients.push(new Redis(port));
    await Promise.all(
      clients.map(async (client, index) => {
        const slots = Array.from({ length: slotCount }, (_, slot) => slot).filter(
          (slot) => Math.floor((slot * 3) / slotCount) === index,
        );
        await client.cluster("ADDSLOTS", ...slots);
        await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      }),
    );
    await Promise.all(nodes.slice(1).map(({ port }) => clients[0]?.cluster("MEET", "127.0.0.1", port)));
    await until(async () => {
      const states = await Promise.all(clients.map((client) => client.cluster("INFO")));
      return states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:3/.test(state));
    });
  } catch (error) {
    await stop();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    nodes,
    dump: () => dumpNodes(nodes.map(({ port }) => port)),
    stop,
  };
}

/** Waits until the condition holds. @throws Error when that takes too long */
export async function until(condition: () => Promise<boolean>, timeoutMs = startTimeoutMs): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("The awaited condition did not come true in time.");
    await sleep(20);
  }
}

/** Whether a call succeeds. */
export const succeeds = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    () => false,
  );

function startError(error: Error): Error {
  if ("code" in error && error.code === "ENOENT")
    return new Error(
      "The tests need redis-server on the PATH. Install it: `apt-get install redis-server` (Debian, Ubuntu), " +
        "`brew install redis` (macOS).",
    );
  return new Error(`redis-server did not start: ${error.message}`);
}

/** A free loopback port; with an offset, the port so far above it is free too. */
export async function freePort(offset = 0): Promise<number> {
  for (;;) {
    const port = await listenOnce(0);
    if (offset === 0) return port;
    if (port + offset > highestPort) continue;
    const free = await listenOnce(port + offset).catch(() => undefined);
    if (free !== undefined) return port;
  }
}

async function listenOnce(wanted: number): Promise<number> {
  const server = createServer().listen(wanted, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The listening server has no port.");
  return address.port;
}
