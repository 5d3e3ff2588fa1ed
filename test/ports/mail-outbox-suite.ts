import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { keys } from "../../src/adapters/redis/keys.ts";
import { createRedisMailOutbox, type RedisMailOutboxDeps } from "../../src/adapters/redis/mail-outbox.ts";
import { systemRandom } from "../../src/adapters/system.ts";
import { StoreUnavailable } from "../../src/domain/ports/faults.ts";
import type { MailJob } from "../../src/domain/ports/mail.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";

/** A job for an address that no other test uses. */
export const requestFor = (email: string): MailJob => ({
  type: "request",
  purpose: "reset-password",
  email,
  appId: "cca_demo",
});

const secret = "a secret of at least thirty-two characters";
const leaseMs = 30_000;

/** The mail outbox. */
export function mailOutboxSuite(engine: string, start: StartEngine): void {
  describe(`the mail outbox on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async (options: Partial<RedisMailOutboxDeps> = {}) => {
      const { connection } = await harness.instance();
      return createRedisMailOutbox({ connection, random: systemRandom, secret, ...options });
    };
    type Outbox = Awaited<ReturnType<typeof open>>;

    /** An outbox without the jobs of the tests before. */
    async function openEmpty(options?: Partial<RedisMailOutboxDeps>): Promise<Outbox> {
      await Promise.all(harness.nodes().map((node) => node.flushall()));
      return open(options);
    }
    /** Takes until a job is due. */
    async function takeSoon(outbox: Outbox, lease = leaseMs) {
      let taken = await outbox.take(lease);
      await until(async () => {
        taken ??= await outbox.take(lease);
        return taken !== undefined;
      });
      if (taken === undefined) throw new Error("No job became due.");
      return taken;
    }

    test("gives a job out once and forgets it when it is done", async () => {
      const outbox = await openEmpty();
      expect(await outbox.take(leaseMs)).toBeUndefined();
      await outbox.add(requestFor("jane@example.com"));
      expect(await outbox.size()).toEqual({ waiting: 1, dead: 0 });

      const taken = await outbox.take(leaseMs);
      expect(taken).toMatchObject({ job: requestFor("jane@example.com"), tries: 0 });
      expect(taken?.ageMs).toBeGreaterThanOrEqual(0);
      expect(taken?.ageMs).toBeLessThan(60_000);
      expect(await outbox.take(leaseMs)).toBeUndefined();
      await outbox.done(taken?.id ?? "");
      expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
    });

    // Threat: the store's clock is set back, and mails wait for as long as it was wrong.
    test("gives out jobs that were due on a clock that was ahead, and they are as old as new ones", async () => {
      const outbox = await openEmpty();
      await outbox.add(requestFor("waiting@example.com"));
      await outbox.add(requestFor("taken@example.com"));
      await outbox.take(leaseMs);
      const ahead = `for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
        local enqueuedAt, rest = string.match(redis.call('HGET', KEYS[2], id), '^(%d+)( .*)$')
        redis.call('HSET', KEYS[2], id, string.format('%.0f', enqueuedAt + 86400000) .. rest)
        redis.call('ZINCRBY', KEYS[1], 86400000, id)
      end`;
      const { due, jobs } = keys.mail();
      await Promise.any(harness.nodes().map((node) => node.eval(ahead, 2, due, jobs)));
      for (let count = 0; count < 2; count++) {
        const taken = await outbox.take(leaseMs);
        expect(taken).toMatchObject({ ageMs: 0 });
        await outbox.done(taken?.id ?? "");
      }
      expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
    });

    test("carries every kind of job unchanged, in the order in which they came", async () => {
      const outbox = await openEmpty();
      const jobs: MailJob[] = [
        requestFor("jane@example.com"),
        { type: "notify", kind: "account-locked", email: "j\u00e4ne@example.com", appId: "cca_demo", minutes: 10 },
        {
          type: "send",
          mail: {
            kind: "verify-email",
            to: "jane@example.com",
            firstName: "Jane \u{1f469}",
            appName: "Demo",
            link: "https://demo.example/v?token=t",
            minutes: 1440,
          },
        },
      ];
      for (const job of jobs) {
        await outbox.add(job);
        await sleep(2);
      }
      const taken: MailJob[] = [];
      for (let one = await outbox.take(leaseMs); one !== undefined; one = await outbox.take(leaseMs))
        taken.push(one.job);
      expect(taken).toEqual(jobs);
    });

    // Threat: a mail goes out as often as there are instances.
    test("shares 60 jobs among the parallel takes of three instances; none is taken twice", async () => {
      const first = await openEmpty();
      const outboxes = [first, await open(), await open()];
      await Promise.all(Array.from({ length: 60 }, (_, index) => first.add(requestFor(`user${index}@example.com`))));
      const taken = await Promise.all(Array.from({ length: 80 }, (_, index) => outboxes[index % 3]?.take(leaseMs)));
      const ids = taken.flatMap((one) => (one === undefined ? [] : [one.id]));
      expect(ids).toHaveLength(60);
      expect(new Set(ids).size).toBe(60);
    });

    // Threat: a gateway is killed while it sends, and the mail that was promised never arrives.
    test("gives a job out again when its lease has ended without a word, and counts the tries", async () => {
      const outbox = await openEmpty();
      const other = await open();
      await outbox.add(requestFor("jane@example.com"));
      const lost = await outbox.take(50);
      const again = await takeSoon(other);
      expect(again).toMatchObject({ id: lost?.id, job: lost?.job, tries: 1 });
      expect(again?.ageMs).toBeGreaterThan(lost?.ageMs ?? Number.POSITIVE_INFINITY);
    });

    // Threat: a worker that was held up takes the job away from the one that has it now, and the mail goes out twice.
    test("ignores the retry and the burial of a worker whose lease has passed to another", async () => {
      const slow = await openEmpty();
      const other = await open();
      for (const name of ["a", "b"]) await slow.add(requestFor(`${name}@example.com`));
      const late = [await slow.take(50), await slow.take(50)].map((one) => one?.id ?? "");
      const taken = [await takeSoon(other), await takeSoon(other)].map(({ id }) => id);
      expect([...taken].sort()).toEqual([...late].sort());

      await slow.retry(late[0] ?? "", 0);
      await slow.bury(late[1] ?? "", "late");
      // It has no hold on them any more, so the same word again means nothing either.
      for (const id of late) await slow.bury(id, "late");
      expect(await slow.take(leaseMs)).toBeUndefined();
      expect(await slow.size()).toEqual({ waiting: 2, dead: 0 });
      await other.retry(late[0] ?? "", 0);
      expect(await takeSoon(slow)).toMatchObject({ id: late[0], tries: 2 });
    });

    test("takes the word of a late worker that the mail has gone out, also when another has given the job up", async () => {
      const slow = await openEmpty();
      const other = await open();
      await slow.add(requestFor("jane@example.com"));
      await slow.take(50);
      const { id } = await takeSoon(other);
      await other.bury(id, "no answer");
      await slow.done(id);
      expect(await slow.size()).toEqual({ waiting: 0, dead: 0 });
    });

    test("keeps a job back for the delay of a retry", async () => {
      const outbox = await openEmpty();
      await outbox.add(requestFor("jane@example.com"));
      const taken = await outbox.take(leaseMs);
      await outbox.retry(taken?.id ?? "", 3_600_000);
      expect(await outbox.take(leaseMs)).toBeUndefined();
      const [waiting] = await outbox.waiting(10);
      expect(waiting).toMatchObject({ id: taken?.id, type: "request", tries: 1 });
      expect((waiting?.dueAt ?? 0) - (waiting?.enqueuedAt ?? 0)).toBeGreaterThan(3_590_000);
      await outbox.add(requestFor("joe@example.com"));
      const sooner = await takeSoon(outbox);
      await outbox.retry(sooner.id, 20);
      expect(await takeSoon(outbox)).toMatchObject({ id: sooner.id, tries: 1 });
    });

    test("shows dead jobs, the oldest first, without addresses, and gives them out anew when replayed", async () => {
      const outbox = await openEmpty();
      const buried: string[] = [];
      for (const reason of ["refused for jane@example.com,\r\nfor good", "x".repeat(500), "third"]) {
        await outbox.add(requestFor("jane@example.com"));
        const { id } = await takeSoon(outbox);
        await outbox.bury(id, reason);
        buried.push(id);
        await sleep(2);
      }
      expect(await outbox.take(leaseMs)).toBeUndefined();
      const dead = await outbox.dead(10);
      expect(dead.map(({ id }) => id)).toEqual(buried);
      expect(dead.map(({ reason }) => reason)).toEqual(["refused for (address) for good", "x".repeat(200), "third"]);
      expect(dead[0]).toMatchObject({ type: "request" });
      expect(dead[0]?.diedAt).toBeGreaterThanOrEqual(dead[0]?.enqueuedAt ?? Number.POSITIVE_INFINITY);
      expect((await outbox.dead(2)).map(({ id }) => id)).toEqual(buried.slice(0, 2));
      expect(await outbox.dead(0)).toEqual([]);

      expect(await outbox.replay("unknown")).toBe(0);
      expect(await outbox.replay(buried[1])).toBe(1);
      expect(await outbox.replay(buried[1])).toBe(0);
      expect(await outbox.size()).toEqual({ waiting: 1, dead: 2 });
      expect(await outbox.take(leaseMs)).toMatchObject({
        id: buried[1],
        tries: 0,
        job: requestFor("jane@example.com"),
      });
      expect(await outbox.replay()).toBe(2);
      expect(await outbox.size()).toEqual({ waiting: 3, dead: 0 });
    });

    // Threat: mails that cannot go out fill the store until no login can be decided.
    test("keeps a bounded number of jobs: a full outbox takes no more, a full dead list drops its oldest", async () => {
      const outbox = await openEmpty({ maxWaiting: 3, maxDead: 2 });
      for (const name of ["a", "b", "c"]) await outbox.add(requestFor(`${name}@example.com`));
      await expect(outbox.add(requestFor("d@example.com"))).rejects.toBeInstanceOf(StoreUnavailable);
      const ids: string[] = [];
      for (let count = 0; count < 3; count++) {
        const { id } = await takeSoon(outbox);
        await outbox.bury(id, "no");
        ids.push(id);
        await sleep(2);
      }
      expect((await outbox.dead(10)).map(({ id }) => id)).toEqual(ids.slice(1));
      await outbox.add(requestFor("d@example.com"));
    });

    test("gives up a job that is too old, instead of dropping it", async () => {
      const outbox = await openEmpty({ maxAgeMs: 20 });
      await outbox.add(requestFor("jane@example.com"));
      await sleep(40);
      expect(await outbox.take(leaseMs)).toBeUndefined();
      expect(await outbox.dead(10)).toMatchObject([{ type: "request", reason: "It was not sent in time." }]);
    });

    test("forgets a dead job when its time is over", async () => {
      const outbox = await openEmpty({ keepMs: 300 });
      await outbox.add(requestFor("jane@example.com"));
      await outbox.bury((await takeSoon(outbox)).id, "no");
      expect(await outbox.size()).toEqual({ waiting: 0, dead: 1 });
      await sleep(200);
      await outbox.add(requestFor("jane@example.com"));
      await until(async () => (await outbox.size()).dead === 0);
      expect(await outbox.dead(10)).toEqual([]);
    });

    // Threat: after a change of the secret, one job that cannot be read stops all mail.
    test("gives up what was stored under another secret, and sends it when the secret is back", async () => {
      const before = await openEmpty();
      const after = await open({ secret: "another secret of thirty-two characters" });
      await before.add(requestFor("old@example.com"));
      await sleep(2);
      await after.add(requestFor("new@example.com"));
      expect(await after.take(leaseMs)).toMatchObject({ job: requestFor("new@example.com") });
      const [dead] = await after.dead(10);
      expect(dead).toMatchObject({ type: "request", reason: expect.stringContaining("another HEADGATE_SECRET") });
      await before.replay(dead?.id);
      expect(await before.take(leaseMs)).toMatchObject({ job: requestFor("old@example.com") });
    });

    // Threat: whoever reads the store, or a backup of it, learns who has an account or gets a working link.
    test("stores no address, link or name in clear, waiting or dead, and nothing for ever", async () => {
      const outbox = await openEmpty();
      const token = freshName();
      const mail = {
        kind: "verify-email",
        to: "jane@example.com",
        firstName: "Jane",
        appName: "Demo",
        link: `https://demo.example/v?token=${token}`,
      } as const;
      await outbox.add(requestFor("jane@example.com"));
      await outbox.add({ type: "send", mail });
      await outbox.add({ type: "send", mail });
      await outbox.bury((await takeSoon(outbox)).id, "no");
      const stored = (await harness.stored()).filter(({ key }) => key.includes("{mail}"));
      expect(stored.map(({ key }) => key).sort()).toEqual(["hg:{mail}:d", "hg:{mail}:j", "hg:{mail}:x", "hg:{mail}:y"]);
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      const text = stored.map(({ text: value }) => value).join("\n");
      for (const raw of ["jane", "Jane", "example", token, Buffer.from("jane@example.com").toString("base64url")]) {
        expect(text).not.toContain(raw);
      }
    });
  });
}
