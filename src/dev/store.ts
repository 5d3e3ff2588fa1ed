import { mkdir } from "node:fs/promises";
import { Redis } from "ioredis";
import { DevError } from "./dev-error.ts";
import { isOnPath } from "./on-path.ts";
import { freePort } from "./ports.ts";
import type { Child, Processes } from "./processes.ts";
import { waitFor } from "./ready.ts";

/** The store of a running environment. */
export type Store = { url: string; description: string; child?: Child; stop(): Promise<void> };

const SERVERS = ["redis-server", "valkey-server"];
const START_TIMEOUT_MS = 15_000;
const STOP_GRACE_MS = 5_000;

type Start = { dir: string; kind?: "embedded" | "redis-server"; env: NodeJS.ProcessEnv; processes: Processes };

/**
 * Starts a store that keeps nothing: a `redis-server` or `valkey-server` of the PATH, else the embedded one, which lives
 * in this process so that several gateways can share it.
 *
 * @throws DevError when `redis-server` is asked for and there is none
 */
export async function startStore(start: Start): Promise<Store> {
  const server = SERVERS.find((name) => isOnPath(name, start.env));
  if (start.kind === "redis-server" && !server)
    throw new DevError(
      "There is no redis-server and no valkey-server on the PATH.\n" +
        "Install one (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or leave --store away.",
    );
  return server && start.kind !== "embedded" ? startServer(server, start) : startEmbedded();
}

/**
 * Makes sure that a Redis that is there already answers. A cluster is left to the gateway's own check.
 *
 * @throws DevError when it does not
 */
export async function requireRedis(url: string): Promise<Store> {
  if (!url.startsWith("redis+cluster:")) {
    const failure = await pingFailure(url);
    if (failure) throw new DevError(`The Redis of --redis does not answer: ${failure}`);
  }
  return { url, description: "the Redis of --redis", stop: async () => {} };
}

async function startServer(name: string, { dir, env, processes }: Start): Promise<Store> {
  await mkdir(dir, { recursive: true });
  const port = await freePort();
  const options = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir };
  const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
  const child = processes.start({ name: "Redis", command: name, args, env });
  const url = `redis://127.0.0.1:${port}`;
  await waitFor(child, START_TIMEOUT_MS, async () => (await pingFailure(url)) === undefined);
  return { url, description: `${name} on port ${port}`, child, stop: () => child.stop(STOP_GRACE_MS) };
}

async function startEmbedded(): Promise<Store> {
  // Loaded here, because it is a development dependency that a start with a real server does without.
  const { startEmbeddedRedis } = await import("../adapters/redis/embedded.ts");
  const embedded = await startEmbeddedRedis();
  return { url: embedded.url, description: "embedded", stop: async () => embedded.close() };
}

async function pingFailure(url: string): Promise<string | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 3000,
    enableOfflineQueue: false,
  });
  // What goes wrong is told by connect() and ping().
  redis.on("error", () => {});
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    redis.disconnect();
  }
}
