import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { headlessBasePath } from "../../src/contract/headless.ts";
import { callApi } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { accessTokenOf, callAs } from "../support/enrolment.ts";
import { within } from "../support/fault-answer.ts";
import { through } from "../support/fault-stack.ts";
import { report, sized } from "../support/figures.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, demoApp, keycloakUrl, type TestUser, totpCode } from "../support/keycloak.ts";
import { type Mailbox, startMailbox } from "../support/mailbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function startStore(): Promise<TestRedis> {
  const redis = await startRedis();
  cleanUp.push(() => redis.stop());
  return redis;
}

async function startProxy(): Promise<CountingProxy> {
  const proxy = await startCountingProxy(keycloakUrl);
  cleanUp.push(() => proxy.close());
  return proxy;
}

async function startOne(redis: TestRedis, env: Readonly<Record<string, string>> = {}): Promise<TestGateway> {
  const gateway = await startGateway({ redisUrl: redis.url, env });
  cleanUp.push(() => gateway.stop("SIGKILL"));
  return gateway;
}

const login = (gateway: TestGateway, { email, password }: Pick<TestUser, "email" | "password">) =>
  callApi(gateway, "/login", { body: { email, password } });

const attemptsLeft = async (gateway: TestGateway, { userId }: TestUser): Promise<number> =>
  (await callApi(gateway, `/security/lockout-status?userId=${userId}`)).body.attemptsRemaining;

const createUsers = (count: number) => Promise.all(Array.from({ length: count }, () => createUser()));

/** A login on a connection of its own: the status of a whole answer, or `cut off`. */
function loginOnce(gateway: TestGateway, { email, password }: TestUser): Promise<number | "cut off"> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ email, password });
    const call = request(`${gateway.url}${headlessBasePath}/login`, {
      method: "POST",
      agent: false,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-client-id": demoApp.id,
        "x-client-secret": demoApp.secret,
      },
    });
    call.on("error", () => resolve("cut off"));
    call.on("response", async (answer) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk as Buffer);
        JSON.parse(Buffer.concat(chunks).toString("utf8"));
        resolve(answer.statusCode ?? 0);
      } catch {
        resolve("cut off");
      }
    });
    call.end(body);
  });
}

// Threat: a deployment or a crash in the middle of logins cuts off answers, forgets guesses, or leaves accounts shut.
describe("a gateway ends under load", () => {
  test("SIGTERM: every accepted request gets its whole answer, and another gateway goes on with the same accounts", async (context) => {
    const redis = await startStore();
    const proxy = await startProxy();
    const [leaving, staying] = [await startOne(redis, through(proxy)), await startOne(redis, through(proxy))];
    const accounts = await createUsers(sized(8, 24));
    for (const gateway of [leaving, staying]) expect((await login(gateway, accounts[0] as TestUser)).status).toBe(200);
    // Slow enough that none has its answer before the signal; the second of an account waits for its gate.
    proxy.inject(({ form }) => (form.has("password") ? { kind: "delay", ms: 800 } : undefined));
    proxy.reset();
    const accepted = [...accounts, ...accounts].map((account) => loginOnce(leaving, account));
    const others = accounts.slice(0, 4).map((account) => loginOnce(staying, account));
    await until(async () => proxy.calls.filter(({ form }) => form.has("password")).length >= accounts.length);
    const exit = once(leaving.process, "exit");
    leaving.process.kill("SIGTERM");
    expect(new Set(await within(30_000, Promise.all(accepted)))).toEqual(new Set([200]));
    expect(new Set(await within(30_000, Promise.all(others)))).toEqual(new Set([200]));
    expect(await within(30_000, exit)).toEqual([0, null]);
    proxy.inject(undefined);
    expect(await loginOnce(leaving, accounts[0] as TestUser)).toBe("cut off");
    for (const account of accounts) {
      expect((await within(10_000, login(staying, account))).status).toBe(200);
      expect(await attemptsLeft(staying, account)).toBe(5);
    }
    report(context, `${accepted.length} requests in flight at the signal, ${accepted.length} whole answers`);
  });

  test("SIGKILL: guesses under way stay counted, and each gate is free when its lease ends", async () => {
    const redis = await startStore();
    const proxy = await startProxy();
    // The lease is twelve time-outs and two seconds. Who waits at the dying gateway has given up by then, at the other one not.
    const env = { ...through(proxy), HEADGATE_KEYCLOAK_TIMEOUT_MS: "1000" };
    const dying = await startOne(redis, { ...env, HEADGATE_ACCOUNT_WAIT_MS: "3000" });
    const staying = await startOne(redis, { ...env, HEADGATE_ACCOUNT_WAIT_MS: "30000" });
    const accounts = await createUsers(sized(4, 16));
    for (const gateway of [dying, staying]) expect((await login(gateway, accounts[0] as TestUser)).status).toBe(200);
    proxy.inject(({ form }) => (form.get("password")?.startsWith("wrong") ? { kind: "hang" } : undefined));
    proxy.reset();
    // One guess an account is under way, one waits for the gate.
    const cut = [...accounts, ...accounts].map((account, index) =>
      loginOnce(dying, { ...account, password: `wrong ${index}` }),
    );
    await until(async () => proxy.calls.filter(({ form }) => form.has("password")).length >= accounts.length);
    expect(await dying.stop("SIGKILL")).toBe(null);
    expect(new Set(await within(10_000, Promise.all(cut)))).toEqual(new Set(["cut off"]));
    for (const account of accounts) {
      expect(proxy.passwordsFor(account.email).size).toBe(1);
      expect(await attemptsLeft(staying, account)).toBe(4);
    }
    // The first one waits in the queue until the lease ends; the other leases end at the same time.
    for (const account of accounts) expect((await within(35_000, login(staying, account))).status).toBe(200);
    for (const account of accounts) expect(await attemptsLeft(staying, account)).toBe(5);
  });

  test("a caller who hangs up while waiting gives the account's gate free", async () => {
    const redis = await startStore();
    const gateway = await startOne(redis);
    const user = await createUser();
    const body = { email: user.email, password: user.password };
    await Promise.all(
      Array.from({ length: 10 }, () =>
        callApi(gateway, "/login", { body, signal: AbortSignal.timeout(60) }).catch(() => undefined),
      ),
    );
    expect((await within(10_000, login(gateway, user))).status).toBe(200);
  });
});

const hourMs = 3_600_000;

interface ClockStack {
  readonly proxy: CountingProxy;
  readonly gateway: TestGateway;
  readonly mailbox: Mailbox;
  /** Sets the gateway's clock off by so much, from the next look at it on. */
  shift(milliseconds: number): Promise<void>;
}

async function startWithClock(): Promise<ClockStack> {
  const dir = await mkdtemp(join(tmpdir(), "headgate-clock-"));
  cleanUp.push(() => rm(dir, { recursive: true }));
  const file = join(dir, "shift");
  const shift = (milliseconds: number) => writeFile(file, String(milliseconds));
  await shift(0);
  const mailbox = await startMailbox();
  cleanUp.push(() => mailbox.stop());
  const proxy = await startProxy();
  const gateway = await startOne(await startStore(), {
    ...through(proxy),
    HEADGATE_SMTP_URL: mailbox.smtpUrl,
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "..", "support", "shifted-clock.ts")).href}`,
    TEST_CLOCK_FILE: file,
  });
  return { proxy, gateway, mailbox, shift };
}

// Threat: a machine's clock is set, by hand, by a bad time server or after a sleep: a lock or a challenge ends early or
// never, an old token is good again, what is remembered is believed for ever, a mail is given up.
describe("the gateway's clock jumps", () => {
  for (const hours of [5, -5]) {
    const name = `by ${hours} hours`;

    test(`${name}: a lock lasts, and what the store remembers is as old as the store says`, async () => {
      const { gateway, shift } = await startWithClock();
      const [locked, refreshing, challenged] = [
        await createUser(),
        await createUser(),
        await createUser({ totp: true }),
      ];
      for (let guess = 0; guess < 5; guess++)
        expect((await login(gateway, { ...locked, password: `wrong-${guess}` })).status).toBe(401);
      const { body: tokens } = await login(gateway, refreshing);
      const refresh = () => callApi(gateway, "/refresh", { body: { refreshToken: tokens.refreshToken } });
      const { body: challenge } = await login(gateway, challenged);
      const verify = (code: string) =>
        callApi(gateway, "/mfa/verify", { body: { mfaToken: challenge.mfaToken, code, method: "totp" } });
      const { body: first } = await refresh();

      await shift(hours * hourMs);
      expect((await login(gateway, locked)).body.code).toBe("ACCOUNT_LOCKED");
      const { body: status } = await callApi(gateway, `/security/lockout-status?userId=${locked.userId}`);
      expect(status.locked).toBe(true);
      expect(status.remainingLockoutSeconds).toBeLessThanOrEqual(600);
      // The replay: the very same tokens, and not a second use of the old one.
      expect((await refresh()).body.refreshToken).toBe(first.refreshToken);
      expect((await verify("000000")).body.code).toBe("MFA_INVALID_CODE");

      await shift(0);
      expect((await login(gateway, locked)).body.code).toBe("ACCOUNT_LOCKED");
      expect((await verify(totpCode(challenged.totpSecret))).status).toBe(200);
      expect((await callApi(gateway, "/refresh", { body: { refreshToken: first.refreshToken } })).status).toBe(200);
    });

    test(`${name}: access tokens are refused and good again; a checked secret is checked anew`, async () => {
      const { gateway, proxy, shift } = await startWithClock();
      const user = await createUser();
      const token = await accessTokenOf(gateway, user);
      expect((await callAs(token, gateway, "/mfa/status")).status).toBe(200);
      proxy.reset();
      await shift(hours * hourMs);
      expect((await callAs(token, gateway, "/mfa/status")).body.code).toBe("INVALID_TOKEN");
      expect((await callApi(gateway, `/sessions?userId=${user.userId}`)).status).toBe(200);
      expect(proxy.calls.filter(({ path }) => path.endsWith("/introspect"))).toHaveLength(1);
      await shift(0);
      expect((await callAs(token, gateway, "/mfa/status")).status).toBe(200);
      expect((await login(gateway, user)).status).toBe(200);
    });

    test(`${name}: mails that failed before are sent, not given up`, async () => {
      const { gateway, proxy, mailbox, shift } = await startWithClock();
      const user = await createUser();
      await shift(hours * hourMs);
      let looks = 0;
      proxy.inject(({ path }) => {
        if (!path.includes(encodeURIComponent(user.email))) return undefined;
        looks += 1;
        return looks === 1 ? { kind: "answer", status: 503 } : undefined;
      });
      expect((await callApi(gateway, "/password/reset-send", { body: { email: user.email } })).status).toBe(200);
      await mailbox.waitFor(user.email, /reset-password/);
      expect(looks).toBeGreaterThan(1);
      expect(gateway.output()).not.toContain("mail job given up");
    });
  }

  test("forward: an ID token that has ended by then is no login, the attempt is given back; back again, all is well", async () => {
    const { gateway, shift } = await startWithClock();
    const user = await createUser();
    expect((await login(gateway, user)).status).toBe(200);
    await shift(5 * hourMs);
    for (let attempt = 0; attempt < 6; attempt++) {
      const { status, body } = await login(gateway, user);
      expect([status, body.code]).toEqual([500, "INTERNAL_ERROR"]);
    }
    expect(await attemptsLeft(gateway, user)).toBe(5);
    await shift(0);
    expect((await login(gateway, user)).status).toBe(200);
  });

  test("back: logins work as ever", async () => {
    const { gateway, shift } = await startWithClock();
    const user = await createUser();
    await shift(-5 * hourMs);
    expect((await login(gateway, user)).status).toBe(200);
  });
});
