import type { KeyedHash } from "../../domain/ports/keyed-hash.ts";
import type { MailToken, MailTokenStore } from "../../domain/ports/mail.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadTakeScript } from "./scripts.ts";
import { createSeal } from "./seal.ts";

/** How much longer the word of the newest token lives than the token, so that it outlives one that is put back too. */
const graceMs = 60_000;

/**
 * Mail tokens in Redis: the sealed token under its hash, and under the user's hash the word of which token is the newest.
 * A token is good while both are there and agree. They lie in two slots of a cluster, so they are two steps, in an order
 * in which a fault in between leaves no token good that should not be.
 */
export function createRedisMailTokenStore(deps: {
  readonly connection: RedisConnection;
  readonly hash: KeyedHash;
  /** The deployment's secret. */
  readonly secret: string;
}): MailTokenStore {
  const { connection, hash } = deps;
  const seal = createSeal(deps.secret, "mail token");
  const takeScript = loadTakeScript();
  const newestOf = ({ userId, purpose }: MailToken) => keys.newestMailToken(hash("mail token user", userId), purpose);
  const newest = (token: MailToken) => connection.call((client) => client.get(newestOf(token)));

  return {
    async put(tokenHash, token, ttlSeconds) {
      const value = seal.close(token, tokenHash);
      await connection.call((client) => client.set(keys.mailToken(tokenHash), value, "EX", ttlSeconds));
      const lifeMs = ttlSeconds * 1000 + graceMs;
      await connection.call((client) => client.set(newestOf(token), tokenHash, "PX", lifeMs));
    },

    async take(tokenHash) {
      const value = await connection.call((client) => client.get(keys.mailToken(tokenHash)));
      const token = value === null ? undefined : (seal.open(value, tokenHash) as MailToken | undefined);
      if (token === undefined) return undefined;
      // Looked at before the token is removed: a store that fails here uses up nothing.
      if ((await newest(token)) !== tokenHash) return undefined;
      const taken = (await connection.run(takeScript, [keys.mailToken(tokenHash)], [])) as [string, number] | null;
      return taken === null ? undefined : { token, remainingMs: taken[1] };
    },

    async restore(tokenHash, token, remainingMs) {
      const lifeMs = Math.floor(remainingMs);
      if (lifeMs <= 0) return;
      if ((await newest(token)) !== tokenHash) return;
      const value = seal.close(token, tokenHash);
      await connection.call((client) => client.set(keys.mailToken(tokenHash), value, "PX", lifeMs, "NX"));
    },
  };
}
