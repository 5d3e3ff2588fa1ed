import { describe, expect, test } from "vitest";
import type { AttemptBudget, AttemptResult } from "../../src/domain/ports/admission.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, type Instance, mfaBudget, passwordBudget, ticketOf, useEngine } from "./harness.ts";

/** Makes one attempt and ends it; the kind of the entry, with what the settlement said. */
export async function attempt(
  { admission }: Pick<Instance, "admission">,
  account: string,
  result: AttemptResult,
  budget: AttemptBudget = passwordBudget,
) {
  const entry = await admission.enterAccount({ account, attempt: budget }, []);
  if (entry.kind !== "admitted") return { kind: entry.kind, locked: undefined, consecutiveReturns: undefined };
  return { kind: entry.kind, ...(await admission.settleAccount(entry.ticket, result, budget)) };
}

/** Counts, lock and the word on older challenges. */
export function lockoutSuite(engine: string, start: StartEngine): void {
  describe(`the lockout on ${engine}`, () => {
    const store = useEngine(start);

    // Threat: parallel guesses exceed the limit (Keycloak CVE-2024-4629, Zitadel GHSA-7h8m-vrxx-vr4m).
    test("lets exactly as many of 200 parallel wrong attempts through as the budget has, over three instances", async () => {
      const instances = await Promise.all([1, 2, 3].map(() => store.instance({ queueLimit: 200, waitMs: 50_000 })));
      const account = freshName();
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, index) => attempt(instances[index % 3] as Instance, account, "failed")),
      );
      expect(outcomes.filter(({ kind }) => kind === "admitted")).toHaveLength(5);
      expect(outcomes.filter(({ kind }) => kind === "locked")).toHaveLength(195);
      expect(outcomes.filter(({ locked }) => locked)).toHaveLength(1);
      expect(await instances[0]?.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 5 });
    });

    test("counts an attempt when it is admitted and treats it by its result", async () => {
      const one = await store.instance();
      const account = freshName();
      const counts = async () => {
        const { passwordAttempts, mfaAttempts } = await one.admission.lockoutState(account);
        return [passwordAttempts, mfaAttempts];
      };
      const inFlight = ticketOf(await one.admission.enterAccount({ account, attempt: passwordBudget }, []));
      expect(await counts()).toEqual([1, 0]);
      await one.admission.settleAccount(inFlight, "failed", passwordBudget);
      expect(await counts()).toEqual([1, 0]);
      await attempt(one, account, "unknown");
      expect(await counts()).toEqual([2, 0]);
      await attempt(one, account, "unknown", mfaBudget);
      expect(await counts()).toEqual([2, 1]);
      await attempt(one, account, "returned");
      expect(await counts()).toEqual([2, 1]);
      await attempt(one, account, "complete", mfaBudget);
      expect(await counts()).toEqual([0, 0]);
    });

    test("tells how many attempts in a row ended as returned", async () => {
      const one = await store.instance();
      const account = freshName();
      const returns: (number | undefined)[] = [];
      for (const result of ["returned", "failed", "returned", "complete", "returned"] as const)
        returns.push((await attempt(one, account, result)).consecutiveReturns);
      expect(returns).toEqual([1, 1, 2, 0, 1]);
    });

    test("does nothing for the second settlement of a ticket", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const ticket = ticketOf(await admission.enterAccount({ account, attempt: passwordBudget }, []));
      await admission.settleAccount(ticket, "failed", passwordBudget);
      await admission.settleAccount(ticket, "returned", passwordBudget);
      await admission.settleAccount(ticket, "complete", passwordBudget);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
    });

    // Threat: a crash or a fault in the middle of a check wins another guess.
    test("locks when the budget was used up by attempts without a verdict", async () => {
      const one = await store.instance({ leaseMs: 50 });
      const account = freshName();
      const budget = { ...passwordBudget, maxAttempts: 3 };
      await attempt(one, account, "unknown", budget);
      await attempt(one, account, "unknown", budget);
      await one.admission.enterAccount({ account, attempt: budget }, []);
      expect(await one.admission.lockoutState(account)).toMatchObject({ lockedUntil: undefined, passwordAttempts: 3 });
      expect(await one.admission.enterAccount({ account, attempt: budget }, [])).toEqual({
        kind: "locked",
        retryAfterSeconds: 600,
        buckets: [],
      });
      expect((await one.admission.lockoutState(account)).lockRemainingMs).toBeGreaterThan(0);
    });

    test("ends a lock by itself, and both counts with it", async () => {
      const one = await store.instance();
      const account = freshName();
      const brief = { maxAttempts: 2, lockSeconds: 1 };
      await attempt(one, account, "failed", { counter: "mfa", maxAttempts: 9, lockSeconds: 600 });
      await attempt(one, account, "failed", { counter: "password", ...brief });
      expect(await attempt(one, account, "failed", { counter: "password", ...brief })).toMatchObject({ locked: true });
      const state = await one.admission.lockoutState(account);
      expect(state.lockedUntil).toBeTypeOf("number");
      expect(state.lockRemainingMs).toBeLessThanOrEqual(1000);
      expect(await attempt(one, account, "failed", mfaBudget)).toMatchObject({ kind: "locked" });
      await until(async () => (await one.admission.lockoutState(account)).lockedUntil === undefined);
      expect(await one.admission.lockoutState(account)).toEqual({
        lockedUntil: undefined,
        lockRemainingMs: 0,
        passwordAttempts: 0,
        mfaAttempts: 0,
      });
      expect(await attempt(one, account, "failed", { counter: "password", ...brief })).toMatchObject({
        kind: "admitted",
        locked: false,
      });
    });

    test("forgets a count some time after its last attempt; an attempt given back does not prolong it", async () => {
      const one = await store.instance();
      const account = freshName();
      const budget = { ...passwordBudget, lockSeconds: 1 };
      await attempt(one, account, "failed", budget);
      const long = { ...budget, lockSeconds: 600 };
      await attempt(one, account, "returned", long);
      expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
      await until(async () => (await one.admission.lockoutState(account)).passwordAttempts === 0);
    });

    // Threat: a slow check outlives its own count and is a free guess.
    test("counts a wrong attempt whose count ran out while it was on its way", async () => {
      const one = await store.instance();
      const account = freshName();
      const budget = { ...passwordBudget, lockSeconds: 1 };
      const ticket = ticketOf(await one.admission.enterAccount({ account, attempt: budget }, []));
      await until(async () => (await one.admission.lockoutState(account)).passwordAttempts === 0);
      await one.admission.settleAccount(ticket, "failed", budget);
      expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
    });

    // Threat: the second factor is guessed without end, a password login at a time (Zitadel CVE-2025-64102).
    test("keeps the budgets apart; either locks the whole account", async () => {
      const one = await store.instance();
      const account = freshName();
      await attempt(one, account, "failed", mfaBudget);
      await attempt(one, account, "failed", mfaBudget);
      await attempt(one, account, "returned");
      expect(await attempt(one, account, "failed", mfaBudget)).toMatchObject({ locked: true });
      expect(await attempt(one, account, "complete")).toMatchObject({ kind: "locked" });
      expect(await attempt(one, account, "complete", mfaBudget)).toMatchObject({ kind: "locked" });
    });

    test("tells those who wait that the account is locked now", async () => {
      const one = await store.instance();
      const account = freshName();
      const budget = { ...passwordBudget, maxAttempts: 1 };
      const holder = ticketOf(await one.admission.enterAccount({ account, attempt: budget }, []));
      const waiting = [1, 2, 3].map(() => one.admission.enterAccount({ account, attempt: budget }, []));
      await store.untilWaiting(account, 3);
      await one.admission.settleAccount(holder, "failed", budget);
      for (const entry of await Promise.all(waiting))
        expect(entry).toMatchObject({ kind: "locked", retryAfterSeconds: 600 });
    });

    // Threat: a challenge from before a lock gives tokens after it.
    test("refuses entries that began before the account was locked, also after an unlock", async () => {
      const one = await store.instance();
      const account = freshName();
      const once = { ...passwordBudget, maxAttempts: 1 };
      const before = await one.admission.enterAccount({ account, attempt: once }, []);
      await one.admission.settleAccount(ticketOf(before), "failed", once);
      await one.admission.unlock(account);
      const since = before.kind === "admitted" ? before.storeTime : Number.NaN;
      const late = { account, attempt: mfaBudget, notInvalidatedSince: since };
      expect(await one.admission.enterAccount(late, [])).toEqual({ kind: "invalidated", buckets: [] });
      expect(await one.admission.lockoutState(account)).toMatchObject({ mfaAttempts: 0 });

      // What begins in the very millisecond of the lock still counts as before it.
      await until(async () => {
        const now = await one.admission.enterAccount({ account }, []);
        await one.admission.settleAccount(ticketOf(now), "returned");
        const after = { ...late, notInvalidatedSince: now.kind === "admitted" ? now.storeTime : 0 };
        const entry = await one.admission.enterAccount(after, []);
        if (entry.kind === "admitted") await one.admission.settleAccount(entry.ticket, "returned", mfaBudget);
        return entry.kind === "admitted";
      });
    });

    test("refuses a waiter that was revoked while it waited", async () => {
      const one = await store.instance();
      const account = freshName();
      const once = { ...passwordBudget, maxAttempts: 1 };
      const holder = await one.admission.enterAccount({ account, attempt: once }, []);
      const since = holder.kind === "admitted" ? holder.storeTime : Number.NaN;
      const waiting = one.admission.enterAccount({ account, notInvalidatedSince: since }, []);
      await store.untilWaiting(account, 1);
      await one.admission.settleAccount(ticketOf(holder), "failed", once);
      expect(await waiting).toMatchObject({ kind: "invalidated" });
    });

    test("unlock clears counts and lock; an attempt in flight stays counted and its gate shut", async () => {
      const one = await store.instance({ waitMs: 200 });
      const account = freshName();
      for (let wrong = 0; wrong < 5; wrong++) await attempt(one, account, "failed");
      expect(await attempt(one, account, "complete")).toMatchObject({ kind: "locked" });
      await one.admission.unlock(account);
      expect(await one.admission.lockoutState(account)).toEqual({
        lockedUntil: undefined,
        lockRemainingMs: 0,
        passwordAttempts: 0,
        mfaAttempts: 0,
      });
      await attempt(one, account, "failed");
      const inFlight = ticketOf(await one.admission.enterAccount({ account, attempt: passwordBudget }, []));
      await one.admission.unlock(account);
      expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
      expect(await attempt(one, account, "failed")).toMatchObject({ kind: "busy" });
      await one.admission.settleAccount(inFlight, "returned", passwordBudget);
      expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
    });

    test("knows nothing of an account that it has never seen", async () => {
      const { admission } = await store.instance();
      expect(await admission.lockoutState(freshName())).toEqual({
        lockedUntil: undefined,
        lockRemainingMs: 0,
        passwordAttempts: 0,
        mfaAttempts: 0,
      });
      await admission.unlock(freshName());
      expect(await admission.settleAccount({ id: freshName(), key: freshName() }, "complete", passwordBudget)).toEqual({
        locked: false,
        consecutiveReturns: 0,
      });
    });
  });
}
