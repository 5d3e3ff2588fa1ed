import type { Challenge, ChallengeStore } from "../../src/domain/ports/challenge-store.ts";

/** Challenges in memory. Time stands still: a challenge keeps the life it was put in with. */
export interface FakeChallengeStore extends ChallengeStore {
  readonly open: ReadonlyMap<string, { readonly challenge: Challenge; readonly remainingMs: number }>;
  /** Thrown by the methods named, until it is taken away. */
  readonly faults: Partial<Record<keyof ChallengeStore, Error>>;
}

export function createFakeChallengeStore(): FakeChallengeStore {
  const open = new Map<string, { challenge: Challenge; remainingMs: number }>();
  const faults: Partial<Record<keyof ChallengeStore, Error>> = {};
  function fail(method: keyof ChallengeStore): void {
    const fault = faults[method];
    if (fault !== undefined) throw fault;
  }
  return {
    open,
    faults,
    async put(tokenHash, challenge, ttlSeconds) {
      fail("put");
      open.set(tokenHash, { challenge, remainingMs: ttlSeconds * 1000 });
    },
    async get(tokenHash) {
      fail("get");
      return open.get(tokenHash)?.challenge;
    },
    async take(tokenHash) {
      fail("take");
      const taken = open.get(tokenHash);
      open.delete(tokenHash);
      return taken;
    },
    async restore(tokenHash, challenge, remainingMs) {
      fail("restore");
      if (remainingMs > 0 && !open.has(tokenHash)) open.set(tokenHash, { challenge, remainingMs });
    },
  };
}
