import { Redis } from "ioredis";
import { keys } from "../../src/adapters/redis/keys.ts";
import { type TestRedis, until } from "./redis.ts";

const { due, jobs } = keys.mail();

async function withClient<T>(redis: TestRedis, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.port);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Waits until every mail job of a store has been done or given up. */
export async function untilMailIsDone(redis: TestRedis): Promise<void> {
  await withClient(redis, (client) => until(async () => (await client.hlen(jobs)) === 0));
}

/**
 * Makes every job due now, those included that a worker has: what a killed worker had is due again when its lease of a
 * minute ends, and a test does not wait for that. Returns how many there are.
 */
export async function endLeases(redis: TestRedis): Promise<number> {
  return withClient(redis, async (client) => {
    const ids = await client.zrange(due, "0", "-1");
    for (const id of ids) await client.zadd(due, "XX", 1, id);
    return ids.length;
  });
}
