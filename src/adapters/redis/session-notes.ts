import { Cluster } from "ioredis";
import type { KeyedHash } from "../../domain/ports/keyed-hash.ts";
import type { SessionNotes } from "../../domain/ports/session-directory.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";

/** User agents in Redis, under the keyed hash of the session's id. */
export function createRedisSessionNotes(deps: {
  readonly connection: RedisConnection;
  readonly hash: KeyedHash;
}): SessionNotes {
  const { connection, hash } = deps;
  const keyOf = (sessionId: string) => keys.sessionNote(hash("session note", sessionId));

  return {
    async put(sessionId, userAgent, ttlSeconds) {
      await connection.call((client) => client.set(keyOf(sessionId), userAgent, "EX", ttlSeconds));
    },

    async get(sessionIds) {
      if (sessionIds.length === 0) return [];
      const names = sessionIds.map(keyOf);
      const found = await connection.call((client) =>
        // On a cluster the keys lie in many slots, and one command may name one slot only.
        client instanceof Cluster ? Promise.all(names.map((name) => client.get(name))) : client.mget(names),
      );
      return found.map((userAgent) => userAgent ?? undefined);
    },
  };
}
