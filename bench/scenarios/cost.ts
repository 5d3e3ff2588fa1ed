import { atOnce, type Block, measureInTurn, type Subject } from "../cpu.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { expectStatus, saturate } from "../load.ts";
import { refreshTokenLike, requests } from "../requests.ts";
import { digits, type Goal } from "../results.ts";
import type { Effort, Scenario } from "../scenario.ts";
import { ratios, spreadOf } from "../statistics.ts";
import type { World } from "../world.ts";

const login: Subject["work"] = async (client, index) => expectStatus(await client.send(requests.login(index)), 200);
const refresh: Subject["work"] = async (client, index) =>
  expectStatus(await client.send(requests.refresh(refreshTokenLike(index))), 200);
const sessions: Subject["work"] = async (client) => expectStatus(await client.send(requests.sessions()), 200);

async function challengeAndVerify(client: HttpClient, index: number): Promise<void> {
  const { body } = expectStatus(await client.send(requests.challenge(index)), 200);
  expectStatus(await client.send(requests.verify(JSON.parse(body).mfaToken, "123456")), 200);
}

const section = "Cost of an operation: processor time of the process, 16 requests at a time, upstream without delay";
const cpu = (blocks: readonly Block[]) => blocks.map(({ cpuMicros }) => cpuMicros);
const rate = (blocks: readonly Block[]) => blocks.map(({ perSecond }) => perSecond);

/** How long the store is busy with the scripts of one login. */
async function scriptMicros({ redis }: World, port: number, { repeats, count }: Effort): Promise<readonly number[]> {
  const client = createHttpClient(port);
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    await redis.config("RESETSTAT");
    await saturate((index) => login(client, index), { atOnce, count });
    const [, micros] = /cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(await redis.info("commandstats")) ?? [];
    times.push(Number(micros) / count);
  }
  client.close();
  return times;
}

/** Processor time and the highest rate of each operation, beside the floor's. */
export const cost: Scenario = {
  name: "cost",
  async run({ world, results, effort }) {
    const gateway = await world.startGateway(world.stub);
    const floor = await world.startFloor(world.stub);

    /** `floorPlus`: what the goal depends on, added to the floor and measured by turns with both. */
    async function compare(
      name: string,
      work: Subject["work"],
      floorWork: Subject["work"],
      goal?: Goal,
      floorPlus?: { readonly process: Subject["process"]; readonly name: string },
    ) {
      const [ours = [], floors = [], more = []] = await measureInTurn(
        [
          { process: gateway, work },
          { process: floor, work: floorWork },
          ...(floorPlus === undefined ? [] : [{ process: floorPlus.process, work: floorWork }]),
        ],
        effort,
      );
      results.add({ section, name: `${name}: gateway`, unit: "µs", value: spreadOf(cpu(ours)) });
      results.add({ section, name: `${name}: floor`, unit: "µs", value: spreadOf(cpu(floors)) });
      let why: string | undefined;
      if (floorPlus !== undefined) {
        const plus = ratios(cpu(more), cpu(floors));
        results.add({ section, name: `${name}: ${floorPlus.name} / floor`, unit: "×", value: plus });
        why = `the ${floorPlus.name} has ${digits(plus.median)} of the floor's time, with nothing checked`;
      }
      const value = ratios(cpu(ours), cpu(floors));
      results.add({
        section,
        name: `${name}: gateway / floor`,
        unit: "×",
        value,
        ...(goal && { goal }),
        ...(why && { why }),
      });
      results.add({
        section,
        name: `${name}: rate, gateway / floor`,
        unit: "×",
        value: ratios(rate(ours), rate(floors)),
      });
      results.add({ section, name: `${name}: rate of the gateway`, unit: "/s", value: spreadOf(rate(ours)) });
    }

    await compare("login", login, login, { atMost: 1.8 });
    results.add({
      section,
      name: "login: its scripts, at the store",
      unit: "µs",
      value: spreadOf(await scriptMicros(world, gateway.port, effort)),
    });
    const sealing = await world.startFloor(world.stub, "sealing");
    await compare(
      "refresh",
      refresh,
      refresh,
      { atMost: 1.6 },
      {
        process: sealing,
        name: "floor that seals what it leaves",
      },
    );
    await sealing.stop();
    await compare("challenge and verify, beside two logins of the floor", challengeAndVerify, async (client, index) => {
      await login(client, index);
      await login(client, index + 1);
    });
    await compare("session list, beside a login of the floor", sessions, login);
    const once = createHttpClient(gateway.port);
    const { accessToken } = JSON.parse(expectStatus(await once.send(requests.login(0)), 200).body);
    once.close();
    const status: Subject["work"] = async (client) =>
      expectStatus(await client.send(requests.mfaStatus(accessToken)), 200);
    await compare("mfa/status with an access token, beside a login of the floor", status, login);
    await gateway.stop();
    await floor.stop();
  },
};
