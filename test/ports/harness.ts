import { Cluster, Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import {
  createRedisAdmission,
  type RedisAdmission,
  type RedisAdmissionDeps,
} from "../../src/adapters/redis/admission.ts";
import { connectRedis, type RedisConnection } from "../../src/adapters/redis/connect.ts";
import { keys } from "../../src/adapters/redis/keys.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import type { AttemptBudget, Bucket, FlightEntry } from "../../src/domain/ports/admission.ts";
import { succeeds, until } from "../support/redis.ts";
import { readNodes, type StoredKey } from "../support/redis-dump.ts";
import type { Engine, StartEngine } from "./engines.ts";

/** A gateway instance as far as the store is concerned: its own connections, its own waiters. */
export interface Instance {
  readonly connection: RedisConnection;
  readonly admission: RedisAdmission;
}

export type InstanceOptions = Omit<RedisAdmissionDeps, "connection" | "random">;

/** The store under test and what the suites do with it. */
export interface Harness {
  /** A new instance, closed after the test. */
  instance(options?: InstanceOptions): Promise<Instance>;
  /** Everything in the store. */
  stored(): Promise<StoredKey[]>;
  /** How many entries wait for the account's gate. */
  waiting(account: string): Promise<number>;
  /** Resolves when so many entries wait for the account's gate. */
  untilWaiting(account: string, count: number): Promise<void>;
  /** Leaves the account as if the store's clock had been set back since: every time in its state is so much later. */
  setClockBack(account: string, milliseconds: number): Promise<void>;
  waitingForFlight(flight: FlightEntry): Promise<number>;
  /** Resolves when somebody waits for the flight's leader. */
  untilFlightWaits(flight: FlightEntry): Promise<void>;
  /** Clients of the store's nodes, for a look behind the adapter. */
  nodes(): readonly Redis[];
}

/** A gate's state as it lies in the store, as far as tests read it; empty without one. */
export interface StoredGate {
  readonly waiters?: readonly unknown[];
  readonly password?: number;
  readonly lockedUntil?: number;
  readonly invalidatedAt?: number;
}

export async function storedGate(client: Redis | Cluster, key: string): Promise<StoredGate> {
  const read = "local state = redis.call('GET', KEYS[1]) return state and cjson.encode(cmsgpack.unpack(state)) or '{}'";
  return JSON.parse((await client.eval(read, 1, key)) as string);
}

const laterTimes = `local state = cmsgpack.unpack(redis.call('GET', KEYS[1]))
for _, part in ipairs({ state, state.holder or {} }) do
  for _, time in ipairs({ 'lockedUntil', 'invalidatedAt', 'passwordEnd', 'mfaEnd', 'grantedAt', 'leaseEnd', 'formerEnd' }) do
    if part[time] then part[time] = part[time] + ARGV[1] end
  end
end
return redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', redis.call('PTTL', KEYS[1]) + ARGV[1])`;

/** A name that no other test uses, of the form of a keyed hash. */
export const freshName = () => systemRandom.token(16);

/** A flight that no other test uses, of a user of its own. */
export const freshFlight = (user = freshName()): FlightEntry => ({ user, flight: freshName() });

export const passwordBudget: AttemptBudget = { counter: "password", maxAttempts: 5, lockSeconds: 600 };
export const mfaBudget: AttemptBudget = { counter: "mfa", maxAttempts: 3, lockSeconds: 600 };

/** A bucket that does not refill during a test. */
export const slowBucket = (policy: string, limit: number, subject = freshName()): Bucket => ({
  policy,
  subject,
  limit,
  windowSeconds: 36_000,
});

/** Starts the engine for the tests of the calling `describe`. */
export function useEngine(start: StartEngine): Harness {
  let engine: Engine;
  let raw: Redis | Cluster;
  const open: Instance[] = [];

  beforeAll(async () => {
    engine = await start();
    const nodes = engine.ports.map((port) => ({ host: "127.0.0.1", port }));
    raw = nodes.length > 1 ? new Cluster(nodes) : new Redis(engine.ports[0] as number);
  });
  afterEach(async () => {
    await Promise.all(
      open.splice(0).map(async ({ admission, connection }) => {
        await admission.close();
        await connection.close();
      }),
    );
  });
  afterAll(async () => {
    raw?.disconnect();
    await engine?.stop();
  });

  const waitingAt = async (key: string) => (await storedGate(raw, key)).waiters?.length ?? 0;

  return {
    async instance(options = {}) {
      // Nothing here is about time-outs: a slow machine must not become a fault.
      const connection = connectRedis({ url: engine.url, commandTimeoutMs: 10_000 });
      const admission = createRedisAdmission({ connection, random: systemRandom, ...options });
      open.push({ connection, admission });
      await until(() => succeeds(connection.ping()));
      return { connection, admission };
    },
    stored: () => readNodes(engine.ports),
    waiting: (account) => waitingAt(keys.account(account)),
    untilWaiting: (account, count) => until(async () => (await waitingAt(keys.account(account))) === count),
    async setClockBack(account, milliseconds) {
      expect(await raw.eval(laterTimes, 1, keys.account(account), milliseconds)).toBe("OK");
    },
    waitingForFlight: (flight) => waitingAt(keys.flight(flight).state),
    untilFlightWaits: (flight) => until(async () => (await waitingAt(keys.flight(flight).state)) > 0),
    nodes: () => (raw instanceof Cluster ? raw.nodes("master") : [raw]),
  };
}

/** The entry's ticket. @throws Error when it was refused */
export function ticketOf(entry: Awaited<ReturnType<RedisAdmission["enterAccount"]>>) {
  if (entry.kind !== "admitted") throw new Error(`Refused: ${entry.kind}`);
  return entry.ticket;
}
