import { describe, expect, test } from "vitest";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, passwordBudget, slowBucket, ticketOf, useEngine } from "./harness.ts";

/** Rate limits, alone and in one decision with the account's gate. */
export function bucketsSuite(engine: string, start: StartEngine): void {
  describe(`the buckets on ${engine}`, () => {
    const store = useEngine(start);

    test("let through what they hold and say what is left", async () => {
      const { admission } = await store.instance();
      const bucket = slowBucket("client", 3);
      const remaining: number[] = [];
      for (let request = 0; request < 3; request++) {
        const charge = await admission.charge([bucket]);
        expect(charge.kind).toBe("charged");
        remaining.push(...charge.buckets.map((state) => state.remaining));
      }
      expect(remaining).toEqual([2, 1, 0]);
      expect(await admission.charge([bucket])).toEqual({
        kind: "limited",
        policy: "client",
        retryAfterSeconds: 12_000,
        buckets: [{ policy: "client", limit: 3, windowSeconds: 36_000, remaining: 0, resetSeconds: 36_000 }],
      });
      expect(await admission.charge([])).toEqual({ kind: "charged", buckets: [] });
    });

    test.each([1, 7, 999])("hold exactly their limit of %d at one moment", async (limit) => {
      const { admission } = await store.instance();
      const bucket = { ...slowBucket("client", limit), windowSeconds: 86_400 };
      const left: (number | undefined)[] = [];
      for (let sent = 0; sent < limit + 5; sent += 100) {
        const batch = Array.from({ length: Math.min(100, limit + 5 - sent) }, () => admission.charge([bucket]));
        for (const { kind, buckets } of await Promise.all(batch))
          if (kind === "charged") left.push(buckets[0]?.remaining);
      }
      expect(left).toEqual(Array.from({ length: limit }, (_, index) => limit - 1 - index));
    });

    test("never refuse for longer than the policy's window, also after it was made shorter", async () => {
      const { admission } = await store.instance();
      const bucket = slowBucket("client", 1);
      await admission.charge([bucket]);
      const { buckets } = await admission.charge([{ ...bucket, windowSeconds: 60 }]);
      expect(buckets[0]?.resetSeconds).toBe(60);
    });

    // Fault: the store's clock was set back, or a window was made shorter, and a bucket stays empty for as long as the clock
    // was wrong or the old window lasts.
    test("refill within the policy's window, also after it was made shorter", async () => {
      const { admission } = await store.instance();
      const bucket = slowBucket("client", 1);
      await admission.charge([bucket]);
      const charge = async () => (await admission.charge([{ ...bucket, windowSeconds: 1 }])).kind;
      expect(await charge()).toBe("limited");
      await until(async () => (await charge()) === "charged");
    });

    // Threat: requests over several instances in parallel exceed a limit that each instance keeps.
    test("hold their limit over three instances in parallel", async () => {
      const instances = await Promise.all([1, 2, 3].map(() => store.instance()));
      const bucket = slowBucket("address", 20);
      const charges = await Promise.all(
        Array.from({ length: 90 }, (_, index) => instances[index % 3]?.admission.charge([bucket])),
      );
      expect(charges.filter((charge) => charge?.kind === "charged")).toHaveLength(20);
    });

    test("refill evenly", async () => {
      const { admission } = await store.instance();
      const bucket = { ...slowBucket("client", 5), windowSeconds: 1 };
      const charge = async () => (await admission.charge([bucket])).kind;
      await until(async () => (await charge()) === "limited");
      await until(async () => (await charge()) === "charged");
    });

    test("are charged all or none; the first empty one is told", async () => {
      const { admission } = await store.instance();
      const [wide, narrow, narrower] = [slowBucket("client", 9), slowBucket("address", 1), slowBucket("extra", 1)];
      await admission.charge([narrow, narrower]);
      const refused = await admission.charge([wide, narrow, narrower]);
      expect(refused).toMatchObject({ kind: "limited", policy: "address" });
      expect(refused.buckets.map(({ policy, remaining }) => [policy, remaining])).toEqual([
        ["client", 9],
        ["address", 0],
        ["extra", 0],
      ]);
      expect((await admission.charge([wide])).buckets[0]?.remaining).toBe(8);
    });

    test("of an entry are charged with it, in its order", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const own = { ...slowBucket("account", 5, account), afterLock: true };
      const entry = await admission.enterAccount({ account, attempt: passwordBudget }, [
        slowBucket("client", 3),
        own,
        slowBucket("address", 4),
      ]);
      expect(entry.buckets.map(({ policy, remaining }) => [policy, remaining])).toEqual([
        ["client", 2],
        ["account", 4],
        ["address", 3],
      ]);
    });

    // Threat: refused requests use up an account's budget or shut its gate.
    test("when one is empty, leave the gate free and the attempt uncounted", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const entry = { account, attempt: passwordBudget };
      const [client, address] = [slowBucket("client", 9), slowBucket("address", 1)];
      const own = { ...slowBucket("account", 5, account), afterLock: true };
      await admission.charge([address]);
      expect(await admission.enterAccount(entry, [client, address, own])).toMatchObject({
        kind: "limited",
        policy: "address",
        buckets: [{ remaining: 9 }, { remaining: 0 }, { remaining: 5 }],
      });
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
      expect(await admission.enterAccount(entry, [client, own])).toMatchObject({
        kind: "admitted",
        followsAnother: false,
        buckets: [{ remaining: 8 }, { remaining: 4 }],
      });
    });

    test("of the account, when empty, leave the others full", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const own = { ...slowBucket("account", 1, account), afterLock: true };
      const client = slowBucket("client", 9);
      await admission.charge([own]);
      expect(await admission.enterAccount({ account, attempt: passwordBudget }, [client, own])).toMatchObject({
        kind: "limited",
        policy: "account",
        buckets: [{ remaining: 9 }, { remaining: 0 }],
      });
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
    });

    test("are looked at before the lock, except the account's: a locked account is told as locked", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const once = { ...passwordBudget, maxAttempts: 1 };
      const ticket = ticketOf(await admission.enterAccount({ account, attempt: once }, []));
      await admission.settleAccount(ticket, "failed", once);
      const client = slowBucket("client", 1);
      const own = { ...slowBucket("account", 1, account), afterLock: true };
      await admission.charge([own]);
      expect(await admission.enterAccount({ account, attempt: once }, [client, own])).toMatchObject({
        kind: "locked",
        buckets: [
          { policy: "client", remaining: 0 },
          { policy: "account", remaining: 0 },
        ],
      });
      expect(await admission.enterAccount({ account, attempt: once }, [client, own])).toMatchObject({
        kind: "limited",
        policy: "client",
      });
    });

    test("that are empty are told in the request's order, in whatever slot they lie", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const own = { ...slowBucket("account", 1, account), afterLock: true };
      const others = ["client", "address"].map((policy) => slowBucket(policy, 1));
      for (const bucket of [own, ...others]) await admission.charge([bucket]);
      const entry = { account, attempt: passwordBudget };
      expect(await admission.enterAccount(entry, [...others, own])).toMatchObject({ policy: "client" });
      expect(await admission.enterAccount(entry, [...others.toReversed(), own])).toMatchObject({ policy: "address" });
    });

    test("are not filled by a refusal that meets a locked account", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const once = { ...passwordBudget, maxAttempts: 1 };
      const own = { ...slowBucket("account", 5, account), afterLock: true };
      const entry = { account, attempt: once };
      await admission.settleAccount(ticketOf(await admission.enterAccount(entry, [own])), "failed", once);
      const empty = slowBucket("client", 1);
      await admission.charge([empty]);
      expect(await admission.enterAccount(entry, [empty, own])).toMatchObject({
        kind: "limited",
        buckets: [{ remaining: 0 }, { remaining: 4 }],
      });
      expect((await admission.charge([own])).buckets[0]?.remaining).toBe(3);
    });

    test("are charged for a busy answer and once for a wait", async () => {
      const { admission } = await store.instance({ queueLimit: 1 });
      const account = freshName();
      const client = slowBucket("client", 9);
      const holder = ticketOf(await admission.enterAccount({ account }, [client]));
      const waiting = admission.enterAccount({ account }, [client]);
      await store.untilWaiting(account, 1);
      expect(await admission.enterAccount({ account }, [client])).toMatchObject({
        kind: "busy",
        buckets: [{ remaining: 6 }],
      });
      await admission.settleAccount(holder, "complete");
      expect(await waiting).toMatchObject({ kind: "admitted", buckets: [{ remaining: 7 }] });
      expect((await admission.charge([client])).buckets[0]?.remaining).toBe(5);
    });
  });
}
