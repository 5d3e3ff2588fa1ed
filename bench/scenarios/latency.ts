import { createHttpClient, type HttpClient } from "../http-client.ts";
import { arrive, expectStatus, latencies, saturate } from "../load.ts";
import { directGrant, requests } from "../requests.ts";
import { digits } from "../results.ts";
import type { Scenario } from "../scenario.ts";
import { quantile, ratios, spreadOf } from "../statistics.ts";
import { orderOf } from "../turns.ts";

const upstreamMs = 20;
/** Logins a second; the goals are judged at the middle one. */
const rates = [20, 100, 300] as const;
const judgedRate = 100;
/** How long a variant is under load before a turn of it counts. */
const leadSeconds = 0.1;

/** What a login takes longer than the grant that it is made of, at fixed rates. */
export const latency: Scenario = {
  name: "latency",
  async run({ world, results, effort }) {
    const gateway = await world.startGateway(world.stub);
    const floor = await world.startFloor(world.stub);
    const floorOnFramework = await world.startFloor(world.stub, "onFramework");
    const servers = [floor, floorOnFramework, gateway];
    const variants = [
      {
        client: createHttpClient(world.stub.port),
        request: (n: number) => directGrant(world.stub.realm, `u${n}@example.com`, "x"),
      },
      ...servers.map(({ port }) => ({ client: createHttpClient(port), request: requests.login })),
    ];
    let index = 0;
    const send = async (client: HttpClient, request: (n: number) => string) =>
      expectStatus(await client.send(request(index++)), 200);
    // Also with the delay: logins that never wait do not compile all that a login runs.
    for (const delay of [0, upstreamMs]) {
      await world.delayStub(delay);
      for (const { client, request } of variants) {
        await saturate(() => send(client, request), { atOnce: 32, count: effort.warmUp });
      }
    }

    /** So many turns of a second for each variant. */
    async function inTurns(turns: number, perSecond: number): Promise<readonly (readonly number[])[]> {
      const times: number[][] = variants.map(() => []);
      for (let turn = 0; turn < turns; turn++) {
        for (const variant of orderOf(variants.length, turn)) {
          const { client, request } = variants[variant] as (typeof variants)[number];
          const arrivals = await arrive(() => send(client, request), { perSecond, seconds: 1 + leadSeconds });
          // The first ones find a process that has slept while the others had their turns.
          times[variant]?.push(...latencies(arrivals).slice(Math.ceil(leadSeconds * perSecond)));
        }
      }
      return times;
    }

    for (const perSecond of rates) {
      const section = `Latency that a login adds to its grant of ${upstreamMs} ms, ${perSecond} arrivals a second`;
      const all: number[][] = variants.map(() => []);
      const added = { floor: [] as number[], onFramework: [] as number[], gateway: [] as number[] };
      for (let repeat = 0; repeat < effort.repeats; repeat++) {
        const own = await inTurns(2 * effort.seconds, perSecond);
        own.forEach((times, variant) => void all[variant]?.push(...times));
        const [direct = 0, ofFloor = 0, ofFramework = 0, ofGateway = 0] = own.map((times) => quantile(times, 0.5));
        added.floor.push(ofFloor - direct);
        added.onFramework.push(ofFramework - direct);
        added.gateway.push(ofGateway - direct);
      }
      const judged = perSecond === judgedRate;
      results.add({ section, name: "p50, floor", unit: "ms", value: spreadOf(added.floor) });
      results.add({ section, name: "p50, gateway", unit: "ms", value: spreadOf(added.gateway) });
      const onFramework = ratios(added.onFramework, added.floor);
      results.add({ section, name: "p50, the floor on framework and scripts / floor", unit: "×", value: onFramework });
      const why = `the framework and the scripts alone have ${digits(onFramework.median)}, with nothing checked`;
      const value = ratios(added.gateway, added.floor);
      const goal = judged ? { goal: { atMost: 1.5 }, why } : {};
      results.add({ section, name: "p50, gateway / floor", unit: "×", value, ...goal });
      // Of all repeats together: one has too few samples for a p99.
      const [direct = 0, ofFloor = 0, , ofGateway = 0] = all.map((times) => quantile(times, 0.99));
      results.add({ section, name: "p99, floor", unit: "ms", value: spreadOf([ofFloor - direct]) });
      results.add({ section, name: "p99, gateway", unit: "ms", value: spreadOf([ofGateway - direct]) });
      results.add({
        section,
        name: "p99, gateway / floor",
        unit: "×",
        value: spreadOf([(ofGateway - direct) / (ofFloor - direct)]),
        ...(judged && { goal: { atMost: 2 } }),
      });
    }
    await world.delayStub(0);
    for (const { client } of variants) client.close();
    for (const server of servers) await server.stop();
  },
};
