import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createRedisAdmission } from "../../src/adapters/redis/admission.ts";
import type { RedisConnection } from "../../src/adapters/redis/connect.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { StoreUnavailable } from "../../src/domain/ports/faults.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshFlight, freshName, passwordBudget, slowBucket, ticketOf, useEngine } from "./harness.ts";

/** The account's gate: one at a time, first come first served, and no way for it to stay shut. */
export function gateSuite(engine: string, start: StartEngine): void {
  describe(`the gate on ${engine}`, () => {
    const store = useEngine(start);
    const entryOf = (account: string) => ({ account, attempt: passwordBudget });

    test("lets 40 parallel right attempts of three instances through, never two at once", async () => {
      const instances = await Promise.all([1, 2, 3].map(() => store.instance({ waitMs: 50_000 })));
      const account = freshName();
      let inside = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const { admission } = instances[index % 3] as (typeof instances)[number];
          const ticket = ticketOf(await admission.enterAccount(entryOf(account), []));
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setTimeout(resolve, 2));
          inside -= 1;
          await admission.settleAccount(ticket, "complete", passwordBudget);
        }),
      );
      expect(most).toBe(1);
      expect(await instances[0]?.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
    });

    test("serves those who wait in the order in which they came, over all instances", async () => {
      const instances = await Promise.all([1, 2].map(() => store.instance()));
      const [{ admission }] = instances as [(typeof instances)[0]];
      const account = freshName();
      const first = await admission.enterAccount(entryOf(account), []);
      const served: number[] = [];
      const waiting: Promise<void>[] = [];
      for (let place = 0; place < 6; place++) {
        const own = (instances[place % 2] as (typeof instances)[number]).admission;
        waiting.push(
          own.enterAccount(entryOf(account), []).then(async (entry) => {
            served.push(place);
            await own.settleAccount(ticketOf(entry), "returned", passwordBudget);
          }),
        );
        await store.untilWaiting(account, place + 1);
      }
      await admission.settleAccount(ticketOf(first), "returned", passwordBudget);
      await Promise.all(waiting);
      expect(served).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("tells an entry that comes right after another grant, and one that does not", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const first = await admission.enterAccount(entryOf(account), []);
      expect(first).toMatchObject({ kind: "admitted", followsAnother: false });
      await admission.settleAccount(ticketOf(first), "complete", passwordBudget);
      expect(await admission.enterAccount(entryOf(account), [])).toMatchObject({ followsAnother: true });
    });

    // Threat: a gateway dies with the gate in its hands and shuts the account out for ever, or gets its attempt back.
    test("passes on when the holder's lease is over; its attempt stays counted and its late verdict changes nothing", async () => {
      const { admission } = await store.instance({ leaseMs: 300 });
      const account = freshName();
      const dead = ticketOf(await admission.enterAccount(entryOf(account), []));
      const next = await admission.enterAccount(entryOf(account), []);
      expect(next).toMatchObject({ kind: "admitted", followsAnother: true });
      expect(await admission.settleAccount(dead, "complete", passwordBudget)).toEqual({
        locked: false,
        consecutiveReturns: 0,
      });
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 2 });
      await admission.settleAccount(ticketOf(next), "returned", passwordBudget);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
    });

    // Threat: requests pile up behind one account until the gateway has no memory left.
    test("refuses more waiters than the queue takes, of the store and of the instance", async () => {
      const { admission } = await store.instance({ queueLimit: 2, waitMs: 5_000 });
      const account = freshName();
      const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
      const waiting = [1, 2].map(() => admission.enterAccount(entryOf(account), []));
      await store.untilWaiting(account, 2);
      expect(await admission.enterAccount(entryOf(account), [])).toEqual({
        kind: "busy",
        retryAfterSeconds: 5,
        buckets: [],
      });
      await admission.settleAccount(holder, "complete", passwordBudget);
      for (const entry of waiting) await admission.settleAccount(ticketOf(await entry), "complete", passwordBudget);

      const small = (await store.instance({ maxWaiters: 1 })).admission;
      const again = ticketOf(await small.enterAccount(entryOf(account), []));
      const one = small.enterAccount(entryOf(account), []);
      await store.untilWaiting(account, 1);
      expect(await small.enterAccount(entryOf(account), [])).toMatchObject({ kind: "busy" });
      await small.settleAccount(again, "complete", passwordBudget);
      expect(await one).toMatchObject({ kind: "admitted" });
    });

    // A cluster client sends a command again when it has lost the answer.
    test("takes a call that was sent twice as one", async () => {
      const { admission, connection } = await store.instance();
      const twice: RedisConnection = {
        ...connection,
        run: (...call) => connection.run(...call).then(() => connection.run(...call)),
      };
      const doubled = createRedisAdmission({ connection: twice, random: systemRandom });
      const account = freshName();
      const own = slowBucket("account", 9, account);
      const first = await doubled.enterAccount(entryOf(account), [own]);
      expect(first).toMatchObject({ kind: "admitted", followsAnother: false, buckets: [{ remaining: 8 }] });
      // A charge for it is left, not two: the second time must not be refused, or the entry would stand there for nobody.
      const last = slowBucket("last", 1, account);
      const second = doubled.enterAccount(entryOf(account), [last]);
      await store.untilWaiting(account, 1);
      expect(await doubled.settleAccount(ticketOf(first), "failed", passwordBudget)).toMatchObject({ locked: false });
      expect(await second).toMatchObject({ kind: "admitted", buckets: [{ remaining: 0 }] });
      await doubled.settleAccount(ticketOf(await second), "returned", passwordBudget);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });

      const flight = freshFlight();
      const lead = await doubled.enterFlight(flight, [slowBucket("client", 9, flight.user)]);
      expect(lead).toMatchObject({ kind: "admitted", buckets: [{ remaining: 8 }] });
      const follower = doubled.enterFlight(flight, [slowBucket("last", 1, flight.user)]);
      await store.untilFlightWaits(flight);
      expect(await store.waitingForFlight(flight)).toBe(1);
      if (lead.kind === "admitted") await doubled.settleFlight(lead.ticket);
      expect(await follower).toMatchObject({ kind: "admitted", buckets: [{ remaining: 0 }] });

      // The owner is told of the lock only by whoever hears that it was set.
      const once = { ...passwordBudget, maxAttempts: 1 };
      const other = freshName();
      const failing = ticketOf(await doubled.enterAccount({ account: other, attempt: once }, []));
      expect(await doubled.settleAccount(failing, "failed", once)).toMatchObject({ locked: true });
      await doubled.close();
    });

    test("ends a wait that takes too long and leaves nothing of it behind", async () => {
      const { admission } = await store.instance({ waitMs: 200 });
      const account = freshName();
      const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
      expect(await admission.enterAccount(entryOf(account), [])).toMatchObject({ kind: "busy", retryAfterSeconds: 1 });
      expect(await store.waiting(account)).toBe(0);
      await admission.settleAccount(holder, "returned", passwordBudget);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
      expect(await admission.enterAccount(entryOf(account), [])).toMatchObject({ kind: "admitted" });
    });

    test("forgets a waiter that is aborted", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const gone = new Error("the caller hung up");
      await expect(admission.enterAccount(entryOf(account), [], AbortSignal.abort(gone))).rejects.toBe(gone);
      const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
      const caller = new AbortController();
      const waiting = admission.enterAccount(entryOf(account), [], caller.signal);
      await store.untilWaiting(account, 1);
      caller.abort(gone);
      await expect(waiting).rejects.toBe(gone);
      expect(await store.waiting(account)).toBe(0);
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
      await admission.settleAccount(holder, "complete", passwordBudget);
    });

    test("takes an entry back that was granted to a caller which had just hung up", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const caller = new AbortController();
      const asking = admission.enterAccount(entryOf(account), [], caller.signal);
      caller.abort();
      await expect(asking).rejects.toThrow("aborted");
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
      expect(await admission.enterAccount(entryOf(account), [])).toMatchObject({ followsAnother: false });
    });

    // Threat: aborting at the moment of the handover leaves the gate shut and uses up the budget.
    test("gets back a slot that was handed to a waiter which had just been aborted", async () => {
      const { admission } = await store.instance();
      const deaf = await store.instance();
      deaf.connection.subscriber.close();
      const account = freshName();
      const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
      const caller = new AbortController();
      const aborted = deaf.admission.enterAccount(entryOf(account), [], caller.signal);
      await store.untilWaiting(account, 1);
      const next = admission.enterAccount(entryOf(account), []);
      await store.untilWaiting(account, 2);
      await admission.settleAccount(holder, "returned", passwordBudget);
      expect(await store.waiting(account)).toBe(1);
      caller.abort();
      await expect(aborted).rejects.toThrow("aborted");
      expect(await store.waiting(account)).toBe(0);
      expect(await next).toMatchObject({ kind: "admitted", followsAnother: true });
      expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
    });

    test("serves a waiter that does not hear of its turn", async () => {
      const { admission } = await store.instance();
      const deaf = await store.instance();
      deaf.connection.subscriber.close();
      const account = freshName();
      const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
      const waiting = deaf.admission.enterAccount(entryOf(account), []);
      await store.untilWaiting(account, 1);
      await admission.settleAccount(holder, "returned", passwordBudget);
      expect(await waiting).toMatchObject({ kind: "admitted", followsAnother: true });
    });

    // Threat: a gateway dies while its requests wait; the slot goes to the dead, or their places stay taken.
    test.each([1, 2])(
      "passes over the waiters of a dead instance, with room for %d in the queue",
      async (queueLimit) => {
        const { admission } = await store.instance({ queueLimit });
        const dead = await store.instance({ waitMs: 150 });
        const account = freshName();
        const holder = ticketOf(await admission.enterAccount(entryOf(account), []));
        const lost = Promise.allSettled([dead.admission.enterAccount(entryOf(account), [])]);
        await store.untilWaiting(account, 1);
        await dead.connection.close();
        await lost;
        // Until the dead one's time to wait is over, it may still come back.
        await sleep(200);
        await store.untilWaiting(account, 1);
        const waiting = admission.enterAccount(entryOf(account), []);
        await store.untilWaiting(account, queueLimit);
        expect((await store.stored()).filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
        await admission.settleAccount(holder, "returned", passwordBudget);
        expect(await waiting).toMatchObject({ kind: "admitted" });
        expect(await admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
      },
    );

    test("ends every wait at shutdown and takes no more entries", async () => {
      const { admission } = await store.instance();
      const closing = await store.instance();
      const account = freshName();
      await admission.enterAccount(entryOf(account), []);
      const waiting = closing.admission.enterAccount(entryOf(account), []);
      const ended = expect(waiting).rejects.toBeInstanceOf(StoreUnavailable);
      await store.untilWaiting(account, 1);
      await closing.admission.close();
      await ended;
      expect(await store.waiting(account)).toBe(0);
      await expect(closing.admission.enterAccount(entryOf(account), [])).rejects.toBeInstanceOf(StoreUnavailable);
    });

    test("is no lock for an entry without an attempt, which neither counts nor looks", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      const once = { ...passwordBudget, maxAttempts: 1 };
      const entry = await admission.enterAccount({ account, attempt: once }, []);
      expect(await admission.settleAccount(ticketOf(entry), "failed", once)).toMatchObject({ locked: true });
      expect(await admission.enterAccount({ account, attempt: once }, [])).toMatchObject({ kind: "locked" });
      const free = ticketOf(await admission.enterAccount({ account }, []));
      await admission.settleAccount(free, "complete");
      expect(await admission.enterAccount({ account, attempt: once }, [])).toMatchObject({ kind: "locked" });
    });

    test("forgets an account that has nothing to remember", async () => {
      const { admission } = await store.instance();
      const account = freshName();
      await admission.settleAccount(
        ticketOf(await admission.enterAccount(entryOf(account), [])),
        "complete",
        passwordBudget,
      );
      await until(async () => (await store.stored()).every(({ key }) => !key.includes(account)));
    });
  });
}
