import { describe, expect, test } from "vitest";
import type { RedisAdmission } from "../../src/adapters/redis/admission.ts";
import { realRedis, redisCluster } from "./engines.ts";
import { freshFlight, freshName, type Harness, passwordBudget, slowBucket, ticketOf, useEngine } from "./harness.ts";

/** Scripts that the servers have run since their statistics were reset. */
async function scriptsRun(store: Harness): Promise<number> {
  let calls = 0;
  for (const node of store.nodes()) {
    const statistics = await node.info("commandstats");
    for (const [, count] of statistics.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)) calls += Number(count);
  }
  return calls;
}

async function lead(admission: RedisAdmission) {
  const entry = await admission.enterFlight(freshFlight(), []);
  if (entry.kind !== "admitted") throw new Error(entry.kind);
  return entry;
}

/**
 * What a login's decision costs: client, address and account bucket, lock and gate; then its verdict. And a refresh's: the
 * flight; then what is left, with the look at the endings of its user's sessions.
 */
async function scriptCallsOf(store: Harness) {
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
    await admission.settleFlight((await lead(admission)).ticket);
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

  let flight = await lead(admission);
  const enterFlight = await count(async () => {
    flight = await lead(admission);
  });
  const settleFlight = await count(() => admission.settleFlight(flight.ticket, { value: "v", ttlSeconds: 10 }));
  return { enter, settle, handover, enterFlight, settleFlight };
}

describe("round trips of a login's decision and of a refresh's", () => {
  describe("on Redis", () => {
    const store = useEngine(realRedis);
    test("one to enter, one to settle, none to be handed the gate", async () => {
      expect(await scriptCallsOf(store)).toEqual({ enter: 1, settle: 1, handover: 1, enterFlight: 1, settleFlight: 1 });
    });
  });

  describe("on a cluster", () => {
    const store = useEngine(redisCluster);
    test("one a slot, in parallel, to enter; the account's bucket lies in its gate's slot", async () => {
      expect(await scriptCallsOf(store)).toEqual({ enter: 3, settle: 1, handover: 1, enterFlight: 1, settleFlight: 1 });
    });
  });
});
