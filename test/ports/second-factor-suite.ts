import { describe, expect, test } from "vitest";
import { createRedisEnrolmentStore } from "../../src/adapters/redis/enrolment-store.ts";
import { createRedisUsedCodes } from "../../src/adapters/redis/used-codes.ts";
import { createKeyedHash } from "../../src/adapters/system.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";

const secret = "a secret of at least thirty-two characters";
const hash = createKeyedHash(secret);
const enrolment = { secretBase32: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", wrongCodes: 0 };

/** Pending enrolments and used codes. */
export function secondFactorSuite(engine: string, start: StartEngine): void {
  describe(`the enrolment store on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async () =>
      createRedisEnrolmentStore({ connection: (await harness.instance()).connection, hash, secret });

    test("keeps one enrolment a user until it is taken", async () => {
      const store = await open();
      const user = freshName();
      expect(await store.take(user)).toBeUndefined();
      await store.put(user, { ...enrolment, secretBase32: "OLDER" }, 600);
      await store.put(user, enrolment, 600);
      const taken = await store.take(user);
      expect(taken?.enrolment).toEqual(enrolment);
      expect(taken?.remainingMs).toBeGreaterThan(0);
      expect(taken?.remainingMs).toBeLessThanOrEqual(600_000);
      expect(await store.take(user)).toBeUndefined();
    });

    // Threat: one enrolment confirmed many times in parallel makes many credentials, or gives more tries than it has.
    test("gives an enrolment to one of 50 parallel takers, over three instances", async () => {
      const stores = await Promise.all([1, 2, 3].map(open));
      const user = freshName();
      await stores[0]?.put(user, enrolment, 600);
      const taken = await Promise.all(Array.from({ length: 50 }, (_, index) => stores[index % 3]?.take(user)));
      expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    });

    // Threat: putting an enrolment back over a newer one makes the user confirm a secret that their app does not hold.
    test("takes one back for the rest of its life, never over a newer one or after its end", async () => {
      const store = await open();
      const user = freshName();
      await store.put(user, enrolment, 600);
      const taken = await store.take(user);
      await store.restore(user, { ...enrolment, wrongCodes: 1 }, taken?.remainingMs ?? 0);
      const again = await store.take(user);
      expect(again).toMatchObject({ enrolment: { wrongCodes: 1 } });
      expect(again?.remainingMs).toBeLessThanOrEqual(taken?.remainingMs ?? 0);

      await store.put(user, { ...enrolment, secretBase32: "NEWER" }, 600);
      await store.restore(user, enrolment, 600_000);
      expect(await store.take(user)).toMatchObject({ enrolment: { secretBase32: "NEWER" } });
      for (const remainingMs of [0, -2, 0.4]) await store.restore(user, enrolment, remainingMs);
      expect(await store.take(user)).toBeUndefined();
    });

    test("forgets an enrolment at the end of its life", async () => {
      const store = await open();
      const user = freshName();
      await store.put(user, enrolment, 1);
      const stored = async () => (await harness.stored()).some(({ key }) => key.includes(hash("enrolment", user)));
      expect(await stored()).toBe(true);
      await until(async () => !(await stored()));
      expect(await store.take(user)).toBeUndefined();
    });

    // Threat: whoever reads the store has the second factor of everyone who is enrolling.
    test("stores no secret and no user id in clear, and nothing for ever", async () => {
      const store = await open();
      const user = freshName();
      await store.put(user, enrolment, 600);
      const stored = await harness.stored();
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      const text = stored.map(({ key, text: value }) => `${key} ${value}`).join("\n");
      expect(text).toContain(hash("enrolment", user));
      for (const raw of [user, enrolment.secretBase32, "secretBase32"]) expect(text).not.toContain(raw);
      const another = createRedisEnrolmentStore({
        connection: (await harness.instance()).connection,
        hash,
        secret: "another secret of thirty-two characters",
      });
      expect(await another.take(user)).toBeUndefined();
    });
  });

  describe(`the used codes on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async () => createRedisUsedCodes({ connection: (await harness.instance()).connection, hash });

    // Threat: a code that was read over a shoulder works a second time, in parallel or a moment later.
    test("let a code be used once, by one of 50 in parallel over three instances", async () => {
      const all = await Promise.all([1, 2, 3].map(open));
      const subject = freshName();
      expect(await all[0]?.isUsed(subject, "123456")).toBe(false);
      const used = await Promise.all(
        Array.from({ length: 50 }, (_, index) => all[index % 3]?.use(subject, "123456", 90)),
      );
      expect(used.filter((first) => first)).toHaveLength(1);
      expect(await all[1]?.isUsed(subject, "123456")).toBe(true);
      expect(await all[1]?.use(subject, "123456", 90)).toBe(false);
    });

    test("tell codes and subjects apart, and forget them in time", async () => {
      const codes = await open();
      const subject = freshName();
      expect(await codes.use(subject, "123456", 1)).toBe(true);
      expect(await codes.use(subject, "654321", 90)).toBe(true);
      expect(await codes.use(`${subject}1`, "23456", 90)).toBe(true);
      expect(await codes.use(freshName(), "123456", 90)).toBe(true);
      await until(async () => !(await codes.isUsed(subject, "123456")));
      expect(await codes.use(subject, "123456", 90)).toBe(true);
    });

    test("store neither code nor subject, and nothing for ever", async () => {
      const codes = await open();
      const subject = freshName();
      await codes.use(subject, "918273", 90);
      const stored = await harness.stored();
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      const text = stored.map(({ key, text: value }) => `${key} ${value}`).join("\n");
      for (const raw of [subject, "918273"]) expect(text).not.toContain(raw);
    });
  });
}
