import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRedisChallengeStore } from "../../src/adapters/redis/challenge-store.ts";
import { createRedisEndingMarks } from "../../src/adapters/redis/ending-marks.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import type { AttemptResult } from "../../src/domain/ports/admission.ts";
import { challenge } from "./challenge-suite.ts";
import type { StartEngine } from "./engines.ts";
import { freshFlight, freshName, mfaBudget, passwordBudget, slowBucket, useEngine } from "./harness.ts";

const results = fc.constantFrom<AttemptResult | "unsettled">("complete", "returned", "failed", "unknown", "unsettled");

/** What lies in the store: nothing for ever, and no raw input. */
export function hygieneSuite(engine: string, start: StartEngine): void {
  describe(`the data on ${engine}`, () => {
    const store = useEngine(start);

    // Threat: the store fills up with what attackers make it remember.
    test("has a time to live on every key after any sequence of calls", async () => {
      const { admission, connection } = await store.instance({ leaseMs: 40, waitMs: 60, queueLimit: 1 });
      const challenges = createRedisChallengeStore({ connection, secret: "s".repeat(32) });
      const marks = createRedisEndingMarks({ connection, random: systemRandom, keepMs: 60_000 });
      const accounts = [freshName(), freshName()];
      const flight = freshFlight();
      const call = fc.tuple(fc.nat(6), fc.nat(1), results, fc.boolean());
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 5, maxLength: 15 }), async (calls) => {
          await Promise.all(
            calls.map(async ([kind, which, result, password]) => {
              const account = accounts[which] as string;
              const buckets = [slowBucket("client", 1000, "cca_demo"), slowBucket("account", 5000, account)];
              const budget = password ? passwordBudget : mfaBudget;
              if (kind === 0) await admission.unlock(account);
              else if (kind === 1) await admission.charge(buckets);
              else if (kind === 2) {
                await challenges.put(account, challenge, 60);
                const taken = await challenges.take(account);
                if (taken) await challenges.restore(account, taken.challenge, taken.remainingMs);
              } else if (kind === 3) {
                const entry = await admission.enterFlight(flight, buckets);
                if (entry.kind === "admitted" && result !== "unsettled")
                  await admission.settleFlight(entry.ticket, password ? { value: "v", ttlSeconds: 1 } : undefined);
              } else if (kind === 4) {
                const mark = await marks.begin(flight.user);
                if (password) await marks.finish(mark);
              } else {
                const entry = await admission.enterAccount({ account, attempt: budget }, buckets);
                if (entry.kind === "admitted" && result !== "unsettled")
                  await admission.settleAccount(entry.ticket, result, budget);
              }
            }),
          );
        }),
        { numRuns: 15 },
      );
      const stored = await store.stored();
      expect(stored.length).toBeGreaterThan(4);
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      expect(
        stored.filter(({ key }) => !/^hg:\{[A-Za-z0-9_.:-]+\}:(b:[a-z]+|a|fv?:[A-Za-z0-9_-]+|se|m|p)$/.test(key)),
      ).toEqual([]);
    });

    // Threat: whoever reads the store learns who logs in.
    test("never has raw input in a key: what is no hash and no client id is refused", async () => {
      const { admission, connection } = await store.instance();
      const marks = createRedisEndingMarks({ connection, random: systemRandom, keepMs: 60_000 });
      for (const raw of ["jane@example.com", "", "a}b", "a b", "x".repeat(201), "\u00e4"]) {
        await expect(admission.enterAccount({ account: raw }, [])).rejects.toBeInstanceOf(TypeError);
        await expect(admission.enterFlight({ user: raw, flight: "flight" }, [])).rejects.toBeInstanceOf(TypeError);
        await expect(admission.enterFlight({ user: "user", flight: raw }, [])).rejects.toBeInstanceOf(TypeError);
        await expect(marks.begin(raw)).rejects.toBeInstanceOf(TypeError);
        await expect(admission.charge([slowBucket("client", 1, raw)])).rejects.toBeInstanceOf(TypeError);
      }
      expect((await store.stored()).filter(({ key }) => key.includes("jane"))).toEqual([]);
    });
  });
}
