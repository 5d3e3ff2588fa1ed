import { limits } from "../../contract/limits.ts";
import type { Admission, AttemptBudget, AttemptResult } from "../../domain/ports/admission.ts";
import type { EndingState } from "../../domain/ports/ending-marks.ts";
import type { Random } from "../../domain/ports/random.ts";
import { createDecide } from "./charging.ts";
import type { RedisConnection } from "./connect.ts";
import { createPassGate, type Gate, type Passage } from "./gate.ts";
import { keys } from "./keys.ts";
import { createRedelivery } from "./redelivery.ts";
import { bucketArguments, parseDecision, parseVerdict, type Words } from "./reply.ts";
import { loadAdmissionScripts, type Script } from "./scripts.ts";
import { createWaiters } from "./waiters.ts";

export interface RedisAdmissionDeps {
  readonly connection: RedisConnection;
  readonly random: Random;
  /**
   * How long a ticket keeps its gate when it is never settled. Must exceed the longest attempt, or the next one runs beside
   * it. Default 15,000.
   */
  readonly leaseMs?: number;
  /** Entries that may wait for one gate. Default 64. */
  readonly queueLimit?: number;
  /** Longest wait for one gate. Default 10,000. */
  readonly waitMs?: number;
  /** Entries of this instance that may be under way or waiting, over all gates. Default 10,000. */
  readonly maxWaiters?: number;
}

/** Admission that can be shut down. */
export interface RedisAdmission extends Admission {
  /** Ends every wait with StoreUnavailable and leaves the queues. Tickets can still be settled. */
  close(): Promise<void>;
}

/** A challenge can be as old as its life and the attempt that opened it. */
const keepInvalidatedMs = (limits.mfaChallengeTtlSeconds + 60) * 1000;
const absent = "-";

/**
 * Admission on a Redis, a cluster, or the embedded server: scripts on the store's clock decide, messages tell waiters of
 * their turn, and a slow poll of each waiter makes up for lost messages and dead holders.
 *
 * The store must not evict keys (`maxmemory-policy noeviction`): an evicted state forgets counts and locks.
 */
export function createRedisAdmission(deps: RedisAdmissionDeps): RedisAdmission {
  const { connection, random, leaseMs = 15_000, queueLimit = 64, waitMs = 10_000, maxWaiters = 10_000 } = deps;
  const scripts = loadAdmissionScripts();
  const channel = keys.instanceChannel(random.token(15));
  const waiters = createWaiters({ subscriber: connection.subscriber, channel });
  const decide = createDecide(connection, scripts);
  const pass = createPassGate({ decide, waiters, random, waitMs, queueLimit, maxWaiters });
  const passages = new Set<Promise<Passage>>();
  const redelivery = createRedelivery({ keepMs: leaseMs });
  const common = [leaseMs, keepInvalidatedMs] as const;

  const verdictOf = async (script: Script, state: string, id: string) =>
    parseVerdict((await connection.run(script, [state], [...common, id])) as Words);

  function gateOf(name: string, state: string, leave: Script, enter: Gate["enter"]): Gate {
    return {
      name,
      enter,
      poll: (id) => verdictOf(scripts.poll, state, id),
      leave: async (id) => {
        await redelivery.deliver(() => connection.run(leave, [state], [...common, id]));
      },
    };
  }

  /** Passes the gate; `close` waits for it. */
  async function track(passage: Promise<Passage>): Promise<Passage> {
    passages.add(passage);
    try {
      return await passage;
    } finally {
      passages.delete(passage);
    }
  }

  function result<T extends object>(name: T, { id, verdict, buckets }: Passage) {
    if (verdict.kind !== "granted") return { ...verdict, buckets };
    const { followsAnother, storeTime } = verdict;
    return { kind: "admitted", ticket: { id, ...name }, followsAnother, storeTime, buckets } as const;
  }

  return {
    async charge(buckets) {
      const { verdict, buckets: states } = await decide(buckets);
      return verdict.kind === "limited" ? { ...verdict, buckets: states } : { kind: "charged", buckets: states };
    },

    async enterAccount({ account, attempt, notInvalidatedSince }, buckets, signal) {
      const state = keys.account(account);
      const gate = gateOf(account, state, scripts.leaveAccount, async (id, waiting, own) => {
        const args = [
          ...common,
          id,
          channel,
          waiting.waitMs,
          waiting.queueLimit,
          attempt?.counter ?? absent,
          ...budgetArguments(attempt),
          notInvalidatedSince ?? absent,
          ...bucketArguments(own),
        ];
        return parseDecision(await connection.run(scripts.enterAccount, [state, ...own.map(keys.bucket)], args), own);
      });
      // Whoever hands the gate over does not wait for replicas to have the count of the next attempt.
      const confirm = (id: string) => verdictOf(scripts.confirm, state, id);
      const confirmed = connection.replicated ? { ...gate, confirm } : gate;
      const entry = result({ key: account }, await track(pass(confirmed, buckets, signal)));
      if (entry.kind === "replayed") throw new Error("An account's gate answered with a value");
      return entry;
    },

    async settleAccount({ id, key }, attemptResult, budget) {
      const state = keys.account(key);
      const settle = (outcome: AttemptResult) => {
        // Of the others, a loss leaves the attempt counted.
        const script = outcome === "failed" ? scripts.settleWrong : scripts.settleAccount;
        return connection.run(script, [state], [...common, id, outcome, ...budgetArguments(budget)]);
      };
      // Whoever is told that it failed gives out no tokens: said again, it is no complete login.
      const again = attemptResult === "complete" ? "returned" : attemptResult;
      const reply = await redelivery.deliver(
        () => settle(attemptResult),
        () => settle(again),
      );
      const [locked, consecutiveReturns] = reply as [number, number];
      return { locked: locked === 1, consecutiveReturns };
    },

    async enterFlight({ user, flight }, buckets, signal) {
      const { state, value, endings } = keys.flight({ user, flight });
      const gate = gateOf(user, state, scripts.leave, async (id, waiting, own) => {
        const args = [...common, id, channel, waiting.waitMs, waiting.queueLimit, ...bucketArguments(own)];
        const scriptKeys = [state, value, ...own.map(keys.bucket), endings];
        return parseDecision(await connection.run(scripts.enterFlight, scriptKeys, args), own);
      });
      return result({ user, flight }, await track(pass(gate, buckets, signal)));
    },

    async settleFlight({ id, ...entry }, leave) {
      const { state, value, endings } = keys.flight(entry);
      const scriptKeys = [state, value, endings];
      const args = [...common, id, ...(leave === undefined ? [] : [leave.ttlSeconds * 1000, leave.value])];
      const reply = await redelivery.deliver(() => connection.run(scripts.settleFlight, scriptKeys, args));
      return reply as EndingState;
    },

    async lockoutState(account) {
      const state = keys.account(account);
      const reply = await connection.run(scripts.lockoutState, [state], common);
      const [lockedUntil, lockRemainingMs, passwordAttempts, mfaAttempts] = reply as [number, number, number, number];
      return { lockedUntil: lockedUntil || undefined, lockRemainingMs, passwordAttempts, mfaAttempts };
    },

    async unlock(account) {
      const state = keys.account(account);
      await connection.run(scripts.unlock, [state], common);
    },

    async invalidateChallenges(account) {
      const state = keys.account(account);
      await connection.run(scripts.invalidate, [state], common);
    },

    async close() {
      waiters.close();
      await Promise.allSettled(passages);
      redelivery.close();
    },
  };
}

function budgetArguments(budget: AttemptBudget | undefined): readonly (number | string)[] {
  return budget === undefined ? [absent, absent] : [budget.maxAttempts, budget.lockSeconds * 1000];
}
