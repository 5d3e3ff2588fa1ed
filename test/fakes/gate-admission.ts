import type {
  Admission,
  Admitted,
  Bucket,
  BucketState,
  Refused,
  WithBuckets,
} from "../../src/domain/ports/admission.ts";
import type { Clock } from "../../src/domain/ports/clock.ts";
import { StoreUnavailable } from "../../src/domain/ports/faults.ts";
import type { RequestLimits } from "../../src/domain/ports/request-limits.ts";

interface Account {
  /** Resolves when everyone who came before has left. */
  turn: Promise<void>;
  readonly counts: { password: number; mfa: number };
  lockedUntil: number;
  invalidatedAt: number | undefined;
  returns: number;
}

/** Admission in memory, with a gate that really holds back: for races and locks. Buckets never refill. */
export interface GateAdmission extends Admission {
  /** How many entries hold a gate now. */
  readonly inside: number;
  /** Whether the store answers; when false every method throws StoreUnavailable. */
  reachable: boolean;
  /** The buckets of each charge, in order. */
  readonly charges: readonly (readonly Bucket[])[];
}

export function createGateAdmission(clock: Clock): GateAdmission {
  const accounts = new Map<string, Account>();
  const held = new Map<string, { leave: () => void; counter: "password" | "mfa" | undefined }>();
  const used = new Map<string, number>();
  const charges: (readonly Bucket[])[] = [];
  let tickets = 0;

  function account(name: string): Account {
    let found = accounts.get(name);
    if (found === undefined) {
      found = {
        turn: Promise.resolve(),
        counts: { password: 0, mfa: 0 },
        lockedUntil: 0,
        invalidatedAt: undefined,
        returns: 0,
      };
      accounts.set(name, found);
    }
    return found;
  }

  function clear(state: Account): void {
    state.counts.password = 0;
    state.counts.mfa = 0;
    state.lockedUntil = 0;
  }

  function checkReachable(): void {
    if (!admission.reachable) throw new StoreUnavailable("the test has taken the store away");
  }

  function chargeAll(buckets: readonly Bucket[]): WithBuckets<{ kind: "charged" } | (Refused & { kind: "limited" })> {
    const nameOf = ({ policy, subject }: Bucket) => `${policy} ${subject}`;
    if (buckets.length > 0) charges.push(buckets);
    const left = (bucket: Bucket) => bucket.limit - (used.get(nameOf(bucket)) ?? 0);
    const states = (): BucketState[] =>
      buckets.map((bucket) => ({ ...bucket, remaining: left(bucket), resetSeconds: bucket.windowSeconds }));
    const empty = buckets.find((bucket) => left(bucket) < 1);
    if (empty !== undefined) {
      return { kind: "limited", policy: empty.policy, retryAfterSeconds: empty.windowSeconds, buckets: states() };
    }
    for (const bucket of buckets) used.set(nameOf(bucket), (used.get(nameOf(bucket)) ?? 0) + 1);
    return { kind: "charged", buckets: states() };
  }

  const admission: GateAdmission = {
    reachable: true,
    charges,
    get inside() {
      return held.size;
    },
    async charge(buckets) {
      checkReachable();
      return chargeAll(buckets);
    },
    async enterAccount(entry, buckets): Promise<WithBuckets<Admitted | Refused>> {
      checkReachable();
      const charge = chargeAll(buckets);
      if (charge.kind === "limited") return charge;
      const state = account(entry.account);
      const { promise, resolve } = Promise.withResolvers<void>();
      const former = state.turn;
      state.turn = former.then(() => promise);
      await former;

      const refuse = (refused: Refused) => {
        resolve();
        return { ...refused, buckets: charge.buckets };
      };
      if (state.lockedUntil > 0 && state.lockedUntil <= clock.now()) clear(state);
      const { attempt, notInvalidatedSince } = entry;
      if (attempt !== undefined && state.lockedUntil > clock.now()) {
        return refuse({ kind: "locked", retryAfterSeconds: Math.ceil((state.lockedUntil - clock.now()) / 1000) });
      }
      if (notInvalidatedSince !== undefined && (state.invalidatedAt ?? -1) >= notInvalidatedSince) {
        return refuse({ kind: "invalidated" });
      }
      if (attempt !== undefined) state.counts[attempt.counter] += 1;
      tickets += 1;
      const ticket = { id: `ticket-${tickets}`, key: entry.account };
      held.set(ticket.id, { leave: resolve, counter: attempt?.counter });
      return { kind: "admitted", ticket, followsAnother: false, storeTime: clock.now(), buckets: charge.buckets };
    },
    async settleAccount({ id, key }, result, budget) {
      const state = account(key);
      const holder = held.get(id);
      let locked = false;
      if (holder !== undefined) {
        held.delete(id);
        const { counter } = holder;
        if (result === "complete" && state.lockedUntil <= clock.now()) clear(state);
        if (result === "complete") state.returns = 0;
        if (result === "returned") state.returns += 1;
        if (result === "returned" && counter !== undefined) state.counts[counter] -= 1;
        if (result === "failed" && counter !== undefined && budget && state.counts[counter] >= budget.maxAttempts) {
          locked = true;
          state.lockedUntil = clock.now() + budget.lockSeconds * 1000;
          state.invalidatedAt = clock.now();
        }
        holder.leave();
      }
      checkReachable();
      return { locked, consecutiveReturns: state.returns };
    },
    enterFlight: () => Promise.reject(new Error("flights are not part of this fake")),
    settleFlight: () => Promise.reject(new Error("flights are not part of this fake")),
    async lockoutState(name) {
      checkReachable();
      const { counts, lockedUntil } = account(name);
      const left = Math.max(0, lockedUntil - clock.now());
      return {
        lockedUntil: left > 0 ? lockedUntil : undefined,
        lockRemainingMs: left,
        passwordAttempts: counts.password,
        mfaAttempts: counts.mfa,
      };
    },
    async unlock(name) {
      checkReachable();
      clear(account(name));
    },
    async invalidateChallenges(name) {
      checkReachable();
      account(name).invalidatedAt = clock.now();
    },
  };
  return admission;
}

/** The limits of one request of an app client. */
export function limitsOf(clientId: string): RequestLimits & { readonly reported: readonly BucketState[] } {
  let rest: readonly Bucket[] = [{ policy: "client", subject: clientId, limit: 1000, windowSeconds: 60 }];
  const reported: BucketState[] = [];
  return {
    take() {
      const taken = rest;
      rest = [];
      return taken;
    },
    account: (subject) => ({ policy: "account", subject, limit: 100, windowSeconds: 60 }),
    report: (states) => void reported.push(...states),
    reported,
  };
}
