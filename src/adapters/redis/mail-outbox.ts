import { StoreUnavailable } from "../../domain/ports/faults.ts";
import type { MailJob, MailOutbox } from "../../domain/ports/mail.ts";
import type { MailQueue } from "../../domain/ports/mail-queue.ts";
import type { Random } from "../../domain/ports/random.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadMailScripts, type Script } from "./scripts.ts";
import { createSeal } from "./seal.ts";

export interface RedisMailOutboxDeps {
  readonly connection: RedisConnection;
  readonly random: Random;
  /** The deployment's secret; jobs are sealed under a key that is derived from it. */
  readonly secret: string;
  /** A job that has waited longer is given up. Default 3 days. */
  readonly maxAgeMs?: number;
  /** How long the outbox is kept after the last write to it, and a dead job after its death. Default 14 days. */
  readonly keepMs?: number;
  /** Jobs that may wait; with more, `add` fails. Default 100,000. */
  readonly maxWaiting?: number;
  /** Dead jobs that are kept; more push out the oldest. Default 10,000. */
  readonly maxDead?: number;
}

const dayMs = 24 * 60 * 60 * 1000;
/** No job is made due later than this from now; longer leases and delays are cut. */
const maxDelayMs = 60 * 60 * 1000;
const maxReasonLength = 200;
const tooOld = "It was not sent in time.";
const unreadable = "It cannot be read: it was stored under another HEADGATE_SECRET, or damaged.";

/**
 * The outbox on a Redis, a cluster (in one slot), or the embedded server: scripts on the store's clock, one a verb.
 *
 * Jobs are as durable as the store: it needs `appendonly yes` and `maxmemory-policy noeviction`.
 */
export function createRedisMailOutbox(deps: RedisMailOutboxDeps): MailOutbox & MailQueue {
  const { connection, random, maxAgeMs = 3 * dayMs, keepMs = 14 * dayMs } = deps;
  const { maxWaiting = 100_000, maxDead = 10_000 } = deps;
  const seal = createSeal(deps.secret, "mail outbox");
  const scripts = loadMailScripts();
  const { due, jobs, dead, deadJobs } = keys.mail();
  /** How often a job had been taken when this instance took it: whoever takes it later has a higher number. */
  const claims = new Map<string, number>();

  const run = (script: Script, ...args: readonly (string | number)[]) =>
    connection.run(script, [due, jobs, dead, deadJobs], [keepMs, maxDead, ...args]);

  /** Ends this instance's hold on a job, if it still has one. */
  async function settle(script: Script, id: string, outcome: string | number): Promise<void> {
    const claim = claims.get(id);
    if (claim === undefined) return;
    await run(script, id, claim, outcome);
    claims.delete(id);
  }

  /** The first rows of a list, each with its id, time, type, enqueuedAt, tries and reason. */
  async function list(which: "due" | "dead", limit: number) {
    const rows = limit < 1 ? [] : ((await run(scripts.list, which, limit)) as string[][]);
    return rows.map(([id = "", at, type, enqueuedAt, tries, reason = ""]) => ({
      id,
      at: Number(at),
      type: type as MailJob["type"],
      enqueuedAt: Number(enqueuedAt),
      tries: Number(tries),
      reason,
    }));
  }

  return {
    async add(job) {
      const id = random.token(16);
      const added = await run(scripts.add, maxWaiting, id, job.type, seal.close(job, id));
      if (added !== 1) throw new StoreUnavailable("The mail outbox is full.");
    },

    async take(leaseMs) {
      for (;;) {
        const taken = (await run(scripts.take, Math.min(leaseMs, maxDelayMs), maxAgeMs, tooOld, maxDelayMs)) as
          | string[]
          | null;
        if (taken === null) return undefined;
        const [id = "", sealed = "", tries, ageMs] = taken;
        claims.set(id, Number(tries) + 1);
        const job = seal.open(sealed, id) as MailJob | undefined;
        if (job !== undefined) return { id, job, tries: Number(tries), ageMs: Number(ageMs) };
        await settle(scripts.bury, id, unreadable);
      }
    },

    async done(id) {
      await run(scripts.done, id);
      claims.delete(id);
    },

    retry: (id, delayMs) => settle(scripts.retry, id, Math.min(maxDelayMs, Math.max(0, Math.ceil(delayMs)))),
    bury: (id, reason) => settle(scripts.bury, id, presentable(reason)),

    async dead(limit) {
      const rows = await list("dead", limit);
      return rows.map(({ id, type, enqueuedAt, at, reason }) => ({ id, type, enqueuedAt, diedAt: at, reason }));
    },

    async waiting(limit) {
      const rows = await list("due", limit);
      return rows.map(({ id, type, enqueuedAt, at, tries }) => ({ id, type, enqueuedAt, dueAt: at, tries }));
    },

    async replay(id) {
      return (await run(scripts.replay, ...(id === undefined ? [] : [id]))) as number;
    },

    async size() {
      const [waiting, given] = (await run(scripts.size)) as [number, number];
      return { waiting, dead: given };
    },
  };
}

/** A reason lies in the store in clear and is printed: one short line without an address. */
function presentable(reason: string): string {
  return reason
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/\S+@\S+/g, "(address)")
    .slice(0, maxReasonLength);
}
