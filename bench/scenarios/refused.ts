import { measureInTurn } from "../cpu.ts";
import { createHttpClient } from "../http-client.ts";
import { expectStatus } from "../load.ts";
import { requests } from "../requests.ts";
import { digits } from "../results.ts";
import type { Scenario } from "../scenario.ts";
import { ratios, spreadOf } from "../statistics.ts";

/** How many requests a second can be refused, beside a bare server that answers with the same bytes. */
export const refused: Scenario = {
  name: "refused",
  async run({ world, results, effort }) {
    const section = "Refused requests a second, 16 at a time, beside a bare node:http server with the same answer";
    const limits = { HEADGATE_LIMIT_ADDRESS: "1/86400" };
    for (const [name, request, status, env] of [
      ["429, an address that has had its share", requests.limited(), 429, limits],
      ["423, a locked account", requests.locked(), 423, {}],
      ["401, a wrong client secret", requests.wrongClient(), 401, {}],
    ] as const) {
      const gateway = await world.startGateway(world.stub, env);
      const once = createHttpClient(gateway.port);
      // A lock takes five, a share one.
      let answer = await once.send(request);
      for (let count = 0; count < 10 && answer.status !== status; count++) answer = await once.send(request);
      const { body } = expectStatus(answer, status);
      const bare = await world.startBare(status, body);
      const framework = await world.startBare(status, body, "framework");
      const least = await world.startBare(status, body, "leastRefusal");
      once.close();
      const work = async (client: { send(text: string): Promise<{ status: number; body: string }> }) =>
        expectStatus(await client.send(request), status);
      const [ours = [], frameworks = [], leasts = [], bares = []] = await measureInTurn(
        [
          { process: gateway, work },
          { process: framework, work },
          { process: least, work },
          { process: bare, work },
        ],
        effort,
      );
      const [rates = [], frameworkRates = [], leastRates = [], bareRates = []] = [ours, frameworks, leasts, bares].map(
        (blocks) => blocks.map(({ perSecond }) => perSecond),
      );
      const value = ratios(rates, bareRates);
      results.add({ section, name: `${name}: gateway`, unit: "/s", value: spreadOf(rates) });
      const cpu = ours.map(({ cpuMicros }) => cpuMicros);
      results.add({ section, name: `${name}: processor time of the gateway`, unit: "µs", value: spreadOf(cpu) });
      const alone = ratios(frameworkRates, bareRates);
      results.add({ section, name: `${name}: the framework alone / bare`, unit: "×", value: alone });
      const atLeast = ratios(leastRates, bareRates);
      results.add({ section, name: `${name}: the least that a refusal takes / bare`, unit: "×", value: atLeast });
      const why = `the framework, a hash, a line of log and an empty script alone have ${digits(atLeast.median)} of the bare rate, with nothing checked`;
      results.add({ section, name: `${name}: gateway / bare`, unit: "×", value, goal: { atLeast: 0.5 }, why });
      await gateway.stop();
      await framework.stop();
      await least.stop();
      await bare.stop();
    }
  },
};
