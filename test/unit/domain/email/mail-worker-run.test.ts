import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createMailWorker } from "../../../../src/domain/email/mail-worker.ts";
import { createWakeUp, createWakingOutbox } from "../../../../src/domain/email/wake-up.ts";
import type { Clock } from "../../../../src/domain/ports/clock.ts";
import { StoreUnavailable } from "../../../../src/domain/ports/faults.ts";
import type { Mail, MailJob } from "../../../../src/domain/ports/mail.ts";
import { createGatewayWorld } from "../../../fakes/gateway-world.ts";

const mail: Mail = { kind: "mfa-enabled", to: "joe@example.com", firstName: "Joe", appName: "App one" };
const job: MailJob = { type: "send", mail };

/** A clock on which nobody wakes up by the time alone, unless told to. */
function createSleepless(now: () => number): Clock & { readonly slept: number[]; pass(): void } {
  const slept: number[] = [];
  const sleepers: (() => void)[] = [];
  return {
    now,
    slept,
    sleep: (milliseconds) => {
      slept.push(milliseconds);
      return new Promise((resolve) => sleepers.push(resolve));
    },
    pass: () => {
      for (const wake of sleepers.splice(0)) wake();
    },
  };
}

function setUp() {
  const world = createGatewayWorld();
  const clock = createSleepless(world.clock.now);
  const wakeUp = createWakeUp(clock);
  const log: string[] = [];
  const worker = createMailWorker({
    ...world,
    identityProvider: world.directory,
    accounts: world.directory,
    wakeUp,
    concurrency: 2,
    log: { warn: (_fields, message) => void log.push(message) },
  });
  const abort = new AbortController();
  return { ...world, clock, wakeUp, worker, log, abort, waking: createWakingOutbox({ ...world, wakeUp }) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

describe("a running worker", () => {
  test("is woken by a job of its own process, long before it would look for itself", async () => {
    const { worker, waking, abort, mailer, clock } = setUp();
    const running = worker.run(abort.signal);
    await until(() => clock.slept.length > 0);
    await waking.add(job);
    await until(() => mailer.sent.length === 1);
    abort.abort();
    await running;
  });

  test("finds jobs of other processes at its next look", async () => {
    const { worker, outbox, abort, mailer, clock } = setUp();
    const running = worker.run(abort.signal);
    await until(() => clock.slept.length > 0);
    await outbox.add(job);
    expect(mailer.sent).toEqual([]);
    clock.pass();
    await until(() => mailer.sent.length === 1);
    abort.abort();
    await running;
    expect(new Set(clock.slept)).toEqual(new Set([1_000]));
  });

  test("does as many jobs at once as it may", async () => {
    const { worker, outbox, abort, mailer } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    let most = 0;
    let now = 0;
    const { send } = mailer;
    mailer.send = async (...given) => {
      now += 1;
      most = Math.max(most, now);
      await promise;
      now -= 1;
      return send(...given);
    };
    for (let index = 0; index < 5; index += 1) await outbox.add(job);
    const running = worker.run(abort.signal);
    await until(() => now === 2);
    resolve();
    await until(() => mailer.sent.length === 5);
    abort.abort();
    await running;
    expect(most).toBe(2);
  });

  // Threat: a shutdown in the middle of a mail sends it a second time, or loses it.
  test("ends only when what it has begun has ended", async () => {
    const { worker, outbox, abort, mailer } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    let begun = false;
    const { send } = mailer;
    mailer.send = async (...given) => {
      begun = true;
      await promise;
      return send(...given);
    };
    await outbox.add(job);
    await outbox.add(job);
    let ended = false;
    const running = worker.run(abort.signal).then(() => {
      ended = true;
    });
    await until(() => begun);
    abort.abort();
    await sleep(5);
    expect(ended).toBe(false);
    resolve();
    await running;
    expect((await outbox.size()).waiting).toBe(2 - mailer.sent.length);
    expect(mailer.sent.length).toBeGreaterThan(0);
  });

  test("outlives a store that is away, says so once, and goes on when it is back", async () => {
    const { worker, outbox, abort, mailer, clock, log } = setUp();
    outbox.faults.failAlways("take", new StoreUnavailable("away"));
    const running = worker.run(abort.signal);
    for (let round = 1; round <= 3; round += 1) {
      await until(() => clock.slept.length === round);
      clock.pass();
    }
    outbox.faults.repair("take");
    await outbox.add(job);
    await until(() => clock.slept.length === 4 || mailer.sent.length === 1);
    clock.pass();
    await until(() => mailer.sent.length === 1);
    expect(log).toEqual(["the mail outbox cannot be read"]);
    abort.abort();
    await running;
  });

  test("that is told to run when it was aborted already does nothing", async () => {
    const { worker, outbox, abort, mailer } = setUp();
    await outbox.add(job);
    abort.abort();
    await worker.run(abort.signal);
    expect(mailer.sent).toEqual([]);
  });
});

test("a job that comes between a look and the wait is not slept on", async () => {
  const { wakeUp, abort, clock } = setUp();
  wakeUp.wake();
  await wakeUp.wait(1_000, abort.signal);
  expect(clock.slept).toEqual([]);
});

test("a job that could not be added wakes nobody", async () => {
  const { waking, outbox, wakeUp, abort, clock } = setUp();
  outbox.faults.failNext("add", new StoreUnavailable("away"));
  await expect(waking.add(job)).rejects.toBeInstanceOf(StoreUnavailable);
  const waiting = wakeUp.wait(1_000, abort.signal);
  expect(clock.slept).toEqual([1_000]);
  abort.abort();
  await waiting;
});

// Threat: whoever has a mail sent to an address, and times a request of the next moment, learns from how busy the gateway is
// whether there was a mail to send.
test("a job is acknowledged before its work begins, which is at no certain time within half a second", async () => {
  const { outbox, random, clock } = setUp();
  let wakes = 0;
  const wake = () => {
    wakes += 1;
  };
  const waking = createWakingOutbox({ outbox, random, clock, wakeUp: { wake } });
  for (let count = 0; count < 200; count += 1) await waking.add(job);
  expect(wakes).toBe(0);
  expect(new Set(clock.slept).size).toBeGreaterThan(100);
  expect(Math.min(...clock.slept)).toBeLessThan(50);
  expect(Math.max(...clock.slept)).toBeGreaterThan(450);
  expect(Math.max(...clock.slept)).toBeLessThan(500);
  clock.pass();
  await until(() => wakes === 200);
});
