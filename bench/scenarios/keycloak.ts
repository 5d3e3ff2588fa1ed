import { createHttpClient } from "../http-client.ts";
import { expectStatus, saturate } from "../load.ts";
import { directGrant, requests } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import { median, quantile, spreadOf } from "../statistics.ts";
import { measureOverload } from "./overload.ts";

/** So many that nobody logs in twice at the same time: logins of one account take turns. */
const userCount = 400;

/** Logins at a real Keycloak, by turns with its own direct grant and the floor; then at twice what it can do. */
export const keycloak: Scenario = {
  name: "keycloak",
  async run({ world, results, effort }) {
    // Read when they load: the address of the Keycloak that was started for this.
    const { createUser, keycloakUrl, realm } = await import("../../test/support/keycloak.ts");
    const upstream = { url: keycloakUrl, realm };
    const users: Awaited<ReturnType<typeof createUser>>[] = [];
    await saturate(async () => users.push(await createUser()), { atOnce: 4, count: userCount });
    const userAt = (index: number) => users[index % userCount] as (typeof users)[number];
    const gateway = await world.startGateway({ ...upstream });
    const floor = await world.startFloor(upstream);
    const login = (index: number) => requests.loginAs(userAt(index).email, userAt(index).password);
    const variants = [
      {
        client: createHttpClient(Number(new URL(keycloakUrl).port)),
        request: (index: number) => directGrant(realm, userAt(index).email, userAt(index).password),
      },
      { client: createHttpClient(floor.port), request: login },
      { client: createHttpClient(gateway.port), request: login },
    ];
    let index = 0;
    const timed = async (variant: number): Promise<number> => {
      const { client, request } = variants[variant] as (typeof variants)[number];
      const startedAt = performance.now();
      expectStatus(await client.send(request(index++)), 200);
      return performance.now() - startedAt;
    };
    const rounds = effort.seconds * 60;
    for (let round = 0; round < rounds / 2; round++) for (const variant of variants.keys()) await timed(variant);

    // One at a time: the difference is then what the gateway adds, and not how Keycloak's threads share the cores.
    const perRepeat: { floor: number[]; gateway: number[]; direct: number[] } = { floor: [], gateway: [], direct: [] };
    for (let repeat = 0; repeat < effort.repeats; repeat++) {
      const differences: { floor: number[]; gateway: number[] } = { floor: [], gateway: [] };
      const direct: number[] = [];
      for (let round = 0; round < rounds; round++) {
        // Another one begins each time, so that none is always behind the same neighbour.
        const times: number[] = [];
        for (const step of variants.keys()) {
          const variant = (round + step) % variants.length;
          times[variant] = await timed(variant);
        }
        direct.push(times[0] as number);
        differences.floor.push((times[1] as number) - (times[0] as number));
        differences.gateway.push((times[2] as number) - (times[0] as number));
      }
      perRepeat.direct.push(quantile(direct, 0.5));
      perRepeat.floor.push(median(differences.floor));
      perRepeat.gateway.push(median(differences.gateway));
    }
    const section = `Login at a real Keycloak, ${userCount} users, by turns with the direct grant and the floor`;
    results.add({ section, name: "direct grant, p50", unit: "ms", value: spreadOf(perRepeat.direct) });
    results.add({ section, name: "median difference, floor", unit: "ms", value: spreadOf(perRepeat.floor) });
    results.add({ section, name: "median difference, gateway", unit: "ms", value: spreadOf(perRepeat.gateway) });
    results.add({
      section,
      name: "median difference, gateway / floor",
      unit: "×",
      value: spreadOf([median(perRepeat.gateway) / median(perRepeat.floor)]),
      goal: { atMost: 1.5 },
    });
    await measureOverload({
      client: (variants[2] as (typeof variants)[number]).client,
      request: login,
      results,
      section: "Overload: a real Keycloak at twice its capacity",
      seconds: 3 * effort.seconds,
      repeats: Math.min(3, effort.repeats),
    });
    for (const { client } of variants) client.close();
    await gateway.stop();
    await floor.stop();
  },
};
