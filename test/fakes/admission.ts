import type {
  AccountEntry,
  Admission,
  Admitted,
  AttemptBudget,
  AttemptResult,
  Bucket,
  BucketState,
  FlightEntry,
  LockoutState,
  Refused,
  Settled,
} from "../../src/domain/ports/admission.ts";
import type { EndingState } from "../../src/domain/ports/ending-marks.ts";
import type { RequestLimits } from "../../src/domain/ports/request-limits.ts";

/** The store's clock of the fake, in milliseconds. */
export const storeTime = 1_800_000_000_123;

/** What the test decides. */
export interface AdmissionScript {
  /** Whether an entry follows another grant; default false. */
  followsAnother?: boolean;
  /** Refuses entries to accounts and flights. */
  refusal?: Refused;
  /** Thrown by every entry. */
  entryFault?: Error;
  /** Thrown by every settling. */
  settleFault?: Error;
  /** What a flight sees of endings of its user's sessions; default none. */
  ending?: EndingState;
  /** What settling an attempt says. */
  settled?: Settled;
  lockout?: LockoutState;
}

export interface SettledAttempt {
  readonly ticketId: string;
  readonly result: AttemptResult;
  readonly budget: AttemptBudget | undefined;
}

/** Records what it was asked, and decides as the script says. Flights keep what their leader left. */
export interface FakeAdmission extends Admission {
  readonly script: AdmissionScript;
  readonly entries: readonly { readonly entry: AccountEntry; readonly buckets: readonly Bucket[] }[];
  readonly flights: readonly (FlightEntry & { readonly buckets: readonly Bucket[] })[];
  readonly charges: readonly (readonly Bucket[])[];
  readonly settledAttempts: readonly SettledAttempt[];
  readonly settledFlights: readonly { readonly ticketId: string; readonly ttlSeconds: number | undefined }[];
  readonly unlocked: readonly string[];
  readonly invalidated: readonly string[];
  /** The values that flights have left. */
  readonly left: Map<string, string>;
}

const stateOf = ({ policy, limit, windowSeconds }: Bucket): BucketState => ({
  policy,
  limit,
  windowSeconds,
  remaining: limit - 1,
  resetSeconds: 1,
});

export function createFakeAdmission(script: AdmissionScript = {}): FakeAdmission {
  const entries: { entry: AccountEntry; buckets: readonly Bucket[] }[] = [];
  const flights: (FlightEntry & { buckets: readonly Bucket[] })[] = [];
  const charges: (readonly Bucket[])[] = [];
  const settledAttempts: SettledAttempt[] = [];
  const settledFlights: { ticketId: string; ttlSeconds: number | undefined }[] = [];
  const unlocked: string[] = [];
  const invalidated: string[] = [];
  const left = new Map<string, string>();
  let tickets = 0;

  function admit<T extends object>(name: T, buckets: readonly Bucket[]) {
    if (script.entryFault !== undefined) throw script.entryFault;
    const states = buckets.map(stateOf);
    if (script.refusal !== undefined) return { ...script.refusal, buckets: states };
    tickets += 1;
    const admitted: Admitted<T & { id: string }> = {
      kind: "admitted",
      ticket: { ...name, id: `ticket-${tickets}` },
      followsAnother: script.followsAnother ?? false,
      storeTime,
    };
    return { ...admitted, buckets: states };
  }

  return {
    script,
    entries,
    flights,
    charges,
    settledAttempts,
    settledFlights,
    unlocked,
    invalidated,
    left,
    async charge(buckets) {
      charges.push(buckets);
      if (script.entryFault !== undefined) throw script.entryFault;
      const states = buckets.map(stateOf);
      return script.refusal?.kind === "limited"
        ? { ...script.refusal, buckets: states }
        : { kind: "charged", buckets: states };
    },
    async enterAccount(entry, buckets) {
      entries.push({ entry, buckets });
      return admit({ key: entry.account }, buckets);
    },
    async settleAccount(ticket, result, budget) {
      settledAttempts.push({ ticketId: ticket.id, result, budget });
      if (script.settleFault !== undefined) throw script.settleFault;
      return script.settled ?? { locked: false, consecutiveReturns: result === "returned" ? 1 : 0 };
    },
    async enterFlight(entry, buckets) {
      flights.push({ ...entry, buckets });
      const value = left.get(entry.flight);
      if (value !== undefined && script.entryFault === undefined) {
        return { kind: "replayed", value, ending: script.ending ?? "none", buckets: buckets.map(stateOf) };
      }
      return admit(entry, buckets);
    },
    async settleFlight(ticket, leave) {
      settledFlights.push({ ticketId: ticket.id, ttlSeconds: leave?.ttlSeconds });
      if (script.settleFault !== undefined) throw script.settleFault;
      if (leave !== undefined) left.set(ticket.flight, leave.value);
      return script.ending ?? "none";
    },
    async lockoutState() {
      if (script.entryFault !== undefined) throw script.entryFault;
      return script.lockout ?? { lockedUntil: undefined, lockRemainingMs: 0, passwordAttempts: 0, mfaAttempts: 0 };
    },
    async unlock(account) {
      if (script.entryFault !== undefined) throw script.entryFault;
      unlocked.push(account);
    },
    async invalidateChallenges(account) {
      if (script.entryFault !== undefined) throw script.entryFault;
      invalidated.push(account);
    },
  };
}

const clientBucket: Bucket = { policy: "client", subject: "cca_open", limit: 10, windowSeconds: 60 };

/** The limits of a request: one client bucket to take, and what was reported back. */
export function createFakeLimits(): RequestLimits & { readonly reported: readonly (readonly BucketState[])[] } {
  let rest: readonly Bucket[] = [clientBucket];
  const reported: (readonly BucketState[])[] = [];
  return {
    take() {
      const taken = rest;
      rest = [];
      return taken;
    },
    account: (account) => ({ policy: "account", subject: account, limit: 5, windowSeconds: 60 }),
    report: (states) => void reported.push(states),
    reported,
  };
}
