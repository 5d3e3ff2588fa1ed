// A worker that takes a job, says so, and then hangs: the tests kill it. Argument: the store's URL.

import { connectRedis } from "../../src/adapters/redis/connect.ts";
import { createRedisMailOutbox } from "../../src/adapters/redis/mail-outbox.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { succeeds, until } from "../support/redis.ts";
import { durabilityLeaseMs, durabilitySecret } from "./mail-durability-settings.ts";

const connection = connectRedis({ url: process.argv[2] ?? "" });
await until(() => succeeds(connection.ping()));
const outbox = createRedisMailOutbox({ connection, random: systemRandom, secret: durabilitySecret });
const taken = await outbox.take(durabilityLeaseMs);
process.stdout.write(`${taken?.id}\n`);
setInterval(() => undefined, 1_000);
