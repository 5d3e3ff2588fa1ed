import { createHttpClient, type HttpClient } from "../http-client.ts";
import { arrive, expectStatus, saturate, WrongAnswer } from "../load.ts";
import { requests } from "../requests.ts";
import type { Results } from "../results.ts";
import type { Scenario } from "../scenario.ts";
import { quantile, spreadOf } from "../statistics.ts";

/** What comes of logins at twice the rate that is answered at the most. */
export async function measureOverload(options: {
  readonly client: HttpClient;
  readonly request: (index: number) => string;
  readonly results: Results;
  readonly section: string;
  readonly seconds: number;
  readonly repeats: number;
}): Promise<void> {
  const { client, request, results, section, seconds, repeats } = options;
  let index = 0;
  const login = async () => client.send(request(index++));
  const shares: number[] = [];
  const refusedShares: number[] = [];
  const capacities: number[] = [];
  const slowest: number[] = [];
  const others: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    // As many at a time as keep Keycloak busy, and no more than may wait.
    const capacity = await saturate(async () => expectStatus(await login(), 200), {
      atOnce: 16,
      count: Math.max(100, 60 * seconds),
    });
    const statuses: number[] = [];
    const startedAt = performance.now();
    const arrivals = await arrive(
      async (turn) => {
        const { status } = await login();
        statuses[turn] = status;
        if (status !== 200) throw new WrongAnswer(String(status));
      },
      { perSecond: 2 * capacity, seconds },
    );
    const tookSeconds = (performance.now() - startedAt) / 1000;
    const accepted = arrivals.filter(({ error }) => error === undefined).map(({ latencyMs }) => latencyMs);
    const refused = statuses.filter((status) => status === 429).length;
    capacities.push(capacity);
    shares.push(accepted.length / tookSeconds / capacity);
    refusedShares.push(refused / arrivals.length);
    slowest.push(quantile(accepted, 0.99) / 1000);
    others.push(arrivals.length - accepted.length - refused);
  }
  results.add({ section, name: "capacity: logins a second, 16 at a time", unit: "/s", value: spreadOf(capacities) });
  results.add({
    section,
    name: "goodput at twice the capacity / capacity",
    unit: "×",
    value: spreadOf(shares),
    goal: { atLeast: 0.9 },
  });
  results.add({ section, name: "p99 of accepted logins", unit: "s", value: spreadOf(slowest), goal: { atMost: 4 } });
  results.add({ section, name: "share that is turned away (429)", unit: "×", value: spreadOf(refusedShares) });
  results.add({ section, name: "answers that are neither", unit: "", value: spreadOf(others), goal: { exactly: 0 } });
}

/** A Keycloak with two workers that hash for 40 ms each, at twice what it can do. */
export const overload: Scenario = {
  name: "overload",
  async run({ world, results, effort }) {
    const stub = await world.startStub({ STUB_WORKERS: "2", STUB_HASH_MS: "40" });
    const gateway = await world.startGateway(stub);
    const client = createHttpClient(gateway.port);
    const section = "Overload: a stub that hashes two passwords at a time, 40 ms each, at twice its capacity";
    await measureOverload({
      client,
      request: requests.login,
      results,
      section,
      seconds: 2 * effort.seconds,
      repeats: Math.min(3, effort.repeats),
    });
    client.close();
    await gateway.stop();
    await stub.stop();
  },
};
