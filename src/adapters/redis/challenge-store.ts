import type { Challenge, ChallengeStore } from "../../domain/ports/challenge-store.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadChallengeScripts } from "./scripts.ts";

/** Open MFA challenges in Redis: one JSON value each, which goes away with the challenge's life. */
export function createRedisChallengeStore(connection: RedisConnection): ChallengeStore {
  const scripts = loadChallengeScripts();

  return {
    async put(tokenHash, challenge, ttlSeconds) {
      const value = JSON.stringify(challenge);
      await connection.call((client) => client.set(keys.challenge(tokenHash), value, "EX", ttlSeconds));
    },

    async get(tokenHash) {
      const value = await connection.call((client) => client.get(keys.challenge(tokenHash)));
      return value === null ? undefined : (JSON.parse(value) as Challenge);
    },

    async take(tokenHash) {
      const taken = (await connection.run(scripts.take, [keys.challenge(tokenHash)], [])) as [string, number] | null;
      return taken === null ? undefined : { challenge: JSON.parse(taken[0]) as Challenge, remainingMs: taken[1] };
    },

    async restore(tokenHash, challenge, remainingMs) {
      const lifeMs = Math.floor(remainingMs);
      if (lifeMs <= 0) return;
      const value = JSON.stringify(challenge);
      // Never over what is there: the caller is the only holder of the challenge, so a present one is newer.
      await connection.call((client) => client.set(keys.challenge(tokenHash), value, "PX", lifeMs, "NX"));
    },
  };
}
