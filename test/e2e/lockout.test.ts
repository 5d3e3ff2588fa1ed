import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callApi, tally } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, createUser, issuer, keycloakUrl } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let proxy: CountingProxy;
let gateways: TestGateway[];
const lockoutSeconds = 4;

beforeAll(async () => {
  redis = await startRedis();
  proxy = await startCountingProxy(keycloakUrl);
  const env = {
    HEADGATE_KEYCLOAK_URL: proxy.url,
    HEADGATE_KEYCLOAK_ISSUER: issuer,
    HEADGATE_LOCKOUT_SECONDS: String(lockoutSeconds),
    HEADGATE_LIMIT_ADDRESS: "100000/60",
  };
  const start = (more: Record<string, string>) => startGateway({ redisUrl: redis.url, env: { ...env, ...more } });
  gateways = await Promise.all([start({}), start({}), start({ HEADGATE_LOCKOUT_SECONDS: "600" })]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await proxy?.close();
  await redis?.stop();
});
beforeEach(() => proxy.reset());

const at = (index: number) => gateways[index % 2] as TestGateway;
/** A gateway on the same store whose locks last ten minutes, for whatever must not end while the test looks at it. */
const patient = () => gateways[2] as TestGateway;
const login = (gateway: TestGateway, email: string, password: string) =>
  callApi(gateway, "/login", { body: { email, password } });

// Threat: parallel guesses that are all checked before the first failure is counted (Keycloak CVE-2024-4629, Zitadel
// GHSA-7h8m-vrxx-vr4m, Better Auth CVE-2026-110861).
describe("of 100 parallel guesses over two gateways", () => {
  test.each([
    ["a known address", async () => (await createUser()).email],
    ["an unknown address", async () => `nobody-${randomUUID()}@example.com`],
  ])("exactly five reach Keycloak for %s", async (_name, address) => {
    const email = await address();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => login(at(index), email, `guess ${index}`)),
    );
    expect(proxy.passwordsFor(email).size).toBe(5);
    const {
      "401 INVALID_CREDENTIALS": wrong,
      "423 ACCOUNT_LOCKED": locked = 0,
      "429 RATE_LIMITED": limited = 0,
    } = tally(answers);
    expect([wrong, locked + limited]).toEqual([5, 95]);
  });

  test("variants of one address share the five", async () => {
    const { email } = await createUser();
    const [local = "", domain = ""] = email.split("@");
    const wide = [...local].map((letter) =>
      /[a-z]/.test(letter) ? String.fromCodePoint(letter.charCodeAt(0) + 0xfee0) : letter,
    );
    const variants = [
      email,
      ` ${email}`,
      email.toUpperCase(),
      `${wide.join("")}@${domain}`,
      `${local}\u0301@${domain}`,
    ];
    await Promise.all(
      Array.from({ length: 25 }, (_, index) =>
        login(at(index), variants[index % variants.length] ?? "", `guess ${index}`),
      ),
    );
    const passwords = proxy.calls.map(({ form }) => form.get("password")).filter((password) => password !== null);
    expect(new Set(passwords).size).toBe(5);
  });
});

test("30 parallel right passwords of one user over two gateways all log in", async () => {
  const { email, password } = await createUser();
  const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => login(at(index), email, password)));
  expect(tally(answers)).toEqual({ "200": 30 });
});

describe("a lock", () => {
  test("refuses the right password, tells when it ends, and costs Keycloak nothing", async () => {
    const { email, password } = await createUser();
    for (let attempt = 0; attempt < 5; attempt++) await login(patient(), email, `guess ${attempt}`);
    proxy.reset();
    const { status, body, headers } = await login(patient(), email, password);
    expect([status, body.code]).toEqual([423, "ACCOUNT_LOCKED"]);
    expect(body.details.retryAfterSeconds).toBeGreaterThan(590);
    expect(headers.get("retry-after")).toBe(String(body.details.retryAfterSeconds));
    expect(proxy.passwordsFor(email)).toEqual(new Set());
  });

  test("ends by itself and gives five new attempts", async () => {
    const { email, password } = await createUser();
    for (let attempt = 0; attempt < 5; attempt++) await login(at(0), email, `guess ${attempt}`);
    const locked = await login(at(1), email, password);
    expect(locked.status).toBe(423);
    await sleep(locked.body.details.retryAfterSeconds * 1000);
    for (let attempt = 0; attempt < 4; attempt++) {
      expect((await login(at(attempt), email, `guess ${attempt}`)).body.code).toBe("INVALID_CREDENTIALS");
    }
    expect((await login(at(0), email, password)).status).toBe(200);
  });

  test("is ended by unlock, here and at Keycloak", async () => {
    const user = await createUser();
    for (let attempt = 0; attempt < 5; attempt++) await login(patient(), user.email, `guess ${attempt}`);
    const { status, body } = await callApi(patient(), "/security/unlock", { body: { userId: user.userId } });
    expect(status).toBe(200);
    expect(body).toEqual({
      locked: false,
      remainingLockoutSeconds: null,
      attemptsRemaining: 5,
      lockedUntil: null,
      maxAttempts: 5,
      lockoutDurationMinutes: 10,
    });
    const atKeycloak = await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`);
    expect(atKeycloak.numFailures).toBe(0);
    expect((await login(patient(), user.email, user.password)).status).toBe(200);
  });
});

describe("lockout status", () => {
  const statusOf = (userId: string) =>
    callApi(patient(), `/security/lockout-status?userId=${encodeURIComponent(userId)}`);

  test("follows wrong passwords down to the lock, and a login back up", async () => {
    const user = await createUser();
    const remaining: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      await login(patient(), user.email, `guess ${attempt}`);
      remaining.push((await statusOf(user.userId)).body.attemptsRemaining);
    }
    expect(remaining).toEqual([4, 3, 2, 1]);
    await login(patient(), user.email, user.password);
    expect((await statusOf(user.userId)).body.attemptsRemaining).toBe(5);
    for (let attempt = 0; attempt < 5; attempt++) await login(patient(), user.email, `guess ${attempt}`);
    const { body } = await statusOf(user.userId);
    expect(body).toMatchObject({ locked: true, attemptsRemaining: 0, maxAttempts: 5, lockoutDurationMinutes: 10 });
    expect(body.remainingLockoutSeconds).toBeGreaterThan(590);
    expect(Date.parse(body.lockedUntil)).toBeGreaterThan(Date.now());
  });

  test.each(["00000000-0000-4000-8000-000000000000", "not-a-uuid", "../clients"])(
    "knows no user %s",
    async (userId) => {
      const { status, body } = await statusOf(userId);
      expect([status, body.code]).toEqual([404, "USER_NOT_FOUND"]);
      const unlock = await callApi(patient(), "/security/unlock", { body: { userId } });
      expect([unlock.status, unlock.body.code]).toEqual([404, "USER_NOT_FOUND"]);
    },
  );
});

// Threat: killing the gateway in the middle of a check, to get the attempt back.
test("an attempt in flight when its gateway is killed stays counted", async () => {
  const user = await createUser();
  const doomed = await startGateway({ redisUrl: redis.url });
  const { process: child } = doomed;
  const attempt = login(doomed, user.email, "guess").catch(() => undefined);
  for (let waited = 0; waited < 200; waited++) {
    const { body } = await callApi(patient(), `/security/lockout-status?userId=${user.userId}`);
    if (body.attemptsRemaining < 5) break;
  }
  child.kill("SIGKILL");
  await attempt;
  const { body } = await callApi(patient(), `/security/lockout-status?userId=${user.userId}`);
  expect(body.attemptsRemaining).toBe(4);
});

// Threat: a flood against one account, app or address; each refusal must be cheap and say when to come back.
describe("rate limits", () => {
  test("hold per address (IPv6 by /64) and per app, with their headers, and cost Keycloak nothing", async () => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: { HEADGATE_KEYCLOAK_URL: proxy.url, HEADGATE_KEYCLOAK_ISSUER: issuer, HEADGATE_LIMIT_ADDRESS: "3/600" },
    });
    const from = (ip: string) => callApi(gateway, "/login", { body: { email: "x" }, headers: { "x-end-user-ip": ip } });
    const codes: string[] = [];
    for (const last of ["1", "2", "3", "4"]) codes.push((await from(`2001:db8:1:2::${last}`)).body.code);
    expect(codes).toEqual(["VALIDATION_ERROR", "VALIDATION_ERROR", "VALIDATION_ERROR", "RATE_LIMITED"]);
    expect((await from("2001:db8:1:3::1")).body.code).toBe("VALIDATION_ERROR");

    proxy.reset();
    const { email, password } = await createUser();
    const limited = await callApi(gateway, "/login", {
      body: { email, password },
      headers: { "x-end-user-ip": "2001:db8:1:2:ffff::1" },
    });
    expect([limited.status, limited.body.code]).toEqual([429, "RATE_LIMITED"]);
    expect(limited.headers.get("retry-after")).toBe(String(limited.body.details.retryAfterSeconds));
    expect(limited.headers.get("ratelimit")).toContain('"address";r=0');
    expect(proxy.passwordsFor(email).size).toBe(0);
    await gateway.stop();
  });

  test("hold per account without headers that would tell of it", async () => {
    const gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_LIMIT_ACCOUNT: "2/600" } });
    const user = await createUser();
    const answers = [];
    for (let attempt = 0; attempt < 3; attempt++) answers.push(await login(gateway, user.email, user.password));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]?.headers.get("ratelimit")).not.toContain("account");
    expect(answers[2]?.headers.get("ratelimit-policy")).not.toContain("account");
    await gateway.stop();
  });

  test("of an account's full queue answer 429", async () => {
    const gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_ACCOUNT_QUEUE_LIMIT: "2" } });
    const user = await createUser();
    const answers = await Promise.all(Array.from({ length: 12 }, () => login(gateway, user.email, user.password)));
    const counts = tally(answers);
    expect(counts["200"]).toBeGreaterThanOrEqual(3);
    expect((counts["200"] ?? 0) + (counts["429 RATE_LIMITED"] ?? 0)).toBe(12);
    expect(counts["429 RATE_LIMITED"]).toBeGreaterThan(0);
    await gateway.stop();
  });
});
