import { startTestKeycloak } from "../../test/support/setup.ts";
import { createHttpClient } from "../http-client.ts";
import { expectStatus, saturate } from "../load.ts";
import type { BenchProcess } from "../processes.ts";
import { directGrant, requests } from "../requests.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { median, quantile, spreadOf } from "../statistics.ts";
import { orderOf } from "../turns.ts";
import { measureOverload } from "./overload.ts";

/** So many that nobody logs in twice at the same time: logins of one account take turns. */
const userCount = 400;

/** Logins that compile what a login runs in Keycloak. */
const keycloakWarmUp = 1_000;

/** Logins at a real Keycloak, by turns with its own direct grant and the floor; then at twice what it can do. */
export const keycloak: Scenario = {
  name: "keycloak",
  async run({ world, results, effort }) {
    // A stub stands where Keycloak will: so many logins as compile the code of a gateway would take a Keycloak ten minutes.
    const { stop: stopStub, ...upstream } = await world.startStub({ STUB_DELAY_MS: "20" }, "localhost");
    const gateway = await world.startGateway(upstream);
    const floor = await world.startFloor(upstream);
    for (const { port } of [floor, gateway]) {
      const client = createHttpClient(port);
      const warmUp = async (index: number) => expectStatus(await client.send(requests.login(index)), 200);
      await saturate(warmUp, { atOnce: 32, count: effort.warmUp });
      client.close();
    }
    await stopStub();
    const stopKeycloak = await startTestKeycloak(upstream.port);
    try {
      await measureLogins(gateway, floor, { results, effort });
    } finally {
      await stopKeycloak();
    }
    await gateway.stop();
    await floor.stop();
  },
};

async function measureLogins(
  gateway: BenchProcess,
  floor: BenchProcess,
  { results, effort }: Pick<Bench, "results" | "effort">,
): Promise<void> {
  // Read when they load: the address of the Keycloak that was started for this.
  const { createUser, keycloakUrl, realm } = await import("../../test/support/keycloak.ts");
  const users: Awaited<ReturnType<typeof createUser>>[] = [];
  await saturate(async () => users.push(await createUser()), { atOnce: 4, count: userCount });
  const userAt = (index: number) => users[index % userCount] as (typeof users)[number];
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
  await saturate(() => timed(0), { atOnce: 8, count: keycloakWarmUp });
  const rounds = effort.seconds * 60;
  for (let round = 0; round < rounds / 2; round++) for (const variant of variants.keys()) await timed(variant);

  // One at a time: the difference is then what the gateway adds, and not how Keycloak's threads share the cores.
  const perRepeat: { floor: number[]; gateway: number[]; direct: number[] } = { floor: [], gateway: [], direct: [] };
  for (let repeat = 0; repeat < effort.repeats; repeat++) {
    const differences: { floor: number[]; gateway: number[] } = { floor: [], gateway: [] };
    const direct: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const times: number[] = [];
      for (const variant of orderOf(variants.length, round)) times[variant] = await timed(variant);
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
}
