import { describe, expect, test } from "vitest";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, mfaBudget, passwordBudget, ticketOf, useEngine } from "./harness.ts";
import { attempt } from "./lockout-suite.ts";

const day = 86_400_000;

/**
 * The store's clock is set back: by hand, by a time server after a wrong start, by a failover to a machine that is behind.
 *
 * Threat: what was written before lasts for as long as the clock was wrong, and its owner is locked out.
 */
export function clockSuite(engine: string, start: StartEngine): void {
  describe(`the store's clock set back on ${engine}`, () => {
    const store = useEngine(start);

    test("makes a lock begin again, and no longer", async () => {
      const one = await store.instance();
      const account = freshName();
      const brief = { ...passwordBudget, maxAttempts: 1, lockSeconds: 1 };
      expect(await attempt(one, account, "failed", brief)).toMatchObject({ locked: true });
      await store.setClockBack(account, day);
      expect((await one.admission.lockoutState(account)).lockRemainingMs).toBeLessThanOrEqual(1000);
      expect(await one.admission.enterAccount({ account, attempt: brief }, [])).toMatchObject({
        kind: "locked",
        retryAfterSeconds: 1,
      });
      await until(async () => (await attempt(one, account, "complete", brief)).kind === "admitted");
    });

    test("makes a count begin again with the next attempt", async () => {
      const one = await store.instance();
      const account = freshName();
      const brief = { ...passwordBudget, lockSeconds: 1 };
      await attempt(one, account, "failed", brief);
      await store.setClockBack(account, day);
      await attempt(one, account, "failed", brief);
      expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 2 });
      await until(async () => (await one.admission.lockoutState(account)).passwordAttempts === 0);
    });

    test("hands on the gate of a dead holder when a lease is over, and keeps its attempt counted", async () => {
      const { admission } = await store.instance({ leaseMs: 300 });
      const account = freshName();
      const entry = { account, attempt: passwordBudget };
      const dead = ticketOf(await admission.enterAccount(entry, []));
      await store.setClockBack(account, day);
      const next = await admission.enterAccount(entry, []);
      expect(next).toMatchObject({ kind: "admitted", followsAnother: true });
      await admission.settleAccount(dead, "complete", passwordBudget);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 2 });
    });

    test("leaves the challenges revoked that were open, and lets new ones be", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const openChallenge = async () => {
        const entry = await admission.enterAccount({ account, attempt: passwordBudget }, []);
        await admission.settleAccount(ticketOf(entry), "returned", passwordBudget);
        return entry.kind === "admitted" ? entry.storeTime : Number.NaN;
      };
      const finish = async (notInvalidatedSince: number) => {
        const entry = await admission.enterAccount({ account, attempt: mfaBudget, notInvalidatedSince }, []);
        if (entry.kind === "admitted") await admission.settleAccount(entry.ticket, "returned", mfaBudget);
        return entry.kind;
      };
      const before = await openChallenge();
      await admission.invalidateChallenges(account);
      await store.setClockBack(account, day);
      const after = await openChallenge();
      expect(await finish(before + day)).toBe("invalidated");
      expect(await finish(after)).toBe("admitted");
      // Also when they are revoked only now, on a clock that is behind theirs.
      await admission.invalidateChallenges(account);
      expect(await finish(before + day)).toBe("invalidated");
      expect(await finish(after)).toBe("invalidated");
    });
  });
}
