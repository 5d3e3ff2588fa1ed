import { describe, expect, test } from "vitest";
import { createRedisMailTokenStore } from "../../src/adapters/redis/mail-token-store.ts";
import { createKeyedHash } from "../../src/adapters/system.ts";
import type { MailToken } from "../../src/domain/ports/mail.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";

const secret = "a secret of at least thirty-two characters";

/** A token of a user that no other test uses. */
const tokenOf = (userId = freshName(), purpose: MailToken["purpose"] = "reset-password"): MailToken => ({
  purpose,
  userId,
  email: "jane@example.com",
  appId: "cca_demo",
});

/** The tokens in mails. */
export function mailTokenSuite(engine: string, start: StartEngine): void {
  describe(`the mail token store on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async (own = secret) =>
      createRedisMailTokenStore({
        connection: (await harness.instance()).connection,
        hash: createKeyedHash(own),
        secret: own,
      });

    test("keeps a token until it is taken", async () => {
      const store = await open();
      const [name, token] = [freshName(), tokenOf()];
      expect(await store.take(name)).toBeUndefined();
      await store.put(name, token, 1800);
      const taken = await store.take(name);
      expect(taken?.token).toEqual(token);
      expect(taken?.remainingMs).toBeGreaterThan(0);
      expect(taken?.remainingMs).toBeLessThanOrEqual(1_800_000);
      expect(await store.take(name)).toBeUndefined();
    });

    // Threat: one reset link used many times in parallel sets many passwords.
    test("gives a token to one of 50 parallel takers, over three instances", async () => {
      const stores = await Promise.all([1, 2, 3].map(() => open()));
      const name = freshName();
      await stores[0]?.put(name, tokenOf(), 1800);
      const taken = await Promise.all(Array.from({ length: 50 }, (_, index) => stores[index % 3]?.take(name)));
      expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    });

    // Threat: an older mail, read later by someone else, still works.
    test("replaces older tokens of the same purpose and user, and no others", async () => {
      const store = await open();
      const userId = freshName();
      const names = Array.from({ length: 5 }, freshName) as [string, string, string, string, string];
      await store.put(names[0], tokenOf(userId), 1800);
      await store.put(names[1], tokenOf(userId, "verify-email"), 1800);
      await store.put(names[2], tokenOf(), 1800);
      await store.put(names[3], tokenOf(userId), 1800);
      expect(await store.take(names[0])).toBeUndefined();
      await store.put(names[4], tokenOf(userId), 1800);
      expect(await store.take(names[3])).toBeUndefined();
      for (const index of [1, 2, 4] as const) expect(await store.take(names[index])).toBeDefined();
    });

    test("leaves exactly one good token when 20 are issued in parallel", async () => {
      const stores = await Promise.all([1, 2, 3].map(() => open()));
      const token = tokenOf();
      const names = Array.from({ length: 20 }, freshName);
      await Promise.all(names.map((name, index) => stores[index % 3]?.put(name, token, 1800)));
      const taken = await Promise.all(names.map((name, index) => stores[index % 3]?.take(name)));
      expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    });

    test("takes a token back for the rest of its life", async () => {
      const store = await open();
      const [name, token] = [freshName(), tokenOf()];
      await store.put(name, token, 1800);
      const taken = await store.take(name);
      await store.restore(name, token, taken?.remainingMs ?? 0);
      const again = await store.take(name);
      expect(again?.token).toEqual(token);
      expect(again?.remainingMs).toBeLessThanOrEqual(taken?.remainingMs ?? 0);
      expect(await store.take(name)).toBeUndefined();
    });

    // Threat: a request that fails late brings an older token back to life.
    test("takes none back after a newer one was issued, used or not, nor when its life is over", async () => {
      const store = await open();
      const token = tokenOf();
      const [older, newer] = [freshName(), freshName()];
      await store.put(older, token, 1800);
      const taken = await store.take(older);
      await store.put(newer, token, 1800);
      await store.restore(older, token, taken?.remainingMs ?? 0);
      expect((await harness.stored()).filter(({ key }) => key.includes(`${older}}`))).toEqual([]);
      expect(await store.take(older)).toBeUndefined();
      expect(await store.take(newer)).toBeDefined();
      await store.restore(older, token, taken?.remainingMs ?? 0);
      expect(await store.take(older)).toBeUndefined();
      for (const remainingMs of [0, -2, 0.4]) await store.restore(newer, token, remainingMs);
      expect(await store.take(newer)).toBeUndefined();
    });

    test("forgets a token at the end of its life", async () => {
      const store = await open();
      const [name, token] = [freshName(), tokenOf()];
      await store.put(name, token, 1);
      const stored = async () => (await harness.stored()).some(({ key }) => key.includes(`${name}}:t`));
      expect(await stored()).toBe(true);
      await until(async () => !(await stored()));
      expect(await store.take(name)).toBeUndefined();
    });

    // Threat: whoever reads the store learns who asked for a mail; whoever writes to it moves a token to another name.
    test("stores no address and no user id in clear, nothing for ever, and opens a value only where it was put", async () => {
      const store = await open();
      const [name, other, token] = [freshName(), freshName(), tokenOf("0b0f8a1e-6a3c-4c3e-9b1c-1f2d3e4a5b6c")];
      await store.put(name, token, 1800);
      const stored = await harness.stored();
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      const text = stored.map(({ key, text: value }) => `${key} ${value}`).join("\n");
      for (const raw of ["jane", "example", "0b0f8a1e", "cca_demo"]) expect(text).not.toContain(raw);

      const value = stored.find(({ key }) => key.includes(`${name}}:t`))?.text ?? "";
      const client = (await harness.instance()).connection;
      await client.call((to) => to.set(`hg:{${other}}:t`, value, "EX", 60));
      expect(await store.take(other)).toBeUndefined();
      expect(await (await open("another secret of thirty-two characters")).take(name)).toBeUndefined();
      expect(await store.take(name)).toMatchObject({ token });
    });
  });
}
