import type { Challenge, ChallengeStore } from "../../domain/ports/challenge-store.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadChallengeScripts } from "./scripts.ts";
import { createSeal } from "./seal.ts";

/** Open MFA challenges in Redis: one sealed value each, since it names the user, which goes away with the challenge's life. */
export function createRedisChallengeStore(deps: {
  readonly connection: RedisConnection;
  /** The deployment's secret. */
  readonly secret: string;
}): ChallengeStore {
  const { connection } = deps;
  const scripts = loadChallengeScripts();
  const seal = createSeal(deps.secret, "challenge");
  const open = (value: string, tokenHash: string) => seal.open(value, tokenHash) as Challenge | undefined;

  return {
    async put(tokenHash, challenge, ttlSeconds) {
      const value = seal.close(challenge, tokenHash);
      await connection.call((client) => client.set(keys.challenge(tokenHash), value, "EX", ttlSeconds));
    },

    async get(tokenHash) {
      const value = await connection.call((client) => client.get(keys.challenge(tokenHash)));
      return value === null ? undefined : open(value, tokenHash);
    },

    async take(tokenHash) {
      const taken = (await connection.run(scripts.take, [keys.challenge(tokenHash)], [])) as [string, number] | null;
      const challenge = taken === null ? undefined : open(taken[0], tokenHash);
      return taken === null || challenge === undefined ? undefined : { challenge, remainingMs: taken[1] };
    },

    async restore(tokenHash, challenge, remainingMs) {
      const lifeMs = Math.floor(remainingMs);
      if (lifeMs <= 0) return;
      const value = seal.close(challenge, tokenHash);
      // Never over what is there: the caller is the only holder of the challenge, so a present one is newer.
      await connection.call((client) => client.set(keys.challenge(tokenHash), value, "PX", lifeMs, "NX"));
    },
  };
}
