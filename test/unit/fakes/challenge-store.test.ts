// The fake stands in for the store in the tests of the domain, so it has to behave like it: the same operations on both must
// give the same answers.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRedisChallengeStore } from "../../../src/adapters/redis/challenge-store.ts";
import { connectRedis, type RedisConnection } from "../../../src/adapters/redis/connect.ts";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../../src/adapters/redis/embedded.ts";
import type { Challenge, ChallengeStore } from "../../../src/domain/ports/challenge-store.ts";
import { createFakeChallengeStore } from "../../fakes/challenge-store.ts";
import { jane } from "../../fakes/people.ts";
import { until } from "../../support/redis.ts";

const lifeSeconds = 300;

let server: EmbeddedRedis;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startEmbeddedRedis();
  connection = connectRedis({ url: server.url });
  await until(() =>
    connection.ping().then(
      () => true,
      () => false,
    ),
  );
});
afterAll(async () => {
  await connection.close();
  await server.close();
});

const challengeWith = (wrongCodes: number): Challenge => ({
  clientId: "cca_open",
  userId: jane.userId,
  username: jane.username,
  account: "account-hash",
  methods: ["totp"],
  createdAt: 17,
  wrongCodes,
});

/** The answer of an operation; what time has taken from a challenge's life in the meantime does not count. */
async function answerOf(store: ChallengeStore, name: string, [operation, wrongCodes]: readonly [string, number]) {
  const challenge = challengeWith(wrongCodes);
  switch (operation) {
    case "put":
      return store.put(name, challenge, lifeSeconds);
    case "get":
      return store.get(name);
    case "take": {
      const taken = await store.take(name);
      return taken && { challenge: taken.challenge, alive: taken.remainingMs > 0 };
    }
    case "restore":
      return store.restore(name, challenge, lifeSeconds * 1000);
    default:
      return store.restore(name, challenge, 0);
  }
}

test("any operations give the same answers as on the embedded server", async () => {
  const operation = fc.tuple(fc.constantFrom("put", "get", "take", "restore", "restore late"), fc.nat(4));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 20 }), async (operations) => {
      run += 1;
      const [fake, real] = [
        createFakeChallengeStore(),
        createRedisChallengeStore({ connection, secret: "s".repeat(32) }),
      ];
      for (const each of operations) {
        expect(await answerOf(fake, `name-${run}`, each)).toEqual(await answerOf(real, `name-${run}`, each));
      }
    }),
  );
});
