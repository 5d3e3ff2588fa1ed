import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { connectRedis } from "../../src/adapters/redis/connect.ts";
import { createRedisMailOutbox } from "../../src/adapters/redis/mail-outbox.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { startRedis, succeeds, until } from "../support/redis.ts";
import { durabilitySecret } from "./mail-durability-settings.ts";
import { requestFor } from "./mail-outbox-suite.ts";

// Threat: a mail that was promised to the caller is lost when a process or the store's machine dies.

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function startServer(...args: Parameters<typeof startRedis>) {
  const server = await startRedis(...args);
  cleanUp.push(server.stop);
  return server;
}

async function open(url: string) {
  const connection = connectRedis({ url });
  cleanUp.push(() => connection.close());
  await until(() => succeeds(connection.ping()));
  return createRedisMailOutbox({ connection, random: systemRandom, secret: durabilitySecret });
}

test("a job that a worker had when it was killed is given to another one", async () => {
  const { url } = await startServer();
  const outbox = await open(url);
  await outbox.add(requestFor("jane@example.com"));

  const worker = spawn(process.execPath, [join(import.meta.dirname, "mail-worker-process.ts"), url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanUp.push(() => worker.kill("SIGKILL"));
  const [output] = (await once(worker.stdout, "data")) as [Buffer];
  const id = output.toString().trim();
  expect(await outbox.waiting(10)).toMatchObject([{ id, tries: 1 }]);
  worker.kill("SIGKILL");

  let taken = await outbox.take(30_000);
  await until(async () => {
    taken ??= await outbox.take(30_000);
    return taken !== undefined;
  });
  expect(taken).toMatchObject({ id, tries: 1, job: requestFor("jane@example.com") });
});

test("jobs outlive a redis-server that is killed, with the settings that the documentation asks for", async () => {
  const dir = await mkdtemp(join(tmpdir(), "headgate-outbox-"));
  cleanUp.push(() => rm(dir, { recursive: true, force: true }));
  const args = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--dir", dir];
  const server = await startServer({ args });
  const outbox = await open(server.url);
  for (const name of ["waiting", "dead"]) await outbox.add(requestFor(`${name}@example.com`));
  const buried = await outbox.take(30_000);
  await outbox.bury(buried?.id ?? "", "refused");

  await server.stop();
  await startServer({ port: server.port, args });
  await until(() => succeeds(outbox.size()));
  expect(await outbox.size()).toEqual({ waiting: 1, dead: 1 });
  expect(await outbox.dead(10)).toMatchObject([{ id: buried?.id, reason: "refused" }]);
  expect(await outbox.take(30_000)).toMatchObject({ tries: 0 });
});
