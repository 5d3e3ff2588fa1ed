import type { KeyedHash } from "../../domain/ports/keyed-hash.ts";
import type { EnrolmentStore, PendingEnrolment } from "../../domain/ports/second-factors.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadTakeScript } from "./scripts.ts";
import { createSeal } from "./seal.ts";

/** Pending enrolments in Redis: one sealed value a user, under the keyed hash of the user's id. */
export function createRedisEnrolmentStore(deps: {
  readonly connection: RedisConnection;
  readonly hash: KeyedHash;
  /** The deployment's secret. */
  readonly secret: string;
}): EnrolmentStore {
  const { connection, hash } = deps;
  const seal = createSeal(deps.secret, "enrolment");
  const takeScript = loadTakeScript();
  const keyOf = (userId: string) => keys.enrolment(hash("enrolment", userId));

  return {
    async put(userId, enrolment, ttlSeconds) {
      const value = seal.close(enrolment, userId);
      await connection.call((client) => client.set(keyOf(userId), value, "EX", ttlSeconds));
    },

    async take(userId) {
      const taken = (await connection.run(takeScript, [keyOf(userId)], [])) as [string, number] | null;
      if (taken === null) return undefined;
      const enrolment = seal.open(taken[0], userId) as PendingEnrolment | undefined;
      return enrolment && { enrolment, remainingMs: taken[1] };
    },

    async restore(userId, enrolment, remainingMs) {
      const lifeMs = Math.floor(remainingMs);
      if (lifeMs <= 0) return;
      const value = seal.close(enrolment, userId);
      await connection.call((client) => client.set(keyOf(userId), value, "PX", lifeMs, "NX"));
    },
  };
}
