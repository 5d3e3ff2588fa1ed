import { setTimeout as sleep } from "node:timers/promises";
import { createHttpClient } from "../http-client.ts";
import { expectStatus, saturate } from "../load.ts";
import { requests } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import { spreadOf } from "../statistics.ts";

const megabyte = 1024 * 1024;
const many = 1_000;

/** Memory of the gateway and of the store, and how long a start takes. */
export const footprint: Scenario = {
  name: "footprint",
  async run({ world, results, effort }) {
    const { redis } = world;
    const starts: number[] = [];
    const idle: number[] = [];
    const loaded: number[] = [];
    const store = {
      user: { keys: [] as number[], bytes: [] as number[] },
      challenge: { keys: [] as number[], bytes: [] as number[] },
      failed: { keys: [] as number[], bytes: [] as number[] },
    };
    for (let repeat = 0; repeat < effort.repeats; repeat++) {
      await redis.flushall();
      // A thousand wrong passwords should not take as many half seconds.
      const gateway = await world.startGateway(world.stub, { HEADGATE_LOGIN_REFUSAL_STEP_MS: "0" });
      starts.push(gateway.startMs);
      const client = createHttpClient(gateway.port);
      expectStatus(await client.send(requests.login(0)), 200);
      await sleep(3_000);
      idle.push(gateway.rssBytes() / megabyte);

      async function grow(
        into: { keys: number[]; bytes: number[] },
        request: (index: number) => string,
        status: number,
      ) {
        const state = async () => ({
          keys: await redis.dbsize(),
          bytes: Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]),
        });
        const before = await state();
        let index = 0;
        await saturate(async () => expectStatus(await client.send(request(index++)), status), {
          atOnce: 16,
          count: many,
        });
        const after = await state();
        into.keys.push((after.keys - before.keys) / many);
        into.bytes.push((after.bytes - before.bytes) / many);
      }
      await grow(store.challenge, requests.challenge, 200);
      loaded.push(gateway.rssBytes() / megabyte);
      await grow(store.user, (index) => requests.login(index + 1), 200);
      await grow(store.failed, requests.failedLogin, 401);
      client.close();
      await gateway.stop();
    }
    const memory = "Memory of the gateway's process, and its start";
    const add = (section: string, name: string, unit: string, values: readonly number[], atMost?: number) =>
      results.add({ section, name, unit, value: spreadOf(values), ...(atMost !== undefined && { goal: { atMost } }) });
    add(memory, "resident, idle", "MB", idle, 110);
    add(memory, `resident, with ${many} open challenges`, "MB", loaded, 160);
    add(
      memory,
      "start to first answer",
      "s",
      starts.map((ms) => ms / 1000),
      0.8,
    );
    const held = "What the store holds";
    add(held, "keys of a user who has logged in", "keys", store.user.keys);
    add(held, "bytes of a user who has logged in", "bytes", store.user.bytes);
    add(held, "keys of an open challenge, with its account", "keys", store.challenge.keys);
    add(held, "bytes of an open challenge, with its account", "bytes", store.challenge.bytes);
    add(held, "keys of an address with a failed login", "keys", store.failed.keys);
    add(held, "bytes of an address with a failed login", "bytes", store.failed.bytes);
  },
};
