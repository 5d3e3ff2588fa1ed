import { describe, expect, test } from "vitest";
import { realRedis, redisCluster } from "./engines.ts";
import { freshName, type Harness, passwordBudget, slowBucket, ticketOf, useEngine } from "./harness.ts";

/** Scripts that the servers have run since their statistics were reset. */
async function scriptsRun(store: Harness): Promise<number> {
  let calls = 0;
  for (const node of store.nodes()) {
    const statistics = await node.info("commandstats");
    for (const [, count] of statistics.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)) calls += Number(count);
  }
  return calls;
}

/** What a login's decision costs: client, address and account bucket, lock and gate; then its verdict. */
async function scriptCallsOf(store: Harness): Promise<{ enter: number; settle: number; handover: number }> {
  const { admission } = await store.instance();
  const account = freshName();
  const buckets = [slowBucket("client", 99), slowBucket("address", 99), slowBucket("account", 99, account)];
  const entry = { account, attempt: passwordBudget };
  const count = async (work: () => Promise<unknown>) => {
    await Promise.all(store.nodes().map((node) => node.config("RESETSTAT")));
    await work();
    return scriptsRun(store);
  };
  // The servers learn the scripts first.
  for (let round = 0; round < 40; round++) {
    const warm = [slowBucket("client", 9), slowBucket("address", 9)];
    const ticket = ticketOf(await admission.enterAccount({ account: freshName() }, warm));
    await admission.settleAccount(ticket, "returned");
  }

  let ticket = { id: "", key: "" };
  const enter = await count(async () => {
    ticket = ticketOf(await admission.enterAccount(entry, buckets));
  });
  const waiting = admission.enterAccount(entry, []);
  await store.untilWaiting(account, 1);
  const handover = await count(async () => {
    await admission.settleAccount(ticket, "returned", passwordBudget);
    ticket = ticketOf(await waiting);
  });
  const settle = await count(() => admission.settleAccount(ticket, "complete", passwordBudget));
  return { enter, settle, handover };
}

describe("round trips of a login's decision", () => {
  describe("on Redis", () => {
    const store = useEngine(realRedis);
    test("one to enter, one to settle, none to be handed the gate", async () => {
      expect(await scriptCallsOf(store)).toEqual({ enter: 1, settle: 1, handover: 1 });
    });
  });

  describe("on a cluster", () => {
    const store = useEngine(redisCluster);
    test("one a slot, in parallel, to enter; the account's bucket lies in its gate's slot", async () => {
      expect(await scriptCallsOf(store)).toEqual({ enter: 3, settle: 1, handover: 1 });
    });
  });
});
