import type { BackupCodes } from "../../src/domain/mfa/backup-codes.ts";
import type { Clock } from "../../src/domain/ports/clock.ts";
import type { EnrolmentStore, PendingEnrolment, UsedCodes } from "../../src/domain/ports/second-factors.ts";
import type { SessionNotes } from "../../src/domain/ports/session-directory.ts";
import { createFaults, type Faults } from "./faults.ts";

export interface MemoryEnrolmentStore extends EnrolmentStore {
  readonly faults: Faults<keyof EnrolmentStore & string>;
}

export function createMemoryEnrolmentStore(clock: Clock): MemoryEnrolmentStore {
  const pending = new Map<string, { enrolment: PendingEnrolment; until: number }>();
  const faults = createFaults<keyof EnrolmentStore & string>();
  return {
    faults,
    put: (userId, enrolment, ttlSeconds) =>
      faults.call("put", () => void pending.set(userId, { enrolment, until: clock.now() + ttlSeconds * 1000 })),
    take: (userId) =>
      faults.call("take", () => {
        const found = pending.get(userId);
        pending.delete(userId);
        if (found === undefined || found.until <= clock.now()) return undefined;
        return { enrolment: found.enrolment, remainingMs: found.until - clock.now() };
      }),
    restore: (userId, enrolment, remainingMs) =>
      faults.call("restore", () => {
        if (!pending.has(userId)) pending.set(userId, { enrolment, until: clock.now() + remainingMs });
      }),
  };
}

export function createMemoryUsedCodes(clock: Clock): UsedCodes {
  const used = new Map<string, number>();
  const isUsed = (subject: string, code: string) => (used.get(`${subject} ${code}`) ?? 0) > clock.now();
  return {
    async use(subject, code, ttlSeconds) {
      if (isUsed(subject, code)) return false;
      used.set(`${subject} ${code}`, clock.now() + ttlSeconds * 1000);
      return true;
    },
    isUsed: async (subject, code) => isUsed(subject, code),
  };
}

export interface MemorySessionNotes extends SessionNotes {
  readonly faults: Faults<keyof SessionNotes & string>;
  readonly agents: ReadonlyMap<string, string>;
}

export function createMemorySessionNotes(): MemorySessionNotes {
  const agents = new Map<string, string>();
  const faults = createFaults<keyof SessionNotes & string>();
  return {
    faults,
    agents,
    put: (sessionId, userAgent) => faults.call("put", () => void agents.set(sessionId, userAgent)),
    get: (sessionIds) => faults.call("get", () => sessionIds.map((id) => agents.get(id))),
  };
}

/** Backup codes that are stored as they are, for tests of what is done with them: hashing takes its time. */
export function createPlainBackupCodes(): BackupCodes {
  let sets = 0;
  return {
    async generate() {
      sets += 1;
      const codes = Array.from({ length: 10 }, (_, index) => `set-${sets}-code-${index}`);
      return { codes, stored: { salt: `salt-${sets}`, hashes: codes, total: 10 } };
    },
    async spend(stored, code) {
      const hashes = stored.hashes.filter((hash) => hash !== code);
      return hashes.length === stored.hashes.length ? undefined : { ...stored, hashes };
    },
  };
}
