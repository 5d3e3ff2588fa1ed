import { describe, expect, test } from "vitest";
import type { FlightEntry, FlightTicket } from "../../src/domain/ports/admission.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshFlight, type Instance, slowBucket, useEngine } from "./harness.ts";

/** Single flight: one leader, everyone else gets its result. */
export function flightSuite(engine: string, start: StartEngine): void {
  describe(`a flight on ${engine}`, () => {
    const store = useEngine(start);

    async function lead({ admission }: Instance, flight: FlightEntry): Promise<FlightTicket> {
      const entry = await admission.enterFlight(flight, []);
      if (entry.kind !== "admitted") throw new Error(`Does not lead: ${entry.kind}`);
      return entry.ticket;
    }

    // Threat: parallel refreshes of one token end the session (Keycloak CVE-2026-1035).
    test("has one leader of 20 parallel entries over three instances; 19 get what it leaves", async () => {
      const instances = await Promise.all([1, 2, 3].map(() => store.instance()));
      const flight = freshFlight();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const { admission } = instances[index % 3] as Instance;
          const entry = await admission.enterFlight(flight, []);
          if (entry.kind !== "admitted") return entry.kind === "replayed" ? entry.value : entry.kind;
          await new Promise((resolve) => setTimeout(resolve, 50));
          await admission.settleFlight(entry.ticket, { value: "what it left", ttlSeconds: 10 });
          return "led";
        }),
      );
      expect(outcomes.filter((outcome) => outcome === "led")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "what it left")).toHaveLength(19);
    });

    test("is led by the next one when the leader leaves nothing", async () => {
      const one = await store.instance();
      const flight = freshFlight();
      const leader = await lead(one, flight);
      const next = lead(one, flight);
      await store.untilFlightWaits(flight);
      await one.admission.settleFlight(leader);
      expect(await store.waitingForFlight(flight)).toBe(0);
      expect((await next).id).not.toBe(leader.id);
    });

    test("is led by the next one when the leader dies; what the dead one leaves later is not taken", async () => {
      const one = await store.instance({ leaseMs: 300 });
      const flight = freshFlight();
      const dead = await lead(one, flight);
      const next = await lead(one, flight);
      await one.admission.settleFlight(dead, { value: "too late", ttlSeconds: 10 });
      expect((await store.stored()).filter(({ text }) => text.includes("too late"))).toEqual([]);
      await one.admission.settleFlight(next, { value: "in time", ttlSeconds: 10 });
      expect(await one.admission.enterFlight(flight, [])).toMatchObject({ kind: "replayed", value: "in time" });
    });

    test("forgets what was left after its time", async () => {
      const one = await store.instance();
      const flight = freshFlight();
      await one.admission.settleFlight(await lead(one, flight), { value: "brief", ttlSeconds: 1 });
      expect(await one.admission.enterFlight(flight, [])).toMatchObject({ kind: "replayed" });
      await until(async () => {
        const entry = await one.admission.enterFlight(flight, []);
        return entry.kind === "admitted";
      });
    });

    test("wakes waiters that do not hear, and keeps any value as it is", async () => {
      const one = await store.instance();
      const deaf = await store.instance();
      deaf.connection.subscriber.close();
      const flight = freshFlight();
      const leader = await lead(one, flight);
      const bucket = slowBucket("client", 9);
      const waiting = deaf.admission.enterFlight(flight, [bucket]);
      await store.untilFlightWaits(flight);
      const value = JSON.stringify({ text: "two words\n\u00e4\u{1f511} \0", list: [" "] });
      await one.admission.settleFlight(leader, { value, ttlSeconds: 10 });
      expect(await waiting).toMatchObject({ kind: "replayed", value, buckets: [{ remaining: 8 }] });
      expect((await one.admission.charge([bucket])).buckets[0]?.remaining).toBe(7);
    });

    test("charges buckets for a replay and refuses when one is empty", async () => {
      const { admission } = await store.instance();
      const flight = freshFlight();
      const buckets = [slowBucket("client", 2), slowBucket("address", 9)];
      const entry = await admission.enterFlight(flight, buckets);
      if (entry.kind !== "admitted") throw new Error(entry.kind);
      await admission.settleFlight(entry.ticket, { value: "v", ttlSeconds: 10 });
      expect(await admission.enterFlight(flight, buckets)).toMatchObject({
        kind: "replayed",
        buckets: [{ remaining: 0 }, { remaining: 7 }],
      });
      expect(await admission.enterFlight(flight, buckets)).toMatchObject({
        kind: "limited",
        policy: "client",
        buckets: [{ remaining: 0 }, { remaining: 7 }],
      });
    });

    test("that was refused for an empty bucket is free to be led", async () => {
      const { admission } = await store.instance();
      const flight = freshFlight();
      const empty = slowBucket("client", 1);
      await admission.charge([empty]);
      expect(await admission.enterFlight(flight, [empty])).toMatchObject({ kind: "limited" });
      expect(await admission.enterFlight(flight, [])).toMatchObject({ kind: "admitted" });
    });
  });
}
