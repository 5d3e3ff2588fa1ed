import { describe, expect, test } from "vitest";
import type { StartEngine } from "./engines.ts";
import { freshName, mfaBudget, passwordBudget, ticketOf, useEngine } from "./harness.ts";

/** Challenges that were revoked. */
export function invalidationSuite(engine: string, start: StartEngine): void {
  describe(`revoked challenges on ${engine}`, () => {
    const harness = useEngine(start);

    // Threat: whoever knew the old password finishes, after the reset, the login that was begun with it.
    test("are refused from then on at every instance, later ones are not", async () => {
      const [{ admission }, other] = [await harness.instance(), await harness.instance()];
      const account = freshName();
      const first = await admission.enterAccount({ account, attempt: passwordBudget }, []);
      await admission.settleAccount(ticketOf(first), "returned", passwordBudget);
      const before = first.kind === "admitted" ? first.storeTime : 0;
      const entry = { account, attempt: mfaBudget, notInvalidatedSince: before };
      const open = await other.admission.enterAccount(entry, []);
      await other.admission.settleAccount(ticketOf(open), "returned", mfaBudget);

      await admission.invalidateChallenges(account);
      expect(await other.admission.enterAccount(entry, [])).toMatchObject({ kind: "invalidated" });
      const { storeTime } = (await admission.enterAccount({ account }, [])) as { storeTime: number };
      expect(storeTime).toBeGreaterThanOrEqual(before);
      const state = await admission.lockoutState(account);
      expect(state).toMatchObject({ lockedUntil: undefined, passwordAttempts: 0, mfaAttempts: 0 });
      const keys = (await harness.stored()).filter(({ key }) => key.includes(account));
      expect(keys.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
    });

    test("include an entry that waited at the gate when they were revoked; the holder keeps it", async () => {
      const { admission } = await harness.instance();
      const account = freshName();
      const holder = await admission.enterAccount({ account }, []);
      const since = holder.kind === "admitted" ? holder.storeTime : 0;
      const waiting = admission.enterAccount({ account, attempt: mfaBudget, notInvalidatedSince: since }, []);
      await harness.untilWaiting(account, 1);
      await admission.invalidateChallenges(account);
      await admission.settleAccount(ticketOf(holder), "complete");
      expect(await waiting).toMatchObject({ kind: "invalidated" });
    });

    test("leave counts, lock and other accounts as they are", async () => {
      const { admission } = await harness.instance();
      const [account, other] = [freshName(), freshName()];
      const attempt = { ...passwordBudget, maxAttempts: 1 };
      const failed = await admission.enterAccount({ account, attempt }, []);
      await admission.settleAccount(ticketOf(failed), "failed", attempt);
      const before = await admission.lockoutState(account);
      await admission.invalidateChallenges(account);
      expect(await admission.lockoutState(account)).toMatchObject({ lockedUntil: before.lockedUntil });
      await admission.unlock(account);
      expect(await admission.enterAccount({ account, notInvalidatedSince: 1 }, [])).toMatchObject({
        kind: "invalidated",
      });
      expect(await admission.enterAccount({ account: other, notInvalidatedSince: 1 }, [])).toMatchObject({
        kind: "admitted",
      });
    });
  });
}
