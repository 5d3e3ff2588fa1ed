import { describe, expect, test } from "vitest";
import { createRedisChallengeStore } from "../../src/adapters/redis/challenge-store.ts";
import type { Challenge } from "../../src/domain/ports/challenge-store.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";

/** A challenge as the domain opens it. */
export const challenge: Challenge = {
  clientId: "cca_demo",
  userId: "0b0f8a1e-6a3c-4c3e-9b1c-1f2d3e4a5b6c",
  username: "jane@example.com",
  account: "account-hash",
  methods: ["totp"],
  createdAt: 1_790_000_000_000,
  wrongCodes: 0,
};

/** Open MFA challenges. */
export function challengeSuite(engine: string, start: StartEngine): void {
  describe(`the challenge store on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async () =>
      createRedisChallengeStore({ connection: (await harness.instance()).connection, secret: "s".repeat(32) });

    test("keeps a challenge until it is taken", async () => {
      const store = await open();
      const name = freshName();
      expect(await store.get(name)).toBeUndefined();
      expect(await store.take(name)).toBeUndefined();
      await store.put(name, challenge, 300);
      expect(await store.get(name)).toEqual(challenge);
      const taken = await store.take(name);
      expect(taken?.challenge).toEqual(challenge);
      expect(taken?.remainingMs).toBeGreaterThan(0);
      expect(taken?.remainingMs).toBeLessThanOrEqual(300_000);
      expect(await store.get(name)).toBeUndefined();
    });

    // Threat: one challenge answered many times in parallel gives more tries than it has, or two sessions.
    test("gives a challenge to one of 50 parallel takers, over three instances", async () => {
      const stores = await Promise.all([1, 2, 3].map(open));
      const name = freshName();
      await stores[0]?.put(name, challenge, 300);
      const taken = await Promise.all(Array.from({ length: 50 }, (_, index) => stores[index % 3]?.take(name)));
      expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    });

    test("takes a challenge back for the rest of its life, changed or not", async () => {
      const store = await open();
      const name = freshName();
      await store.put(name, challenge, 300);
      const taken = await store.take(name);
      await store.restore(name, { ...challenge, wrongCodes: 1 }, taken?.remainingMs ?? 0);
      const again = await store.take(name);
      expect(again?.challenge.wrongCodes).toBe(1);
      expect(again?.remainingMs).toBeLessThanOrEqual(taken?.remainingMs ?? 0);
    });

    // Threat: putting a challenge back over a newer state of it refills its tries or its life.
    test("takes none back whose life is over, and none over one that is there", async () => {
      const store = await open();
      const name = freshName();
      for (const remainingMs of [0, -2, 0.4]) await store.restore(name, challenge, remainingMs);
      expect(await store.get(name)).toBeUndefined();
      await store.put(name, { ...challenge, wrongCodes: 4 }, 300);
      await store.restore(name, challenge, 300_000);
      expect(await store.get(name)).toMatchObject({ wrongCodes: 4 });
    });

    test("forgets a challenge at the end of its life", async () => {
      const store = await open();
      const name = freshName();
      await store.put(name, challenge, 1);
      await until(async () => (await store.get(name)) === undefined);
      expect(await store.take(name)).toBeUndefined();
    });
  });
}
