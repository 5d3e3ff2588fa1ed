import { setTimeout as sleep } from "node:timers/promises";
import { createHttpClient } from "../http-client.ts";
import { expectStatus } from "../load.ts";
import { refreshTokenLike, requests } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import { spreadOf } from "../statistics.ts";
import type { World } from "../world.ts";

/** Scripts that the store has run since the last time. */
async function scriptsRun({ redis }: World): Promise<number> {
  const statistics = await redis.info("commandstats");
  await redis.config("RESETSTAT");
  let calls = 0;
  for (const [, count] of statistics.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)) calls += Number(count);
  return calls;
}

/** Round trips to the store and calls to Keycloak of one operation each. */
export const calls: Scenario = {
  name: "calls",
  async run({ world, results, effort }) {
    const gateway = await world.startGateway(world.stub);
    const client = createHttpClient(gateway.port);
    let index = 0;
    const challenge = async () =>
      JSON.parse(expectStatus(await client.send(requests.challenge(index++)), 200).body).mfaToken;
    // The scripts, the client's secret and the admin API's token are known after this.
    await client.send(requests.login(0));
    await client.send(requests.verify(await challenge(), "123456"));
    await client.send(requests.refresh(refreshTokenLike(0)));
    for (let count = 0; count < 6; count++) await client.send(requests.locked());
    await client.send(requests.wrongClient());
    // The mail that tells of the lock is still on its way: it looks at the user.
    while (Object.keys(await world.stubCalls()).length > 0) await sleep(1_500);

    const section = "Keycloak calls of one operation";
    async function count(name: string, wanted: number, work: () => Promise<unknown>): Promise<void> {
      const totals: number[] = [];
      for (let repeat = 0; repeat < effort.repeats; repeat++) {
        await world.stubCalls();
        await work();
        totals.push(Object.values(await world.stubCalls()).reduce((sum, value) => sum + value, 0));
      }
      results.add({ section, name, unit: "calls", value: spreadOf(totals), goal: { exactly: wanted } });
    }
    await count("login", 1, async () => expectStatus(await client.send(requests.login(index++)), 200));
    await count("login that ends in a challenge, with the look at the user", 2, challenge);
    const open = await Promise.all(Array.from({ length: effort.repeats }, challenge));
    await count("verify", 2, async () =>
      expectStatus(await client.send(requests.verify(open.pop() ?? "", "123456")), 200),
    );
    await count("refresh", 1, async () =>
      expectStatus(await client.send(requests.refresh(refreshTokenLike(1_000_000 + index++))), 200),
    );
    await count("423", 0, async () => expectStatus(await client.send(requests.locked()), 423));
    await count("401 of a wrong client secret that was seen before", 0, async () =>
      expectStatus(await client.send(requests.wrongClient()), 401),
    );

    const trips: { inFront: number[]; after: number[] } = { inFront: [], after: [] };
    await world.delayStub(300);
    for (let repeat = 0; repeat < effort.repeats; repeat++) {
      // The mail worker looks at its queue now and then; nothing else runs beside the login.
      await scriptsRun(world);
      const login = client.send(requests.login(index++));
      await sleep(150);
      trips.inFront.push(await scriptsRun(world));
      expectStatus(await login, 200);
      trips.after.push(await scriptsRun(world));
    }
    await world.delayStub(0);
    const storeSection = "Round trips of a login to the store";
    results.add({
      section: storeSection,
      name: "in front of Keycloak",
      unit: "trips",
      value: spreadOf(trips.inFront),
      goal: { atMost: 1 },
    });
    results.add({
      section: storeSection,
      name: "after Keycloak",
      unit: "trips",
      value: spreadOf(trips.after),
      goal: { atMost: 1 },
    });
    client.close();
    await gateway.stop();
  },
};
