import type { Bucket, FlightEntry } from "../../domain/ports/admission.ts";

const namePattern = /^[A-Za-z0-9_.:-]{1,200}$/;

/** @throws TypeError for anything that is not a hash, a client id or a policy's name, so that no raw input becomes a key */
function checked(name: string): string {
  if (!namePattern.test(name)) throw new TypeError("A store name may hold letters, digits and _ - . : only.");
  return name;
}

/** The hash tag of a name: on a cluster, everything of one name lies in one slot. */
const tagged = (name: string) => `hg:{${checked(name)}}`;

/**
 * Every key and channel that the gateway uses. Names are keyed hashes or client ids; each key has a time to live.
 *
 * The bucket of an account is tagged with the account's hash, so it shares the slot of the account's gate.
 */
export const keys = {
  /** String: when the bucket is full again. */
  bucket: (bucket: Bucket): string => `${tagged(bucket.subject)}:b:${checked(bucket.policy)}`,
  /** String, MessagePack: the account's holder, waiters, counts and lock; see `scripts/state.lua`. */
  account: (account: string): string => `${tagged(account)}:a`,
  /** The same of a flight, the string that its leader left, and the endings that it looks at. */
  flight: ({ user, flight }: FlightEntry) => ({
    state: `${tagged(user)}:f:${checked(flight)}`,
    value: `${tagged(user)}:fv:${checked(flight)}`,
    endings: keys.endings(user),
  }),
  /** Hash: the endings of a user's sessions that are under way, and a field that stays. */
  endings: (user: string): string => `${tagged(user)}:se`,
  /** String: an open MFA challenge as JSON. */
  challenge: (tokenHash: string): string => `${tagged(tokenHash)}:m`,
  /** Sorted sets of ids, by the time they are due and by the time they were given up; hashes of the jobs themselves. */
  mail: () => ({ due: "hg:{mail}:d", jobs: "hg:{mail}:j", dead: "hg:{mail}:x", deadJobs: "hg:{mail}:y" }),
  /** String: what a mail token stands for, sealed. */
  mailToken: (tokenHash: string): string => `${tagged(tokenHash)}:t`,
  /** String: the hash of the newest mail token of a user and purpose. */
  newestMailToken: (user: string, purpose: string): string => `${tagged(user)}:tn:${checked(purpose)}`,
  /** String: a pending enrolment, sealed. */
  enrolment: (user: string): string => `${tagged(user)}:e`,
  /** String: there when the code was used. */
  usedCode: (code: string): string => `${tagged(code)}:u`,
  /** String: the user agent of a session. */
  sessionNote: (session: string): string => `${tagged(session)}:n`,
  /** String: written to see whether the store takes writes. */
  probe: (): string => "hg:{probe}:p",
  /** Channel on which one instance hears of the turns of its waiters. */
  instanceChannel: (instance: string): string => `hg:w:${instance}`,
} as const;
