// The rules of a shared refresh, under every order of events that fast-check comes up with: each request, each answer and each
// refresh is a step that the scheduler may delay as it likes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CalimaticAuthError } from "../../src/sdk/index.ts";
import { createRenewal } from "../../src/sdk/renewal.ts";

const invalidToken = new CalimaticAuthError({ status: 401, code: "INVALID_TOKEN", message: "m" });

/** A token names its user and its place in the user's line of tokens: `jane.0`, `jane.1` … */
const tokenOf = (user: string, version: number): string => `${user}.${version}`;
const read = (token: string): { user: string; version: number } => {
  const [user = "", version] = token.split(".");
  return { user, version: Number(version) };
};

/** A gateway, an application's sessions and a renewal between them, in which every step waits for the scheduler. */
function world(scheduler: fc.Scheduler, refreshFails: (round: number) => boolean = () => false) {
  const good = new Map<string, number>();
  const refreshes: string[] = [];
  const current = (user: string): number => good.get(user) ?? 1;
  const renewal = createRenewal({
    timeoutMs: 2_147_483_647,
    onRefresh: async (stale) => {
      const round = refreshes.push(stale);
      await scheduler.schedule(Promise.resolve(), `refresh ${stale}`);
      if (refreshFails(round)) throw new Error(`refresh ${round} failed`);
      const { user, version } = read(stale);
      good.set(user, Math.max(current(user), version + 1));
      return tokenOf(user, current(user));
    },
  });
  async function call(accessToken: string) {
    const sent: string[] = [];
    const send = async (token: string) => {
      sent.push(token);
      await scheduler.schedule(Promise.resolve(), `request ${token}`);
      const { user, version } = read(token);
      const isGood = version >= current(user);
      await scheduler.schedule(Promise.resolve(), `answer ${token}`);
      if (!isGood) throw invalidToken;
      return user;
    };
    const outcome = await renewal.run({ accessToken, send, wait: (work) => work }).then(
      (user) => ({ user, error: undefined }),
      (error: unknown) => ({ user: undefined, error }),
    );
    return { accessToken, sent, ...outcome };
  }
  return {
    refreshes,
    call,
    /** A call that begins at a moment of the scheduler's choice. */
    callLater: async (accessToken: string) => {
      await scheduler.schedule(Promise.resolve(), `call ${accessToken}`);
      return await call(accessToken);
    },
    /** Ends a user's good token at a moment of the scheduler's choice. */
    expireLater: async (user: string) => {
      await scheduler.schedule(Promise.resolve(), `expire ${user}`);
      good.set(user, current(user) + 1);
    },
  };
}

const users = fc.array(fc.constantFrom("jane", "joe", "ann"), { minLength: 1, maxLength: 8 });

describe("under any order of events", () => {
  it("each ended token is refreshed once, and every call gets its own user's answer", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), users, async (scheduler, callers) => {
        const { call, callLater, refreshes } = world(scheduler);
        const calls = callers.map((user, index) => (index % 2 ? callLater : call)(tokenOf(user, 0)));
        await scheduler.waitFor(Promise.all(calls));
        const outcomes = await Promise.all(calls);
        expect(outcomes.map(({ user }) => user)).toEqual(callers);
        expect([...refreshes].sort()).toEqual([...new Set(callers)].sort().map((user) => tokenOf(user, 0)));
      }),
      { numRuns: 300 },
    );
  });

  it("no token is refreshed twice, and no call is sent a third time, also when new tokens end at once", async () => {
    const events = fc.array(
      fc.record({ user: fc.constantFrom("jane", "joe"), kind: fc.constantFrom("call", "callLater", "expire") }),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), events, async (scheduler, list) => {
        const { call, callLater, expireLater, refreshes } = world(scheduler);
        const running = list.map(async ({ user, kind }) => {
          if (kind === "expire") return await expireLater(user);
          return await (kind === "call" ? call : callLater)(tokenOf(user, 0));
        });
        await scheduler.waitFor(Promise.all(running));
        expect(new Set(refreshes).size).toBe(refreshes.length);
        for (const outcome of await Promise.all(running)) {
          if (outcome === undefined) continue;
          const { accessToken, sent, user, error } = outcome;
          expect(sent.length).toBeLessThanOrEqual(2);
          for (const token of sent) expect(read(token).user).toBe(read(accessToken).user);
          if (error === undefined) expect(user).toBe(read(accessToken).user);
          else expect(error).toBe(invalidToken);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("calls that began before a refresh failed share its failure", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 8 }), async (scheduler, count) => {
        const { call, refreshes } = world(scheduler, () => true);
        const calls = Array.from({ length: count }, () => call("jane.0"));
        await scheduler.waitFor(Promise.all(calls));
        const outcomes = await Promise.all(calls);
        expect(refreshes).toEqual(["jane.0"]);
        const [first] = outcomes;
        expect(first?.error).toMatchObject({ message: "refresh 1 failed" });
        for (const { error, sent } of outcomes) {
          expect(error).toBe(first?.error);
          expect(sent).toEqual(["jane.0"]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("a failed refresh is followed by another for calls that begin after it, and they succeed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 5 }), async (scheduler, count) => {
        const { call, refreshes } = world(scheduler, (round) => round === 1);
        const first = Array.from({ length: count }, () => call("jane.0"));
        await scheduler.waitFor(Promise.all(first));
        const second = Array.from({ length: count }, () => call("jane.0"));
        await scheduler.waitFor(Promise.all(second));
        expect((await Promise.all(second)).map(({ user }) => user)).toEqual(Array(count).fill("jane"));
        expect(refreshes).toEqual(["jane.0", "jane.0"]);
      }),
    );
  });
});

it("a call that is refused late goes out with the newest token", async () => {
  const renewal = createRenewal({ timeoutMs: 1000, onRefresh: (stale) => String(Number(stale) + 1) });
  const sent: string[] = [];
  const answers: Promise<string>[] = [];
  const send = async (token: string) => {
    sent.push(token);
    const slow = answers.shift();
    if (slow !== undefined) return await slow;
    if (token !== "2") throw invalidToken;
    return token;
  };
  const run = () => renewal.run({ accessToken: "0", send, wait: (work) => work });
  let refuse: (error: Error) => void = () => {};
  answers.push(
    new Promise((_resolve, reject) => {
      refuse = reject;
    }),
  );
  const late = run();
  await expect(run()).rejects.toBe(invalidToken);
  expect(await run()).toBe("2");
  refuse(invalidToken);
  expect(await late).toBe("2");
  expect(sent).toEqual(["0", "0", "1", "1", "2", "2"]);
});

// Threat: a server that runs for months refreshes millions of tokens. What a client remembers of them must not grow with it.
it("remembers a thousand replaced tokens, and the latest ones", async () => {
  const refreshes: string[] = [];
  const renewal = createRenewal({
    timeoutMs: 1000,
    onRefresh: (stale) => {
      refreshes.push(stale);
      return stale.replace("stale", "fresh");
    },
  });
  const send = async (token: string) => {
    if (token.startsWith("stale")) throw invalidToken;
    return token;
  };
  const run = (index: number) => renewal.run({ accessToken: `stale-${index}`, send, wait: (work) => work });
  for (let index = 0; index <= 1000; index += 1) await run(index);
  expect(refreshes).toHaveLength(1001);
  expect(await run(1)).toBe("fresh-1");
  expect(refreshes).toHaveLength(1001);
  expect(await run(0)).toBe("fresh-0");
  expect(refreshes).toHaveLength(1002);
});

it("a line of tokens that bites its own tail ends", async () => {
  const next: Record<string, string> = { a: "b", b: "a" };
  let good = "b";
  const renewal = createRenewal({ timeoutMs: 1000, onRefresh: (stale) => next[stale] ?? "" });
  const send = async (token: string) => {
    if (token !== good) throw invalidToken;
    return token;
  };
  const run = (accessToken: string) => renewal.run({ accessToken, send, wait: (work) => work });
  expect(await run("a")).toBe("b");
  good = "a";
  expect(await run("b")).toBe("a");
  expect(await run("a")).toBe("a");
  expect(await run("b")).toBe("a");
});
