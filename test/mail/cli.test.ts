import { afterEach, beforeEach, expect, test } from "vitest";
import { connectRedis, type RedisConnection } from "../../src/adapters/redis/connect.ts";
import { type EmbeddedRedis, startEmbeddedRedis } from "../../src/adapters/redis/embedded.ts";
import { createRedisMailOutbox } from "../../src/adapters/redis/mail-outbox.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { listMail, parseMailCommand, replayMail } from "../../src/cli/mail.ts";
import { succeeds, until } from "../support/redis.ts";

let redis: EmbeddedRedis;
let connection: RedisConnection;
let outbox: ReturnType<typeof createRedisMailOutbox>;
let printed: string;

beforeEach(async () => {
  redis = await startEmbeddedRedis();
  connection = connectRedis({ url: redis.url });
  await until(() => succeeds(connection.ping()));
  const secret = "a secret of at least thirty-two characters";
  outbox = createRedisMailOutbox({ connection, random: systemRandom, secret });
  printed = "";
});
afterEach(async () => {
  await connection.close();
  await redis.close();
});

/** The deps of a command that runs so long after now. */
const deps = (afterMs = 0) => ({
  queue: outbox,
  print: (text: string) => {
    printed += text;
  },
  now: Date.now() + afterMs,
});

/** Adds a job and takes it; the outbox must have no other that is due. */
async function addAndTake() {
  await outbox.add({ type: "request", purpose: "verify-email", email: "jane@example.com", appId: "cca_demo" });
  const taken = await outbox.take(30_000);
  if (taken === undefined) throw new Error("No job is due.");
  return taken.id;
}

test("the arguments are read, and what is wrong with them is said", () => {
  expect(parseMailCommand(["list"])).toEqual({ kind: "mail-list" });
  expect(parseMailCommand(["replay", "--all"])).toEqual({ kind: "mail-replay" });
  // An id can start with a hyphen.
  expect(parseMailCommand(["replay", "-kX"])).toEqual({ kind: "mail-replay", id: "-kX" });
  for (const args of [[], ["list", "x"], ["replay"], ["replay", "a", "b"], ["send"]]) {
    expect(parseMailCommand(args)).toMatchObject({ kind: "unknown", problem: expect.stringContaining("mail") });
  }
});

test("an empty outbox is two lines", async () => {
  await listMail(deps());
  expect(printed).toBe("Waiting: 0\n\nGiven up: 0\n");
});

// Threat: the addresses of users end up in terminals, tickets and shell logs.
test("jobs are listed with id, type, age and reason, in columns and without an address", async () => {
  const retried = await addAndTake();
  await outbox.retry(retried, 3_600_000);
  const dead = await addAndTake();
  await outbox.bury(dead, "the mail server refused the mail: MailRefused SMTP_550");
  await listMail(deps(30 * 60_000));
  const lines = printed.replaceAll(retried, "R".repeat(22)).replaceAll(dead, "D".repeat(22)).split("\n");
  expect(lines).toEqual([
    "Waiting: 1",
    "  ID                      TYPE     AGE     TRIES  DUE",
    expect.stringMatching(/^ {2}R{22} {2}request {2}30 min {2}1 {6}in (29|30) min$/),
    "",
    "Given up: 1",
    "  ID                      TYPE     AGE     GIVEN UP    REASON",
    "  DDDDDDDDDDDDDDDDDDDDDD  request  30 min  30 min ago  the mail server refused the mail: MailRefused SMTP_550",
    "",
  ]);
  expect(printed).not.toContain("@");
});

test("a long list says how many it leaves out", async () => {
  for (let count = 0; count < 102; count++) {
    await outbox.add({ type: "request", purpose: "verify-email", email: "jane@example.com", appId: "cca_demo" });
  }
  await listMail(deps(3 * 86_400_000));
  expect(printed.split("\n").filter((line) => / {2}request {2}3 d {2}0 {6}now$/.test(line))).toHaveLength(100);
  expect(printed).toContain("\n  and 2 more\n");
});

test("dead jobs are replayed one by one or all together; an id that is none is told", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) {
    ids.push(await addAndTake());
    await outbox.bury(ids.at(-1) ?? "", "no");
  }
  expect(await replayMail(deps(), "unknown")).toBe(false);
  expect(printed).toBe("No job with this id was given up.\n");
  printed = "";
  expect(await replayMail(deps(), ids[2])).toBe(true);
  expect(await replayMail(deps())).toBe(true);
  expect(await replayMail(deps())).toBe(true);
  expect(printed).toBe("1 job will be tried again.\n3 jobs will be tried again.\n0 jobs will be tried again.\n");
  expect(await outbox.size()).toEqual({ waiting: 4, dead: 0 });
});
