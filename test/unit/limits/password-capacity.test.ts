// Threat: more passwords than the identity provider can hash. Each answer comes later than the one before, callers give up and
// come again, and in the end it works on nothing but answers that nobody waits for.
import { describe, expect, test } from "vitest";
import { createPasswordCapacity } from "../../../src/limits/password-capacity.ts";

interface Job {
  readonly answer: Promise<unknown>;
  end(): void;
  fail(error: Error): void;
}

/** A capacity whose time is the test's, with work that ends when the test says so. */
function setUp(bounds: { concurrency?: number; queueLimit?: number; waitMs?: number } = {}) {
  const alarms: { readonly at: number; readonly ring: () => void }[] = [];
  let now = 0;
  const capacity = createPasswordCapacity({
    concurrency: 2,
    queueLimit: 2,
    waitMs: 1_500,
    ...bounds,
    clock: { sleep: (ms) => new Promise((ring) => alarms.push({ at: now + ms, ring })) },
  });
  const begun: string[] = [];
  let running = 0;
  let most = 0;

  function start(name: string, signal?: AbortSignal): Job {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const work = async () => {
      begun.push(name);
      running += 1;
      most = Math.max(most, running);
      try {
        return await promise;
      } finally {
        running -= 1;
      }
    };
    const answer = capacity.run(work, signal);
    answer.catch(() => undefined);
    return { answer, end: () => resolve(name), fail: reject };
  }
  return {
    start,
    begun,
    mostAtOnce: () => most,
    async pass(milliseconds: number) {
      now += milliseconds;
      for (const { at, ring } of alarms) if (at <= now) ring();
      await settled();
    },
  };
}

/** Lets everything run that can. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const busy = { kind: "busy", retryAfterSeconds: 2 };
const done = (value: string) => ({ kind: "done", value });

describe("work on passwords", () => {
  test("runs so much at a time, and what waits runs in its turn", async () => {
    const { start, begun, mostAtOnce } = setUp();
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => start(name)) as [Job, Job, Job, Job];
    await settled();
    expect(begun).toEqual(["a", "b"]);
    b.end();
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
    for (const job of [a, c, d]) job.end();
    expect(await Promise.all([a, b, c, d].map(({ answer }) => answer))).toEqual(["a", "b", "c", "d"].map(done));
    expect(mostAtOnce()).toBe(2);
  });

  test("is refused at once when too much waits, and says when to come again", async () => {
    const { start, begun } = setUp();
    for (const name of ["a", "b", "c", "d"]) start(name);
    expect(await start("e").answer).toEqual(busy);
    expect(begun).toEqual(["a", "b"]);
  });

  test("is refused when its turn does not come in time, and leaves its place to others", async () => {
    const { start, begun, pass } = setUp();
    const [a, , c] = ["a", "b", "c", "d"].map((name) => start(name)) as [Job, Job, Job];
    await pass(1_499);
    a.end();
    await settled();
    expect(begun).toEqual(["a", "b", "c"]);
    const late = start("late");
    await pass(1);
    expect(begun).toEqual(["a", "b", "c"]);
    await pass(1_499);
    expect(await late.answer).toEqual(busy);
    c.end();
    expect(await c.answer).toEqual(done("c"));
    const next = start("next");
    next.end();
    expect(await next.answer).toEqual(done("next"));
  });

  test("that fails gives its place free", async () => {
    const { start } = setUp({ concurrency: 1 });
    const failing = start("a");
    const next = start("b");
    failing.fail(new Error("the connection was lost"));
    await expect(failing.answer).rejects.toThrow("the connection was lost");
    next.end();
    expect(await next.answer).toEqual(done("b"));
  });

  test("of a caller that has gone is not begun", async () => {
    const { start, begun } = setUp({ concurrency: 1 });
    const caller = new AbortController();
    const first = start("a");
    const gone = start("gone", caller.signal);
    const next = start("b");
    caller.abort();
    first.end();
    next.end();
    expect(await gone.answer).toEqual(busy);
    expect(await next.answer).toEqual(done("b"));
    expect(begun).toEqual(["a", "b"]);
  });

  test("without a queue is refused as soon as all places are taken", async () => {
    const { start } = setUp({ concurrency: 1, queueLimit: 0 });
    start("a");
    expect(await start("b").answer).toEqual(busy);
  });
});
