import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi, tally } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, createUser } from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let gateways: TestGateway[];
const lockoutSeconds = 4;

beforeAll(async () => {
  redis = await startRedis();
  const env = {
    HEADGATE_LOCKOUT_SECONDS: String(lockoutSeconds),
    HEADGATE_LIMIT_ADDRESS: "100000/60",
  };
  const start = (more: Record<string, string>) => startGateway({ redisUrl: redis.url, env: { ...env, ...more } });
  gateways = await Promise.all([start({}), start({}), start({ HEADGATE_LOCKOUT_SECONDS: "600" })]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await redis?.stop();
});
const at = (index: number) => gateways[index % 2] as TestGateway;
/** A gateway on the same store whose locks last ten minutes, for whatever must not end while the test looks at it. */
const patient = () => gateways[2] as TestGateway;
const login = (gateway: TestGateway, email: string, password: string) =>
  callApi(gateway, "/login", { body: { email, password } });

test("30 parallel right passwords of one user over two gateways all log in", async () => {
  const { email, password } = await createUser();
  const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => login(at(index), email, password)));
  expect(tally(answers)).toEqual({ "200": 30 });
});

describe("a lock", () => {
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

test("requests beyond an account's full queue answer 429", async () => {
  const gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_ACCOUNT_QUEUE_LIMIT: "2" } });
  const user = await createUser();
  const answers = await Promise.all(Array.from({ length: 12 }, () => login(gateway, user.email, user.password)));
  const counts = tally(answers);
  expect(counts["200"]).toBeGreaterThanOrEqual(3);
  expect((counts["200"] ?? 0) + (counts["429 RATE_LIMITED"] ?? 0)).toBe(12);
  expect(counts["429 RATE_LIMITED"]).toBeGreaterThan(0);
  await gateway.stop();
});
