import type { KeyedHash } from "../../domain/ports/keyed-hash.ts";
import type { UsedCodes } from "../../domain/ports/second-factors.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";

/** Used codes in Redis: a mark under the keyed hash of subject and code. */
export function createRedisUsedCodes(deps: {
  readonly connection: RedisConnection;
  readonly hash: KeyedHash;
}): UsedCodes {
  const { connection, hash } = deps;
  const keyOf = (subject: string, code: string) => keys.usedCode(hash("used code", JSON.stringify([subject, code])));

  return {
    async use(subject, code, ttlSeconds) {
      const set = await connection.call((client) => client.set(keyOf(subject, code), "1", "EX", ttlSeconds, "NX"));
      return set !== null;
    },

    async isUsed(subject, code) {
      return (await connection.call((client) => client.exists(keyOf(subject, code)))) === 1;
    },
  };
}
