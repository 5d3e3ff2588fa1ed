import type { Clock } from "../../src/domain/ports/clock.ts";
import type {
  DeadMailJob,
  Mail,
  Mailer,
  MailJob,
  MailOutbox,
  MailToken,
  MailTokenStore,
  TakenMailJob,
} from "../../src/domain/ports/mail.ts";
import { createFaults, type Faults } from "./faults.ts";

interface WaitingJob {
  readonly job: MailJob;
  enqueuedAt: number;
  tries: number;
  dueAt: number;
}

/** An outbox in memory, on the test's clock. */
export interface MemoryOutbox extends MailOutbox {
  readonly faults: Faults<keyof MailOutbox & string>;
  /** Jobs that wait or are taken, in the order in which they were added. */
  readonly jobs: readonly MailJob[];
  /** How long after now the job that was added last is due again. */
  dueIn(): number;
}

export function createMemoryOutbox(clock: Clock): MemoryOutbox {
  const waiting = new Map<string, WaitingJob>();
  const dead = new Map<string, DeadMailJob & { readonly job: MailJob }>();
  const faults = createFaults<keyof MailOutbox & string>();
  let count = 0;
  return {
    faults,
    get jobs() {
      return [...waiting.values()].map(({ job }) => job);
    },
    dueIn: () => ([...waiting.values()].at(-1)?.dueAt ?? Number.NaN) - clock.now(),
    add: (job) =>
      faults.call("add", () => {
        count += 1;
        waiting.set(`job-${count}`, { job, enqueuedAt: clock.now(), tries: 0, dueAt: clock.now() });
      }),
    take: (leaseMs) =>
      faults.call("take", (): TakenMailJob | undefined => {
        const due = [...waiting].filter(([, { dueAt }]) => dueAt <= clock.now());
        const [first] = due.sort(([, a], [, b]) => a.dueAt - b.dueAt);
        if (first === undefined) return undefined;
        const [id, entry] = first;
        const taken = { id, job: entry.job, tries: entry.tries, ageMs: clock.now() - entry.enqueuedAt };
        entry.tries += 1;
        entry.dueAt = clock.now() + leaseMs;
        return taken;
      }),
    done: (id) => faults.call("done", () => void waiting.delete(id)),
    retry: (id, delayMs) =>
      faults.call("retry", () => {
        const entry = waiting.get(id);
        if (entry !== undefined) entry.dueAt = clock.now() + delayMs;
      }),
    bury: (id, reason) =>
      faults.call("bury", () => {
        const entry = waiting.get(id);
        if (entry === undefined) return;
        waiting.delete(id);
        const { job, enqueuedAt } = entry;
        dead.set(id, { id, type: job.type, enqueuedAt, diedAt: clock.now(), reason, job });
      }),
    dead: (limit) =>
      faults.call("dead", () =>
        [...dead.values()]
          .slice(0, limit)
          .map(({ id, type, enqueuedAt, diedAt, reason }) => ({ id, type, enqueuedAt, diedAt, reason })),
      ),
    replay: (wanted) =>
      faults.call("replay", () => {
        const chosen = [...dead.values()].filter(({ id }) => wanted === undefined || id === wanted);
        for (const { id, job } of chosen) {
          dead.delete(id);
          waiting.set(id, { job, enqueuedAt: clock.now(), tries: 0, dueAt: clock.now() });
        }
        return chosen.length;
      }),
    size: () => faults.call("size", () => ({ waiting: waiting.size, dead: dead.size })),
  };
}

export interface RecordingMailer extends Mailer {
  readonly faults: Faults<"send">;
  readonly sent: readonly { readonly mail: Mail; readonly messageId: string }[];
  /** The token in the link of the mail that was sent last. */
  lastToken(): string;
}

export function createRecordingMailer(): RecordingMailer {
  const faults = createFaults<"send">();
  const sent: { mail: Mail; messageId: string }[] = [];
  return {
    faults,
    sent,
    send: (mail, messageId) => faults.call("send", () => void sent.push({ mail, messageId })),
    lastToken() {
      const token = new URL(sent.at(-1)?.mail.link ?? "about:blank").searchParams.get("token");
      if (token === null) throw new Error("the last mail has no link with a token");
      return token;
    },
  };
}

export interface MemoryMailTokenStore extends MailTokenStore {
  readonly faults: Faults<keyof MailTokenStore & string>;
  /** The names of the live tokens. */
  readonly names: readonly string[];
  readonly ttls: readonly number[];
}

export function createMemoryMailTokenStore(clock: Clock): MemoryMailTokenStore {
  const tokens = new Map<string, { token: MailToken; until: number }>();
  const newest = new Map<string, string>();
  const faults = createFaults<keyof MailTokenStore & string>();
  const ttls: number[] = [];
  const ownerOf = ({ purpose, userId }: MailToken) => `${purpose} ${userId}`;
  return {
    faults,
    ttls,
    get names() {
      return [...tokens.keys()];
    },
    put: (name, token, ttlSeconds) =>
      faults.call("put", () => {
        tokens.delete(newest.get(ownerOf(token)) ?? "");
        newest.set(ownerOf(token), name);
        tokens.set(name, { token, until: clock.now() + ttlSeconds * 1000 });
        ttls.push(ttlSeconds);
      }),
    take: (name) =>
      faults.call("take", () => {
        const found = tokens.get(name);
        tokens.delete(name);
        if (found === undefined || found.until <= clock.now()) return undefined;
        return { token: found.token, remainingMs: found.until - clock.now() };
      }),
    restore: (name, token, remainingMs) =>
      faults.call("restore", () => {
        if (newest.get(ownerOf(token)) === name) tokens.set(name, { token, until: clock.now() + remainingMs });
      }),
  };
}
