import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { createRedisAdmission, type RedisAdmissionDeps } from "../../src/adapters/redis/admission.ts";
import { createRedisChallengeStore } from "../../src/adapters/redis/challenge-store.ts";
import { connectRedis } from "../../src/adapters/redis/connect.ts";
import { keys } from "../../src/adapters/redis/keys.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { StoreUnavailable } from "../../src/domain/ports/faults.ts";
import { startRedis, startRedisCluster, succeeds, until } from "../support/redis.ts";
import { challenge } from "./challenge-suite.ts";
import { freshName, passwordBudget, slowBucket, ticketOf } from "./harness.ts";

// Threat: a store that is away, slow, read-only or full lets logins through uncounted, hangs the gateway, or needs a restart.

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function startServer(...args: Parameters<typeof startRedis>) {
  const server = await startRedis(...args);
  cleanUp.push(server.stop);
  return server;
}

function open(url: string, options: Partial<RedisAdmissionDeps> = {}) {
  const changes: boolean[] = [];
  const connection = connectRedis({ url, onAvailability: (available) => changes.push(available) });
  const admission = createRedisAdmission({ connection, random: systemRandom, ...options });
  const challenges = createRedisChallengeStore({ connection, secret: "s".repeat(32) });
  cleanUp.push(async () => {
    await admission.close();
    await connection.close();
  });
  const answers = async () => {
    try {
      const account = freshName();
      const entry = await admission.enterAccount({ account, attempt: passwordBudget }, [slowBucket("client", 9)]);
      await admission.settleAccount(ticketOf(entry), "complete", passwordBudget);
      await connection.ping();
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailable);
      return false;
    }
  };
  /** Every call of both ports that decides or writes fails as it must; none hangs. */
  const refusesEverything = async () => {
    const name = freshName();
    const calls = [
      admission.charge([slowBucket("client", 9)]),
      admission.enterAccount({ account: name, attempt: passwordBudget }, []),
      admission.enterFlight({ user: name, flight: name }, []),
      challenges.put(name, challenge, 60),
      challenges.restore(name, challenge, 60_000),
      connection.ping(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { name: "StoreUnavailable" } });
    }
  };
  return { connection, admission, challenges, answers, refusesEverything, changes };
}

describe("a Redis", () => {
  test("that is away at the start is found when it comes", async () => {
    const taken = await startServer();
    await taken.stop();
    const one = open(taken.url);
    await one.refusesEverything();
    await startServer({ port: taken.port });
    await until(one.answers);
    expect(one.changes.at(-1)).toBe(true);
  });

  test("that stops is an error at once, and works again by itself with its scripts gone", async () => {
    const server = await startServer();
    const one = open(server.url);
    await until(one.answers);
    const account = freshName();
    const ticket = ticketOf(await one.admission.enterAccount({ account, attempt: passwordBudget }, []));
    const waiting = expect(one.admission.enterAccount({ account }, [])).rejects.toBeInstanceOf(StoreUnavailable);
    await server.stop();
    await waiting;
    await one.refusesEverything();
    await expect(one.admission.settleAccount(ticket, "complete", passwordBudget)).rejects.toBeInstanceOf(
      StoreUnavailable,
    );
    await expect(one.admission.lockoutState(account)).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(one.challenges.take(account)).rejects.toBeInstanceOf(StoreUnavailable);

    await startServer({ port: server.port });
    await until(one.answers);
    expect(one.changes).toEqual([true, false, true]);
    // A ticket of the former life settles nothing.
    expect(await one.admission.settleAccount(ticket, "failed", passwordBudget)).toMatchObject({ locked: false });
  });

  test("that hangs is an error after the time-out; what it did late is taken back", async () => {
    const server = await startServer();
    const one = open(server.url, { leaseMs: 500 });
    await until(one.answers);
    const account = freshName();
    server.process.kill("SIGSTOP");
    await one.refusesEverything();
    const late = one.admission.enterAccount({ account, attempt: passwordBudget }, []);
    await expect(late).rejects.toBeInstanceOf(StoreUnavailable);
    server.process.kill("SIGCONT");
    await until(one.answers);
    await until(async () => (await one.admission.enterAccount({ account }, [])).kind === "admitted");
    expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 0 });
  });

  test("that forgets its scripts is told them again", async () => {
    const server = await startServer();
    const one = open(server.url);
    await until(one.answers);
    await one.connection.call((client) => client.script("FLUSH"));
    expect(await one.answers()).toBe(true);
  });

  test("that has become a read-only replica refuses, and serves once it is a master again", async () => {
    const server = await startServer();
    const one = open(server.url);
    const operator = open(server.url).connection;
    await until(one.answers);
    const connectionId = () => one.connection.call((client) => client.client("ID"));
    const before = await connectionId();
    await operator.call((client) => client.call("REPLICAOF", "127.0.0.1", "1"));
    await one.refusesEverything();
    await until(() =>
      one.connection.ping().then(
        () => false,
        (error) => /READONLY/.test(error.message),
      ),
    );
    await until(() => succeeds(operator.call((client) => client.call("REPLICAOF", "NO", "ONE"))));
    await until(one.answers);
    // The address may lead to another server by now: it has been asked again.
    expect(await connectionId()).not.toBe(before);
  });

  test("that is out of memory admits nobody, but takes verdicts and frees gates", async () => {
    const server = await startServer();
    const one = open(server.url);
    await until(one.answers);
    const account = freshName();
    const ticket = ticketOf(await one.admission.enterAccount({ account, attempt: passwordBudget }, []));
    await one.connection.call((client) => client.config("SET", "maxmemory", "1"));
    await one.refusesEverything();
    await expect(one.connection.ping()).rejects.toThrow("(OOM)");
    await one.admission.settleAccount(ticket, "failed", passwordBudget);
    expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });
    await one.connection.call((client) => client.config("SET", "maxmemory", "0"));
    expect(await one.answers()).toBe(true);
  });

  // Threat: a repeated command counts, takes or hands over twice.
  test("that drops the connection under a command fails it and does not get it again", async () => {
    const server = await startServer();
    const one = open(server.url);
    const operator = open(server.url).connection;
    await until(async () => (await one.answers()) && succeeds(operator.ping()));
    const id = await one.connection.call((client) => client.client("ID"));
    await operator.call((client) => client.call("CLIENT", "PAUSE", 600_000, "WRITE"));
    const name = freshName();
    const cut = expect(one.challenges.put(name, challenge, 60)).rejects.toBeInstanceOf(StoreUnavailable);
    await until(async () => {
      const list = await operator.call((client) => client.client("LIST"));
      return new RegExp(`id=${id} .*flags=b`).test(String(list));
    });
    await operator.call((client) => client.call("CLIENT", "KILL", "ID", String(id)));
    await cut;
    await operator.call((client) => client.call("CLIENT", "UNPAUSE"));
    await until(one.answers);
    expect(await one.challenges.get(name)).toBeUndefined();
  });

  test("that drops the subscriber's connection is listened to again", async () => {
    const server = await startServer();
    const one = open(server.url);
    await until(one.answers);
    const subscribers = async () => {
      const reply = await one.connection.call((client) => client.pubsub("CHANNELS", keys.instanceChannel("*")));
      return (reply as string[]).length;
    };
    await until(async () => (await subscribers()) === 1);
    await one.connection.call((client) => client.call("CLIENT", "KILL", "TYPE", "pubsub"));
    await until(async () => (await subscribers()) === 1);
  });

  test("that wants a password is an error, and its log-in is taken from the URL", async () => {
    const server = await startServer({ args: ["--requirepass", "p@ss/word"] });
    const [without, wrong, right] = [undefined, "wrong", "p%40ss%2Fword"].map((password) =>
      open(password === undefined ? server.url : server.url.replace("//", `//:${password}@`)),
    );
    await until(async () => (await right?.answers()) ?? false);
    await without?.refusesEverything();
    await wrong?.refusesEverything();
  });
});

describe("a Redis user with fewer rights", () => {
  async function openAs(...rules: string[]) {
    const server = await startServer();
    const root = new Redis(server.port);
    cleanUp.push(async () => root.disconnect());
    await root.call("ACL", "SETUSER", "headgate", "on", ">word", "resetchannels", ...rules);
    return open(server.url.replace("//", "//headgate:word@"));
  }

  test("needs no more than the documented ones", async () => {
    const document = readFileSync(join(import.meta.dirname, "..", "..", "SECURITY.md"), "utf8");
    const [, rules = ""] = /`ACL SETUSER headgate on >password (.+?)`/.exec(document) ?? [];
    const one = await openAs(...rules.split(" "));
    await until(one.answers);
    const account = freshName();
    const first = ticketOf(await one.admission.enterAccount({ account }, []));
    const second = one.admission.enterAccount({ account }, []);
    await one.admission.settleAccount(first, "complete");
    expect(await second).toMatchObject({ kind: "admitted" });
  });

  // Threat: a word to a waiter that the store refuses ends the script that has just taken the counts away to write them anew.
  test("without the channels makes the store not ready, and still gets a budget's guesses and no more", async () => {
    const one = await openAs("~hg:*", "+@all");
    await until(() => succeeds(one.admission.lockoutState(freshName())));
    await expect(one.connection.ping()).rejects.toBeInstanceOf(StoreUnavailable);
    const account = freshName();
    const guess = async () => {
      const entry = await one.admission.enterAccount({ account, attempt: passwordBudget }, []);
      if (entry.kind === "admitted") await one.admission.settleAccount(entry.ticket, "failed", passwordBudget);
      return entry.kind;
    };
    const kinds = [];
    for (let pair = 0; pair < 5; pair++) kinds.push(...(await Promise.all([guess(), guess()])));
    expect(kinds.filter((kind) => kind === "admitted")).toHaveLength(passwordBudget.maxAttempts);
    expect(kinds.filter((kind) => kind === "locked")).toHaveLength(10 - passwordBudget.maxAttempts);
  });
});

describe("a cluster", () => {
  test("that loses a node is an error within bounds, and works again once the node is back", async () => {
    const cluster = await startRedisCluster();
    cleanUp.push(cluster.stop);
    const one = open(cluster.url);
    await until(one.answers);
    const [lost] = cluster.nodes;
    lost?.process.kill("SIGSTOP");
    await expect(one.connection.ping()).rejects.toBeInstanceOf(StoreUnavailable);
    lost?.process.kill("SIGCONT");
    await until(async () => (await Promise.all([1, 2, 3, 4, 5, 6].map(one.answers))).every(Boolean));
  });

  test("that has moved a slot is followed; one that serves no slot for a name is an error until it does", async () => {
    const cluster = await startRedisCluster();
    cleanUp.push(cluster.stop);
    const one = open(cluster.url);
    await until(one.answers);
    const clients = cluster.nodes.map(({ port }) => new Redis(port));
    cleanUp.push(async () => {
      for (const client of clients) client.disconnect();
    });
    const everywhere = (...args: [string, ...(string | number)[]]) =>
      Promise.all(clients.map((client) => client.call("CLUSTER", ...args)));
    const account = freshName();
    const slot = Number(await clients[0]?.cluster("KEYSLOT", keys.account(account)));
    const owner = Math.floor((slot * 3) / 16_384);
    const target = await clients[(owner + 1) % 3]?.cluster("MYID");
    await everywhere("SETSLOT", slot, "NODE", String(target));
    const ticket = ticketOf(await one.admission.enterAccount({ account, attempt: passwordBudget }, []));
    expect(await one.admission.settleAccount(ticket, "failed", passwordBudget)).toMatchObject({ locked: false });
    expect(await one.admission.lockoutState(account)).toMatchObject({ passwordAttempts: 1 });

    await everywhere("DELSLOTS", slot);
    await until(async () => !(await one.answers()));
    await expect(one.admission.lockoutState(account)).rejects.toThrow("The store");
    await clients[(owner + 1) % 3]?.cluster("ADDSLOTS", slot);
    await until(one.answers);
    await until(() => succeeds(one.admission.lockoutState(account)));
  });

  test("whose nodes are all gone fails at once, and the gateway can still be closed", async () => {
    const cluster = await startRedisCluster();
    cleanUp.push(cluster.stop);
    const one = open(cluster.url);
    await until(one.answers);
    await cluster.stop();
    await until(async () => !(await one.answers()));
    await one.refusesEverything();
  });

  // Threat: a request that one slot refuses leaves its mark in another.
  test("takes back what one slot has done when another slot's node gives no answer", async () => {
    const cluster = await startRedisCluster();
    cleanUp.push(cluster.stop);
    const one = open(cluster.url);
    await until(one.answers);
    const [lost, kept] = cluster.nodes;
    const names = async (node: typeof lost) => {
      const probe = connectRedis({ url: cluster.url });
      const owner = async (name: string) => {
        const slot = await probe.call((client) => client.cluster("KEYSLOT", keys.account(name)));
        return Math.floor((slot * 3) / 16_384) === cluster.nodes.indexOf(node as (typeof cluster.nodes)[number]);
      };
      await until(() => succeeds(probe.ping()));
      for (;;) {
        const name = freshName();
        if (await owner(name)) {
          await probe.close();
          return name;
        }
      }
    };
    const [account, client, address] = [await names(kept), await names(kept), await names(lost)];
    const buckets = [slowBucket("client", 9, client), slowBucket("address", 9, address)];
    lost?.process.kill("SIGSTOP");
    await expect(one.admission.enterAccount({ account, attempt: passwordBudget }, buckets)).rejects.toBeInstanceOf(
      StoreUnavailable,
    );
    lost?.process.kill("SIGCONT");
    await until(one.answers);
    await until(async () => (await one.admission.lockoutState(account)).passwordAttempts === 0);
    expect((await one.admission.charge([buckets[0] as (typeof buckets)[number]])).buckets[0]?.remaining).toBe(8);
  });
});

test("closing leaves nothing behind that keeps the process or the server busy", async () => {
  const server = await startServer();
  const watcher = connectRedis({ url: server.url });
  cleanUp.push(() => watcher.close());
  await until(() => succeeds(watcher.ping()));
  const clients = async () =>
    String(await watcher.call((client) => client.client("LIST"))).match(/name=headgate/g)?.length;
  expect(await clients()).toBe(1);
  const connection = connectRedis({ url: server.url });
  const admission = createRedisAdmission({ connection, random: systemRandom });
  await until(async () => (await clients()) === 3);
  await admission.close();
  await connection.close();
  await until(async () => (await clients()) === 1);
  await expect(connection.ping()).rejects.toBeInstanceOf(StoreUnavailable);
});
