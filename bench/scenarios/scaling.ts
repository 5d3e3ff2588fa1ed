import { createHttpClient } from "../http-client.ts";
import { expectStatus, saturate } from "../load.ts";
import { requests } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import { ratios, spreadOf } from "../statistics.ts";

/** Logins a second of one, two and three gateways on this machine; the load, the stub and the store share its cores. */
export const scaling: Scenario = {
  name: "scaling",
  async run({ world, results, effort }) {
    const gateways = [];
    for (let count = 0; count < 3; count++) gateways.push(await world.startGateway(world.stub));
    const clients = gateways.map(({ port }) => createHttpClient(port));
    let index = 0;
    const run = (used: number, count: number) =>
      saturate(
        async (turn) =>
          expectStatus(await (clients[turn % used] as (typeof clients)[number]).send(requests.login(index++)), 200),
        { atOnce: 32, count },
      );
    await run(3, effort.warmUp * 2);
    const rates: number[][] = [[], [], []];
    for (let repeat = 0; repeat < effort.repeats; repeat++) {
      for (const used of [1, 2, 3]) rates[used - 1]?.push(await run(used, effort.count));
    }
    const section = "Scaling: logins a second at the highest rate, load and servers on the same cores";
    const [one = [], two = [], three = []] = rates;
    results.add({ section, name: "one gateway", unit: "/s", value: spreadOf(one) });
    results.add({ section, name: "two gateways / one", unit: "×", value: ratios(two, one) });
    results.add({ section, name: "three gateways / one", unit: "×", value: ratios(three, one) });
    for (const client of clients) client.close();
    for (const gateway of gateways) await gateway.stop();
  },
};
