import { describe, expect, test } from "vitest";
import type { RedisConnection } from "../../src/adapters/redis/connect.ts";
import { createRedisEndingMarks } from "../../src/adapters/redis/ending-marks.ts";
import { keys } from "../../src/adapters/redis/keys.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshFlight, freshName, type Instance, slowBucket, useEngine } from "./harness.ts";

const keepMs = 60_000;

/** The marks of endings, and what flights of their user see of them. */
export function endingMarksSuite(engine: string, start: StartEngine): void {
  describe(`the marks of endings on ${engine}`, () => {
    const store = useEngine(start);

    const marksOf = ({ connection }: { connection: RedisConnection }, kept = keepMs) =>
      createRedisEndingMarks({ connection, random: systemRandom, keepMs: kept });

    async function lead({ admission }: Instance, flight = freshFlight()) {
      const entry = await admission.enterFlight(flight, []);
      if (entry.kind !== "admitted") throw new Error(`Does not lead: ${entry.kind}`);
      return entry.ticket;
    }

    test("are seen by every instance: under way until all endings are over, and over from then on", async () => {
      const [one, two] = [marksOf(await store.instance()), marksOf(await store.instance())];
      const user = freshName();
      expect(await two.look(user)).toBe("none");
      const [first, second] = [await one.begin(user), await two.begin(user)];
      expect(await two.look(user)).toBe("underWay");
      await one.finish(first);
      expect(await one.look(user)).toBe("underWay");
      await two.finish(second);
      expect(await one.look(user)).toBe("over");
      expect(await one.look(freshName())).toBe("none");
      const third = await one.begin(user);
      expect(await two.look(user)).toBe("underWay");
      await one.finish(third);
      expect(await two.look(user)).toBe("over");
    });

    test("end by themselves, also those of endings that were cut off", async () => {
      const marks = marksOf(await store.instance(), 300);
      const [cutOff, finished] = [freshName(), freshName()];
      await marks.begin(cutOff);
      await marks.finish(await marks.begin(finished));
      for (const user of [cutOff, finished]) await until(async () => (await marks.look(user)) === "none");
    });

    // Threat: whoever has others begun keeps the mark of one that was cut off, and every refresh of the user waits for it.
    test("of an ending that was cut off end also while others come", async () => {
      const marks = marksOf(await store.instance(), 400);
      const user = freshName();
      await marks.begin(user);
      const others = setInterval(() => void marks.begin(user).then(marks.finish), 50);
      try {
        expect(await marks.look(user)).toBe("underWay");
        await until(async () => (await marks.look(user)) === "over");
      } finally {
        clearInterval(others);
      }
      await until(async () => (await marks.look(user)) === "none");
    });

    test("stay for their time from the end of the ending on, also when they were lost meanwhile", async () => {
      const one = await store.instance();
      const user = freshName();
      const ttlMs = async () => (await store.stored()).find(({ key }) => key === keys.endings(user))?.ttlMs ?? 0;
      const mark = await marksOf(one, 1_000).begin(user);
      expect(await ttlMs()).toBeLessThanOrEqual(1_000);
      await marksOf(one).finish(mark);
      expect(await ttlMs()).toBeGreaterThan(keepMs - 10_000);
      await one.connection.call((client) => client.del(keys.endings(user)));
      await marksOf(one).finish(mark);
      expect(await marksOf(one).look(user)).toBe("over");
      expect(await ttlMs()).toBeGreaterThan(keepMs - 10_000);
    });

    // A cluster client sends a command again when it has lost the answer.
    test("take a call that was sent twice as one", async () => {
      const { connection } = await store.instance();
      const twice = { ...connection, run: (...call: Parameters<typeof connection.run>) => again(call) };
      const again = (call: Parameters<typeof connection.run>) =>
        connection.run(...call).then(() => connection.run(...call));
      const marks = marksOf({ connection: twice });
      const user = freshName();
      const mark = await marks.begin(user);
      expect(await marks.look(user)).toBe("underWay");
      await marks.finish(mark);
      expect(await marks.look(user)).toBe("over");
    });

    // Threat: a refresh beside the end of its session brings the session back, and nobody looks.
    test("are told to whoever settles a flight of the user, with and without a value, and to no other", async () => {
      const one = await store.instance();
      const marks = marksOf(await store.instance());
      const user = freshName();
      const settle = async (ticket: Awaited<ReturnType<typeof lead>>, value?: string) =>
        one.admission.settleFlight(ticket, value === undefined ? undefined : { value, ttlSeconds: 10 });
      expect(await settle(await lead(one, freshFlight(user)), "v")).toBe("none");
      const [before, other] = [await lead(one, freshFlight(user)), await lead(one)];
      const mark = await marks.begin(user);
      expect(await settle(before, "v")).toBe("underWay");
      expect(await settle(other, "v")).toBe("none");
      const [without, after] = [await lead(one, freshFlight(user)), await lead(one, freshFlight(user))];
      expect(await settle(without)).toBe("underWay");
      await marks.finish(mark);
      expect(await settle(after, "v")).toBe("over");
    });

    test("are told to a leader whose lease has ended, too", async () => {
      const one = await store.instance({ leaseMs: 200 });
      const flight = freshFlight();
      const dead = await lead(one, flight);
      await lead(one, flight);
      await marksOf(one).begin(flight.user);
      expect(await one.admission.settleFlight(dead, { value: "too late", ttlSeconds: 10 })).toBe("underWay");
      expect((await store.stored()).filter(({ text }) => text.includes("too late"))).toEqual([]);
    });

    // Threat: what was left before the ending is replayed as if nothing had happened.
    test("are told with what an earlier leader left, and to those who waited for it", async () => {
      const [one, two] = [await store.instance(), await store.instance()];
      const marks = marksOf(one);
      const flight = freshFlight();
      const leader = await lead(one, flight);
      const waiting = two.admission.enterFlight(flight, [slowBucket("client", 9)]);
      await store.untilFlightWaits(flight);
      const mark = await marks.begin(flight.user);
      await one.admission.settleFlight(leader, { value: "left", ttlSeconds: 10 });
      expect(await waiting).toMatchObject({ kind: "replayed", value: "left", ending: "underWay" });
      await marks.finish(mark);
      expect(await two.admission.enterFlight(flight, [])).toMatchObject({ kind: "replayed", ending: "over" });

      const earlier = freshFlight();
      await one.admission.settleFlight(await lead(one, earlier), { value: "left", ttlSeconds: 10 });
      expect(await two.admission.enterFlight(earlier, [])).toMatchObject({ kind: "replayed", ending: "none" });
      await marks.begin(earlier.user);
      expect(await two.admission.enterFlight(earlier, [])).toMatchObject({ kind: "replayed", ending: "underWay" });
    });
  });
}
