import { Cluster, type ClusterOptions, Command, Redis, type RedisOptions } from "ioredis";
import { gatherWrites } from "./gathered-writes.ts";
import { keys } from "./keys.ts";
import { parseRedisUrl, type RedisAddress } from "./redis-url.ts";
import { createReplicatedWrites, type Replication } from "./replicated-writes.ts";
import type { Script } from "./scripts.ts";
import { createClusterSubscriber, createSubscriber, type RedisSubscriber } from "./subscriber.ts";
import { storeUnavailable } from "./unavailable.ts";

/** Where to connect, and how long to wait. */
export interface RedisConnectionOptions {
  /** See {@link parseRedisUrl}. */
  readonly url: string;
  /** Default 1,000. */
  readonly connectTimeoutMs?: number;
  /** Longest wait for one answer. Default 1,000; on a cluster a call may take three times as long when nodes have moved. */
  readonly commandTimeoutMs?: number;
  /** What the writes of replicated scripts must reach; without it, the master alone. Not on a cluster. */
  readonly replication?: Replication;
  /** Told when the store can be reached and when it no longer can, once a change. */
  readonly onAvailability?: (available: boolean, error?: Error) => void;
}

/**
 * A connection to a Redis or a cluster that reconnects by itself without end. Nothing queues while the server is away: a
 * command then fails at once. Every failure is a {@link import("../../domain/ports/faults.ts").StoreUnavailable}.
 */
export interface RedisConnection {
  readonly cluster: boolean;
  /** Whether replicated scripts are waited for. */
  readonly replicated: boolean;
  /** A connection of its own for messages, opened at the first use. */
  readonly subscriber: RedisSubscriber;
  /** Makes one call with the client. */
  call<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T>;
  /** Runs a script in one round trip; in two where the server does not know it yet. */
  run(script: Script, scriptKeys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Resolves when the store answers and takes messages and writes, replicated ones too, on a cluster when every master answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 1_000;
const probeTtlMs = 1_000;

/** Endless, from 50 ms to a second. */
const backoff = (times: number) => Math.min(50 * 2 ** Math.min(times - 1, 5), 1_000);

/**
 * Connects in the background; it does not fail when the server is away.
 *
 * @throws TypeError when the URL is not valid, or replicas are asked for on a cluster
 */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  const address = parseRedisUrl(options.url);
  const { replication } = options;
  if (address.cluster && replication) throw new TypeError("Replicas cannot be waited for on a cluster.");
  const commandTimeoutMs = options.commandTimeoutMs ?? defaultTimeoutMs;
  const shared = {
    connectTimeout: options.connectTimeoutMs ?? defaultTimeoutMs,
    commandTimeout: commandTimeoutMs,
    connectionName: "headgate",
    // A command whose answer was lost may have been carried out: whoever sent it decides what to do.
    maxRetriesPerRequest: 0,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls ? { tls: {} } : {}),
  } satisfies RedisOptions;
  const client = address.cluster ? connectCluster(address, shared) : connectNode(address, shared);
  const subscriber =
    client instanceof Cluster ? createClusterSubscriber(client) : createSubscriber(() => client.duplicate());
  // On a connection of its own, whose commands may be answered as late as a WAIT.
  const replicated =
    client instanceof Cluster || replication === undefined
      ? undefined
      : createReplicatedWrites(
          client.duplicate({ commandTimeout: commandTimeoutMs + replication.timeoutMs }),
          replication,
        );
  const stopReporting = reportAvailability(client, options.onAvailability);
  const gather = client instanceof Cluster ? () => undefined : gatherWrites(client);

  async function call<T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    try {
      gather();
      const answer = command(client);
      return await (address.cluster ? within(3 * commandTimeoutMs, answer) : answer);
    } catch (error) {
      throw storeUnavailable(error);
    }
  }

  return {
    cluster: address.cluster,
    replicated: replicated !== undefined,
    subscriber,
    call,
    run: (script, scriptKeys, args) =>
      call(async (to) => {
        const send = (name: "eval" | "evalsha", code: string) => {
          const operands = [...scriptKeys, ...args];
          if (script.replicated && replicated !== undefined) {
            return replicated.send((batch) => batch[name](code, scriptKeys.length, ...operands));
          }
          // The client's method of that name makes the same of it, by way of two more copies.
          return to.sendCommand(new Command(name, [code, scriptKeys.length, ...operands], { replyEncoding: "utf8" }));
        };
        if (script.whole) return send("eval", script.source);
        try {
          return await send("evalsha", script.sha1);
        } catch (error) {
          if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
          return send("eval", script.source);
        }
      }),
    async ping() {
      await call((to) => {
        const masters = to instanceof Cluster ? to.nodes("master").map((node) => node.ping()) : [];
        return Promise.all([
          to.set(keys.probe(), "1", "PX", probeTtlMs),
          to.publish(keys.instanceChannel("probe"), ""),
          replicated?.send((batch) => batch.set(keys.probe(), "1", "PX", probeTtlMs)),
          ...masters,
        ]);
      });
    },
    async close() {
      stopReporting();
      subscriber.close();
      replicated?.close();
      // What was sent is answered first; a server that is away has nothing to answer.
      await client.quit().catch(() => undefined);
      client.disconnect();
    },
  };
}

type SharedOptions = Pick<RedisOptions, "connectionName" | "username" | "password" | "tls"> & {
  readonly connectTimeout: number;
  readonly commandTimeout: number;
};

function connectNode(address: RedisAddress, shared: SharedOptions): Redis {
  const { host, port } = address.nodes[0] as RedisAddress["nodes"][number];
  return new Redis({
    ...shared,
    host,
    port,
    db: address.database,
    enableOfflineQueue: false,
    autoResubscribe: false,
    retryStrategy: backoff,
    // After a failover behind one address, the old master refuses writes: look for the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
}

type LookupCallback = (error: null, address: string) => void;

function connectCluster(address: RedisAddress, shared: SharedOptions): Cluster {
  const options = {
    redisOptions: shared,
    enableOfflineQueue: false,
    clusterRetryStrategy: backoff,
    // A command whose connection was lost is sent again, to where its slot is by then: the scripts take it as one.
    maxRedirections: 5,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    retryDelayOnTryAgain: 50,
    slotsRefreshTimeout: shared.connectTimeout,
    slotsRefreshInterval: 2_000,
    // Certificates are checked against names, so names must not be turned into addresses first.
    ...(address.tls ? { dnsLookup: (host: string, callback: LookupCallback) => callback(null, host) } : {}),
  } satisfies ClusterOptions;
  const cluster = new Cluster([...address.nodes], options);
  // Connect to each node before its first command, which would find it connecting and fail. Not before the cluster's own
  // check of its first node, for the same reason.
  const warmUp = (node: Redis) => {
    if (cluster.status === "ready" && node.status === "wait") node.connect().catch(() => undefined);
  };
  cluster.on("+node", warmUp);
  cluster.on("ready", () => cluster.nodes().forEach(warmUp));
  return cluster;
}

/** Tells of changes until the returned function is called. */
function reportAvailability(
  client: Redis | Cluster,
  report: NonNullable<RedisConnectionOptions["onAvailability"]> = () => undefined,
): () => void {
  let available: boolean | undefined;
  let lastError: Error | undefined;
  let stopped = false;
  const tell = (now: boolean) => {
    if (stopped || available === now) return;
    available = now;
    if (now) report(true);
    else report(false, lastError);
  };
  const remember = (error: Error) => {
    lastError = error;
  };
  client.on("error", remember);
  client.on("node error", remember);
  client.on("ready", () => tell(true));
  client.on("close", () => tell(false));
  return () => {
    stopped = true;
  };
}

async function within<T>(milliseconds: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Command timed out")), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
