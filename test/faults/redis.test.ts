import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { loadAdmissionScripts, type Script } from "../../src/adapters/redis/scripts.ts";
import { type ApiAnswer, callApi } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { accessTokenOf, callAs } from "../support/enrolment.ts";
import { expectFault, untilOk, within } from "../support/fault-answer.ts";
import { through } from "../support/fault-stack.ts";
import { readyz, startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, keycloakUrl, sessionsOf, type TestUser, totpCode } from "../support/keycloak.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** The gateway waits a second for an answer of the store; a request makes a handful of calls. */
const bound = 15_000;

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

interface Stack {
  readonly redis: TestRedis;
  readonly wire: TcpProxy;
  readonly proxy: CountingProxy;
  readonly gateway: TestGateway;
  /** For settings of the store, past the wire. */
  readonly client: Redis;
}

async function startStack(args: readonly string[] = []): Promise<Stack> {
  const redis = await startRedis({ args });
  cleanUp.push(() => redis.stop());
  const wire = await startTcpProxy(redis.port);
  cleanUp.push(() => wire.close());
  const proxy = await startCountingProxy(keycloakUrl);
  cleanUp.push(() => proxy.close());
  const gateway = await startGateway({ redisUrl: `redis://127.0.0.1:${wire.port}`, env: through(proxy) });
  cleanUp.push(() => gateway.stop("SIGKILL"));
  const client = new Redis(redis.port, { retryStrategy: () => 50, enableReadyCheck: false });
  client.on("error", () => undefined);
  cleanUp.push(async () => client.disconnect());
  return { redis, wire, proxy, gateway, client };
}

/** People and things that a fault may cost something. */
async function prepare({ gateway }: Pick<Stack, "gateway">) {
  const [plain, withOtp, bearer] = await Promise.all([createUser(), createUser({ totp: true }), createUser()]);
  const login = ({ email, password }: TestUser) => callApi(gateway, "/login", { body: { email, password } });
  // Two wrong ones: a count that must be the same afterwards.
  for (let guess = 0; guess < 2; guess++)
    expect((await login({ ...plain, password: `wrong-${guess}` })).status).toBe(401);
  const { body: challenge } = await login(withOtp);
  const { body: tokens } = await login(bearer);
  const accessToken = await accessTokenOf(gateway, bearer);
  const verify = (steps = 0) =>
    callApi(gateway, "/mfa/verify", {
      body: { mfaToken: challenge.mfaToken, code: totpCode(withOtp.totpSecret, steps), method: "totp" },
    });
  const attemptsLeft = async () =>
    (await callApi(gateway, `/security/lockout-status?userId=${plain.userId}`)).body.attemptsRemaining;
  const email = `user-${randomUUID()}@example.com`;
  const everything: Record<string, () => Promise<ApiAnswer>> = {
    login: () => login(plain),
    "a wrong password": () => login({ ...plain, password: "wrong" }),
    "mfa/verify": () => verify(),
    refresh: () => callApi(gateway, "/refresh", { body: { refreshToken: tokens.refreshToken } }),
    logout: () => callApi(gateway, "/logout", { body: { refreshToken: tokens.refreshToken } }),
    "a bearer call": () => callAs(accessToken, gateway, "/mfa/status"),
    "lockout-status": () => callApi(gateway, `/security/lockout-status?userId=${plain.userId}`),
    "reset-send": () => callApi(gateway, "/password/reset-send", { body: { email: plain.email } }),
    signup: () =>
      callApi(gateway, "/signup", {
        body: { email, password: "Correct-Horse-1", firstName: "Jane", lastName: "Doe" },
      }),
  };
  return { plain, withOtp, login, verify, attemptsLeft, everything };
}
type Prepared = Awaited<ReturnType<typeof prepare>>;

/** Everything is answered with the documented fault, in bounded time, and nothing but reads reaches Keycloak. */
async function expectClosed({ proxy }: Stack, { everything, plain, withOtp }: Prepared): Promise<void> {
  proxy.reset();
  const calls = Object.entries(everything);
  const answers = await within(bound, Promise.all(calls.map(([, call]) => call())));
  for (const answer of answers) expectFault(answer);
  expect(proxy.calls.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(await sessionsOf(plain)).toEqual([]);
  expect(await sessionsOf(withOtp)).toEqual([]);
}

/** The count is what it was, the challenge and the gates are good, all without a restart. */
async function expectRecovered({ plain, withOtp, login, verify, attemptsLeft }: Prepared, left = 3): Promise<void> {
  await untilOk(() => login({ ...withOtp }));
  expect(await attemptsLeft()).toBe(left);
  expect((await within(bound, login(plain))).status).toBe(200);
  expect((await within(bound, verify())).status).toBe(200);
  expect(await attemptsLeft()).toBe(5);
}

// Threat: a store that is away, refuses or hangs lets a guess or a login through uncounted, hangs every caller, acknowledges
// a mail that it does not keep, or leaves the gateway broken when it is back.
describe("Redis at fault: no login, nothing reaches Keycloak", () => {
  test("gone: at once, /readyz says which part, and it works again by itself", async () => {
    const stack = await startStack();
    const prepared = await prepare(stack);
    await stack.wire.refuse();
    await expectClosed(stack, prepared);
    await until(async () => (await readyz(stack.gateway)).status === 503);
    expect(await readyz(stack.gateway)).toMatchObject({ body: { parts: { store: { status: "down" } } } });
    await stack.wire.accept();
    await expectRecovered(prepared);
  });

  for (const [state, begin, end] of [
    ["read-only", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    ["out of memory", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]],
  ] as const)
    test(state, async () => {
      const stack = await startStack(["--maxmemory-policy", "noeviction"]);
      const prepared = await prepare(stack);
      await stack.client.call(...(begin as unknown as [string, ...string[]]));
      await expectClosed(stack, prepared);
      await stack.client.call(...(end as unknown as [string, ...string[]]));
      await expectRecovered(prepared);
    });

  test("hung: a stopped process", async () => {
    const stack = await startStack();
    const prepared = await prepare(stack);
    stack.redis.process.kill("SIGSTOP");
    await expectClosed(stack, prepared);
    stack.redis.process.kill("SIGCONT");
    await expectRecovered(prepared);
  });

  test("hung: a network that swallows everything", async () => {
    const stack = await startStack();
    const prepared = await prepare(stack);
    stack.wire.behave({ kind: "hang" });
    await expectClosed(stack, prepared);
    stack.wire.behave({ kind: "pass" });
    await expectRecovered(prepared);
  });

  test("3 s late", async () => {
    const stack = await startStack();
    const prepared = await prepare(stack);
    stack.wire.behave({ kind: "delay", ms: 3_000 });
    await expectClosed(stack, prepared);
    stack.wire.behave({ kind: "pass" });
    await expectRecovered(prepared);
  });

  test("restarted: refused while it loads, and the counts are there afterwards", async () => {
    const dir = await mkdtemp(join(tmpdir(), "headgate-aof-"));
    cleanUp.push(() => rm(dir, { recursive: true }));
    const args = ["--dir", dir, "--appendonly", "yes", "--appendfsync", "always"];
    const stack = await startStack(args);
    const prepared = await prepare(stack);
    // So much that reading it takes about 6 seconds, with the delay below.
    const filler = stack.client.pipeline();
    for (let index = 0; index < 40_000; index++) filler.set(`filler:${index}`, "x");
    await filler.exec();
    await stack.redis.stop();
    const slow = ["--key-load-delay", "150"];
    const starting = startRedis({ port: stack.redis.port, args: [...args, ...slow] });
    cleanUp.push(async () => (await starting).stop());
    await until(async () => (await stack.client.info("persistence").catch(() => "")).includes("loading:1"));
    await expectClosed(stack, prepared);
    expect(await stack.client.info("persistence")).toContain("loading:1");
    await starting;
    await expectRecovered(prepared);
  });
});

test("Redis slow by 300 ms each way: everything works", async () => {
  const stack = await startStack();
  const prepared = await prepare(stack);
  stack.wire.behave({ kind: "delay", ms: 300 });
  await expectRecovered(prepared);
});

// Threat: the connection is lost while a script runs, so that nobody knows whether it ran: an attempt is not counted, or the
// account's gate stays shut behind a holder that does not exist.
describe("Redis lost in the middle of a login", () => {
  const scripts = loadAdmissionScripts();

  async function loginWhile(script: Script, at: "request" | "reply") {
    const stack = await startStack();
    const user = await createUser();
    const login = () => callApi(stack.gateway, "/login", { body: { email: user.email, password: user.password } });
    const left = async () =>
      (await callApi(stack.gateway, `/security/lockout-status?userId=${user.userId}`)).body.attemptsRemaining;
    expect((await login()).status).toBe(200);
    const sessions = (await sessionsOf(user)).length;
    stack.wire.behave({ kind: "cut", at, when: script.sha1 });
    expectFault(await within(bound, login()));
    expect(stack.wire.cuts).toBe(1);
    expect(await sessionsOf(user)).toHaveLength(sessions);
    // The lease of a gate is a minute here: whoever finds it shut would be told RATE_LIMITED.
    await within(bound, untilOk(login));
    expect(await left()).toBe(5);
  }

  for (const at of ["request", "reply"] as const) {
    test(`at the entry, the ${at} cut off`, () => loginWhile(scripts.enterAccount, at));
    test(`at the verdict, the ${at} cut off: the new session is ended`, () => loginWhile(scripts.settleAccount, at));
  }

  test("at the verdict of a wrong password: it stays counted", async () => {
    const stack = await startStack();
    const user = await createUser();
    const login = (password: string) => callApi(stack.gateway, "/login", { body: { email: user.email, password } });
    expect((await login("wrong")).status).toBe(401);
    stack.wire.behave({ kind: "cut", at: "request", when: scripts.settleAccount.sha1 });
    expectFault(await within(bound, login("wrong, too")));
    await untilOk(() => callApi(stack.gateway, `/security/lockout-status?userId=${user.userId}`));
    const answer = await within(bound, login("wrong again"));
    expect([answer.status, answer.body.code]).toEqual([401, "INVALID_CREDENTIALS"]);
    const { body } = await callApi(stack.gateway, `/security/lockout-status?userId=${user.userId}`);
    expect(body.attemptsRemaining).toBe(2);
  });

  test("gone between the password and the verdict: the new session is ended", async () => {
    const stack = await startStack();
    const user = await createUser();
    const login = () => callApi(stack.gateway, "/login", { body: { email: user.email, password: user.password } });
    expect((await login()).status).toBe(200);
    const sessions = (await sessionsOf(user)).length;
    stack.proxy.inject(({ form }) => (form.has("password") ? { kind: "delay", ms: 500 } : undefined));
    stack.proxy.reset();
    const answer = login();
    await until(async () => stack.proxy.calls.some(({ form }) => form.has("password")));
    await stack.wire.refuse();
    expectFault(await within(bound, answer));
    expect(await sessionsOf(user)).toHaveLength(sessions);
    stack.proxy.inject(undefined);
    await stack.wire.accept();
    await within(bound, untilOk(login));
  });

  test("at the end of a refresh: the new tokens are given out, since the old one is used up", async () => {
    const stack = await startStack();
    const { email, password } = await createUser();
    const { body } = await callApi(stack.gateway, "/login", { body: { email, password } });
    const refresh = (refreshToken: string) => callApi(stack.gateway, "/refresh", { body: { refreshToken } });
    stack.wire.behave({ kind: "cut", at: "request", when: scripts.settleFlight.sha1 });
    const first = await within(bound, refresh(body.refreshToken));
    expect(first.status).toBe(200);
    await within(
      bound,
      untilOk(() => refresh(first.body.refreshToken)),
    );
  });
});
