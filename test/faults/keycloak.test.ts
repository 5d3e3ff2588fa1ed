import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi } from "../support/api.ts";
import { type FaultRule, type SeenCall, startCountingProxy } from "../support/counting-proxy.ts";
import { expectFault, untilOk, within } from "../support/fault-answer.ts";
import { type FaultStack, startFaultStack, through } from "../support/fault-stack.ts";
import { report, sized } from "../support/figures.ts";
import { readyz, startGateway } from "../support/gateway.ts";
import { createRealm, createUser, keycloakUrl, sessionsOf, type TestUser } from "../support/keycloak.ts";
import { faultedOperations } from "../support/keycloak-operations.ts";
import { startMailbox } from "../support/mailbox.ts";
import { startRedis, until } from "../support/redis.ts";
import { failing, garbage, refusing, type UpstreamFault } from "../support/upstream-fault.ts";

const timeoutMs = 2_500;
/** Some calls are made twice, and what was opened is taken back: more than three time-outs is a hang. */
const bound = 3 * timeoutMs + 5_000;

let stack: FaultStack;
beforeAll(async () => {
  stack = await startFaultStack({
    HEADGATE_KEYCLOAK_TIMEOUT_MS: String(timeoutMs),
    // The refused logins of one account are not to be refused for their number.
    HEADGATE_LIMIT_ACCOUNT: "10000/60",
    // All of the parallel logins are to be at Keycloak, and none to wait for a turn.
    HEADGATE_PASSWORD_CONCURRENCY: "200",
  });
});
afterAll(async () => {
  await stack?.stop();
});

const attemptsLeft = async ({ userId }: Pick<TestUser, "userId">): Promise<number> =>
  (await callApi(stack.gateway, `/security/lockout-status?userId=${userId}`)).body.attemptsRemaining;

const wordy = ({ status, body }: { status: number; body: { code?: string } }) =>
  body.code === undefined ? `${status}` : `${status} ${body.code}`;

interface Case {
  readonly name: string;
  readonly fault: UpstreamFault;
  /** Whether Keycloak has done what it was asked. */
  readonly carriedOut: boolean;
  /** Whether it is known that nothing was told of the credentials. */
  readonly harmless: boolean;
}

const answered = ([name, fault]: readonly [string, UpstreamFault]): Case => ({
  name,
  fault,
  carriedOut: false,
  harmless: true,
});
const [html, nothing, ...otherGarbage] = Object.entries(garbage).map(answered) as [Case, Case, ...Case[]];
const few: readonly Case[] = [
  answered(["503", failing(503)]),
  html,
  nothing,
  { name: "half an answer", fault: { kind: "half" }, carriedOut: true, harmless: false },
  { name: "no answer", fault: { kind: "hang" }, carriedOut: false, harmless: false },
];
const more: readonly Case[] = [
  answered(["500", failing(500)]),
  answered(["502", failing(502)]),
  answered(["429", failing(429)]),
  answered(["429 with Retry-After", failing(429, { "retry-after": "3600" })]),
  ...otherGarbage,
  { name: "a lost request", fault: { kind: "drop-before" }, carriedOut: false, harmless: false },
  { name: "a lost answer", fault: { kind: "drop-after" }, carriedOut: true, harmless: false },
];

// Threat: whatever Keycloak, or a proxy before it, answers in its place is taken for a verdict, or hangs the caller; a fault
// leaves a session that nobody was given, a gate that nobody holds, a guess that was not counted or one that was not made.
describe("Keycloak's answer spoiled", () => {
  for (const operation of faultedOperations) {
    const cases = operation.name === "login" || sized(0, 1) === 1 ? [...few, ...more] : few;
    test(`${operation.name}: ${cases.length} ways`, { timeout: 180_000 }, async () => {
      for (const { name, fault, carriedOut, harmless } of cases) {
        const prepared = await operation.prepare(stack.gateway);
        const { user } = prepared;
        const before = user && (await sessionsOf(user)).length;
        stack.proxy.reset();
        stack.proxy.inject((call) => (operation.hits(call) ? fault : undefined));
        const answer = await within(bound, prepared.run());
        stack.proxy.inject(undefined);
        expectFault(answer);
        expect(stack.proxy.calls.filter(operation.hits).length, `${operation.name} has met ${name}`).toBeGreaterThan(0);
        if (user) {
          // An answer that got lost on the way leaves at most a session that nobody has the tokens of; an exchange that got
          // lost does not even that, since the gateway knows the session.
          const lost = carriedOut && operation.name !== "mfa/verify, the exchange" ? 1 : 0;
          expect((await sessionsOf(user)).length, name).toBeLessThanOrEqual((before ?? 0) + lost);
        }
        if (user && operation.name === "login") expect(await attemptsLeft(user), name).toBe(harmless ? 5 : 4);
        const again = await within(bound, prepared.again(carriedOut));
        const { expected } = prepared;
        expect(wordy(again), name).toBe(carriedOut ? expected.carriedOut : expected.notCarriedOut);
        if (user) expect(await attemptsLeft(user), name).toBe(5);
      }
    });
  }
});

// Threat: an outage makes every login wait for its time-out, so that they pile up until the gateway is down as well; the
// trials by which it finds out that Keycloak is back are users' passwords.
describe("Keycloak gone or hung", () => {
  const loginOf = (user: TestUser) => () =>
    callApi(stack.gateway, "/login", { body: { email: user.email, password: user.password } });
  const passwordGrants = () => stack.proxy.calls.filter(({ form }) => form.has("password"));
  const median = (times: readonly number[]) => [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;

  async function timed(call: () => Promise<ApiAnswer>): Promise<number> {
    const begin = performance.now();
    await call();
    return performance.now() - begin;
  }

  /** Lets three logins time out, which opens the circuit; each is a user's first failure. */
  async function openCircuit(rule: FaultRule): Promise<void> {
    stack.proxy.inject(rule);
    const users = await Promise.all([createUser(), createUser(), createUser()]);
    for (const answer of await Promise.all(users.map((user) => within(bound, loginOf(user)())))) expectFault(answer);
  }

  async function storeCalls(): Promise<number> {
    const client = new Redis(stack.redis.port);
    try {
      const stats = await client.info("commandstats");
      return [...stats.matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce(
        (sum, [, calls]) => sum + Number(calls),
        0,
      );
    } finally {
      client.disconnect();
    }
  }

  test("hung: after three time-outs nothing waits any more and nothing is sent", async (context) => {
    const user = await createUser();
    const login = loginOf(user);
    const samples = sized(15, 100);
    const normal: number[] = [];
    for (let sample = 0; sample < samples; sample++) normal.push(await timed(login));

    await openCircuit(() => ({ kind: "hang" }));
    stack.proxy.reset();
    const callsBefore = await storeCalls();
    const refused: number[] = [];
    for (let sample = 0; sample < samples; sample++)
      refused.push(
        await timed(async () => {
          const answer = await within(bound, login());
          expectFault(answer);
          return answer;
        }),
      );
    const trips = ((await storeCalls()) - callsBefore) / samples;
    expect(passwordGrants()).toEqual([]);
    // The mail worker looks into the outbox about once a second.
    expect(trips).toBeLessThan(3);
    expect(median(refused)).toBeLessThan(timeoutMs / 2);
    report(
      context,
      `a login takes ${median(normal).toFixed(1)} ms, one refused by the open circuit ${median(refused).toFixed(1)} ms (medians of ${samples}; time-out ${timeoutMs} ms), ${trips.toFixed(1)} store calls`,
    );

    stack.proxy.inject(undefined);
    expect((await untilOk(login)).body.user.userId).toBe(user.userId);
    expect(await attemptsLeft(user)).toBe(5);
  });

  test("hung: of many parallel logins each ends within its time-out, and they count like any unanswered one", async () => {
    const users = await Promise.all(Array.from({ length: sized(24, 100) }, () => createUser()));
    stack.proxy.inject(() => ({ kind: "hang" }));
    const answers = await within(bound, Promise.all(users.map((user) => loginOf(user)())));
    for (const answer of answers) expectFault(answer);
    stack.proxy.inject(undefined);
    const [first] = users as [TestUser];
    await untilOk(loginOf(first));
    for (const user of users.slice(1)) expect(await attemptsLeft(user)).toBeGreaterThanOrEqual(4);
    // No gate is held: each gets in at once.
    for (const user of users.slice(0, 8)) expect((await within(bound, loginOf(user)())).status).toBe(200);
  });

  test("slow but alive: everything works, and the circuit stays closed", async () => {
    const users = await Promise.all(Array.from({ length: 4 }, () => createUser()));
    const opened = stack.gateway.output().match(/calls fail at once/g)?.length ?? 0;
    stack.proxy.inject(() => ({ kind: "delay", ms: 400 }));
    for (let round = 0; round < 3; round++)
      for (const user of users) expect((await within(bound, loginOf(user)())).status).toBe(200);
    stack.proxy.inject(undefined);
    expect(stack.gateway.output().match(/calls fail at once/g)?.length ?? 0).toBe(opened);
  });

  for (const [state, fault] of [
    ["hangs", { kind: "hang" }],
    ["answers 503", failing(503)],
    ["drops every call", { kind: "drop-before" }],
  ] as const)
    test(`the realm answers and the token endpoint ${state}: the probe lets nobody in to wait`, async () => {
      const user = await createUser();
      const grants: FaultRule = ({ method, path }) =>
        method === "POST" && path.endsWith("/token") ? fault : undefined;
      await openCircuit(({ method, path }) =>
        method === "POST" && path.endsWith("/token") ? { kind: "hang" } : undefined,
      );
      stack.proxy.inject(grants);
      stack.proxy.reset();
      // Several rounds of the probe.
      await until(async () => stack.proxy.calls.filter(({ method }) => method === "GET").length >= 3);
      for (let attempt = 0; attempt < 5; attempt++) expectFault(await within(bound, loginOf(user)()));
      expect(passwordGrants()).toEqual([]);
      stack.proxy.inject(undefined);
      await untilOk(loginOf(user));
      expect(await attemptsLeft(user)).toBe(5);
    });

  test("a storm of 503: each call is answered at once by Keycloak's own refusal, no attempt is counted", async () => {
    const user = await createUser();
    stack.proxy.inject(() => failing(503));
    for (let attempt = 0; attempt < 8; attempt++) expectFault(await within(bound, loginOf(user)()));
    stack.proxy.inject(undefined);
    // At once: an answer without a verdict does not open the circuit.
    expect((await loginOf(user)()).status).toBe(200);
    expect(await attemptsLeft(user)).toBe(5);
  });

  test("refused: INTERNAL_ERROR for everything, /readyz says which part, and it works again by itself", async () => {
    const own = await startFaultStack({ HEADGATE_KEYCLOAK_TIMEOUT_MS: String(timeoutMs) });
    try {
      const prepared = [];
      for (const operation of faultedOperations.filter(({ name }) => !name.includes("backup")))
        prepared.push(await operation.prepare(own.gateway));
      const user = await createUser();
      const login = () => callApi(own.gateway, "/login", { body: { email: user.email, password: user.password } });
      expect((await login()).status).toBe(200);

      await own.proxy.close();
      for (const { run } of prepared) expectFault(await within(bound, run()));
      for (let attempt = 0; attempt < 8; attempt++) expectFault(await within(bound, login()));
      await until(async () => (await readyz(own.gateway)).status === 503);
      expect(await readyz(own.gateway)).toMatchObject({
        body: { status: "unavailable", parts: { keycloak: { status: "down" }, store: { status: "up" } } },
      });
      expect((await fetch(`${own.gateway.url}/livez`)).status).toBe(200);

      const back = await startCountingProxy(keycloakUrl, Number(new URL(own.proxy.url).port));
      try {
        expect((await untilOk(login)).body.user.userId).toBe(user.userId);
        const { body } = await callApi(own.gateway, `/security/lockout-status?userId=${user.userId}`);
        expect(body.attemptsRemaining).toBe(5);
        for (const { again, expected } of prepared) expect(wordy(await again(false))).toBe(expected.notCarriedOut);
      } finally {
        await back.close();
      }
    } finally {
      await own.stop();
    }
  });

  test("at the start: the gateway runs, is not ready, and gets ready", async () => {
    const placeholder = await startCountingProxy(keycloakUrl);
    await placeholder.close();
    const gateway = await startGateway({ redisUrl: stack.redis.url, env: through(placeholder), waitForReady: false });
    expect((await readyz(gateway)).status).toBe(503);
    const proxy = await startCountingProxy(keycloakUrl, Number(new URL(placeholder.url).port));
    const user = await createUser();
    await untilOk(() => callApi(gateway, "/login", { body: { email: user.email, password: user.password } }));
    await gateway.stop();
    await proxy.close();
  });
});

// Threat: the service account's token ends, its secret is rotated or its rights are taken: a login or a change that rests on
// the admin API goes through unchecked, or the gateway needs a restart when they are right again.
describe("the service account refused", () => {
  const admin = ({ path }: SeenCall) => path.startsWith("/admin/");
  const ofTheAccount = ({ form }: SeenCall) => form.get("grant_type") === "client_credentials";

  test("a revoked token is replaced within the same call", async () => {
    const user = await createUser();
    const status = () => callApi(stack.gateway, `/security/lockout-status?userId=${user.userId}`);
    expect((await status()).status).toBe(200);
    let refused = false;
    stack.proxy.reset();
    stack.proxy.inject((call) => {
      if (refused || !admin(call)) return undefined;
      refused = true;
      return refusing(401, "HTTP 401 Unauthorized");
    });
    expect((await status()).status).toBe(200);
    stack.proxy.inject(undefined);
    expect(stack.proxy.calls.filter(ofTheAccount)).toHaveLength(1);
  });

  for (const [state, rule] of [
    [
      "its secret was rotated",
      (call: SeenCall) =>
        ofTheAccount(call) ? refusing(401, "unauthorized_client") : admin(call) ? refusing(401, "HTTP 401") : undefined,
    ],
    ["a role is missing", (call: SeenCall) => (admin(call) ? refusing(403, "HTTP 403 Forbidden") : undefined)],
  ] as const)
    test(`${state}: faults where the admin API is needed, logins go on, and it works again by itself`, async () => {
      const plain = await createUser();
      const withOtp = await createUser({ totp: true });
      const login = ({ email, password }: TestUser) => callApi(stack.gateway, "/login", { body: { email, password } });
      stack.proxy.inject(rule);
      expect((await login(plain)).status).toBe(200);
      // Whether this user may log in is for the record to say: no challenge without it.
      expectFault(await within(bound, login(withOtp)));
      expectFault(await within(bound, callApi(stack.gateway, `/sessions?userId=${plain.userId}`)));
      expectFault(await within(bound, callApi(stack.gateway, `/security/lockout-status?userId=${plain.userId}`)));
      const body = {
        email: `user-${randomUUID()}@example.com`,
        password: "Correct-Horse-1",
        firstName: "J",
        lastName: "D",
      };
      expectFault(await within(bound, callApi(stack.gateway, "/signup", { body })));
      expect(await sessionsOf(withOtp)).toEqual([]);
      stack.proxy.inject(undefined);
      expect((await callApi(stack.gateway, "/signup", { body })).status).toBe(201);
      expect((await login(withOtp)).body.mfaRequired).toBe(true);
      expect(await attemptsLeft(withOtp)).toBe(5);
    });

  test("a rotated secret of a real realm: faults once the token has ended, and well again when the secret is", async () => {
    // The gateway renews its token 30 seconds before the end.
    const realm = await createRealm({ accessTokenLifespan: 31 });
    const dir = await mkdtemp(join(tmpdir(), "headgate-apps-"));
    const appsFile = join(dir, "apps.json");
    await writeFile(appsFile, JSON.stringify({ apps: [{ id: realm.app.id, name: "App" }] }));
    const redis = await startRedis();
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: {
        HEADGATE_APPS_FILE: appsFile,
        HEADGATE_KEYCLOAK_REALM: realm.realm,
        HEADGATE_KEYCLOAK_CLIENT_ID: realm.adminClient.id,
        HEADGATE_KEYCLOAK_CLIENT_SECRET: realm.adminClient.secret,
      },
    });
    try {
      const status = () => callApi(gateway, `/security/lockout-status?userId=${randomUUID()}`, { app: realm.app });
      expect(wordy(await status())).toBe("404 USER_NOT_FOUND");
      const [{ id, ...client }] = await realm.admin("GET", `/clients?clientId=${realm.adminClient.id}`);
      await realm.admin("PUT", `/clients/${id}`, { ...client, id, secret: "rotated" });
      await until(async () => (await status()).status === 500);
      expectFault(await within(bound, status()));
      await realm.admin("PUT", `/clients/${id}`, { ...client, id, secret: realm.adminClient.secret });
      await until(async () => (await status()).status !== 500);
      expect(wordy(await status())).toBe("404 USER_NOT_FOUND");
    } finally {
      await gateway.stop();
      await redis.stop();
      await realm.remove();
      await rm(dir, { recursive: true });
    }
  });
});

// Threat: a mail that was promised is lost because Keycloak could not be asked for its recipient.
test("the mail worker's look-ups fail: every mail arrives afterwards", async () => {
  const mailbox = await startMailbox();
  const own = await startFaultStack({
    HEADGATE_KEYCLOAK_TIMEOUT_MS: String(timeoutMs),
    HEADGATE_SMTP_URL: mailbox.smtpUrl,
  });
  try {
    const faults: readonly UpstreamFault[] = [
      failing(503),
      failing(429),
      garbage["HTML with 200"],
      refusing(403, "HTTP 403 Forbidden"),
      { kind: "half" },
      { kind: "hang" },
    ];
    const users = await Promise.all(faults.map(() => createUser()));
    const looks = users.map(() => 0);
    own.proxy.inject(({ path }) => {
      const index = users.findIndex(({ email }) => path.includes(encodeURIComponent(email)));
      const fault = faults[index];
      if (fault === undefined) return undefined;
      looks[index] = (looks[index] ?? 0) + 1;
      // What reads is repeated at once after a lost connection: the repetition fails, too.
      return looks[index] <= (fault.kind === "half" ? 2 : 1) ? fault : undefined;
    });
    for (const { email } of users) {
      const answer = await within(bound, callApi(own.gateway, "/password/reset-send", { body: { email } }));
      expect([answer.status, answer.body]).toEqual([200, {}]);
    }
    for (const { email } of users) await mailbox.waitFor(email, /reset-password/);
    for (const [index, count] of looks.entries()) expect(count, String(index)).toBeGreaterThan(1);
  } finally {
    await own.stop();
    await mailbox.stop();
  }
});
