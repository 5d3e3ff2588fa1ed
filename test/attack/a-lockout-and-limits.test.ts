import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, type TestContext, test } from "vitest";
import { type ApiAnswer, type ApiCall, callApi, tally } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { callAs, createEnrolledUser } from "../support/enrolment.ts";
import { report, sized } from "../support/figures.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  createUser,
  demoApp,
  issuer,
  keycloakUrl,
  licensedApp,
  secondApp,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { endLeases, untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

const maxAttempts = 5;
const maxCodes = 10;
const guesses = 300;
const rounds = Array.from({ length: sized(1, 5) }, (_, index) => index + 1);

let redis: TestRedis;
let proxy: CountingProxy;
let gateways: TestGateway[];

/** Limits and queues out of the way: what holds is the lockout alone. */
const lockoutAlone = {
  HEADGATE_LIMIT_CLIENT: "900000/60",
  HEADGATE_LIMIT_ADDRESS: "900000/60",
  HEADGATE_LIMIT_ACCOUNT: "900000/60",
  HEADGATE_ACCOUNT_QUEUE_LIMIT: "1000",
  HEADGATE_ACCOUNT_WAIT_MS: "60000",
};
const start = (redisUrl: string, env: Record<string, string> = {}) =>
  startGateway({
    redisUrl,
    env: { HEADGATE_KEYCLOAK_URL: proxy.url, HEADGATE_KEYCLOAK_ISSUER: issuer, ...env },
  });

beforeAll(async () => {
  [redis, proxy] = await Promise.all([startRedis(), startCountingProxy(keycloakUrl)]);
  gateways = await Promise.all([0, 1, 2].map(() => start(redis.url, lockoutAlone)));
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await proxy?.close();
  await redis?.stop();
});
beforeEach(async () => {
  // The worker looks up at Keycloak whoever is locked, and a test before this one may have locked somebody.
  await untilMailIsDone(redis);
  proxy.reset();
});

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});
/** A gateway for one test, which ends it if it has not ended by itself. */
async function startForTest(redisUrl: string, env: Record<string, string>): Promise<TestGateway> {
  const gateway = await start(redisUrl, env);
  cleanUp.push(async () => {
    await gateway.stop("SIGKILL");
    // A mail that it had would wait for a minute, and with it every test that waits for the mails of its own.
    if (redisUrl === redis.url) await endLeases(redis);
  });
  return gateway;
}
async function startRedisForTest(...args: Parameters<typeof startRedis>): Promise<TestRedis> {
  const server = await startRedis(...args);
  cleanUp.push(server.stop);
  return server;
}

const at = (index: number) => gateways[index % gateways.length] as TestGateway;
const login = (gateway: TestGateway, email: string, password: string, call: ApiCall = {}) =>
  callApi(gateway, "/login", { ...call, body: { email, password } });
const verify = (gateway: TestGateway, mfaToken: string, code: string, method = "totp") =>
  callApi(gateway, "/mfa/verify", { body: { mfaToken, code, method } });
const statusOf = async ({ userId }: TestUser) =>
  (await callApi(at(0), `/security/lockout-status?userId=${userId}`)).body;
const unknownAddress = () => `nobody-${randomUUID()}@example.com`;
const codesOf = (answers: readonly ApiAnswer[]) => answers.map(({ status, body }) => body.code ?? status);

/** Different wrong passwords for an account at the same moment, by turns at the gateways; answers that never came are left out. */
async function flood(at: readonly TestGateway[], email: string, count: number): Promise<readonly ApiAnswer[]> {
  const answers = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => login(at[index % at.length] as TestGateway, email, randomUUID())),
  );
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}
/** Goes on guessing, one after the other, until the account is locked. */
async function guessUntilLocked(at: readonly TestGateway[], email: string): Promise<void> {
  let turn = 0;
  await until(async () => {
    const answer = await login(at[turn++ % at.length] as TestGateway, email, randomUUID()).catch(() => undefined);
    if (answer?.status === 500 || answer?.status === 429) await sleep(200);
    return answer?.status === 423;
  }, 100_000);
}
/** Locks an account at the shared gateways, and waits for the mail about it: its worker looks the user up at Keycloak. */
async function lock(email: string): Promise<void> {
  await guessUntilLocked(gateways, email);
  await untilMailIsDone(redis);
}
/** What reached Keycloak, but for the look at an app's secret, which each gateway takes once a minute. */
const callsForRequests = () =>
  proxy.calls.flatMap(({ method, path }) => (path.endsWith("/token/introspect") ? [] : `${method} ${path}`));
const codesAtKeycloak = () => new Set(proxy.calls.flatMap(({ form }) => form.get("totp") ?? []));
/** Codes that are wrong now and in the steps around. */
function wrongCodes({ totpSecret }: TestUser, count: number): readonly string[] {
  const near = [-2, -1, 0, 1, 2, 3].map((steps) => totpCode(totpSecret, steps));
  const codes = Array.from({ length: count + near.length }, (_, index) => `${300_010 + index}`);
  return codes.filter((code) => !near.includes(code)).slice(0, count);
}

function reportGuesses(context: TestContext, made: number, reached: number): void {
  report(context, `${context.task.name}: ${reached} of ${made} guesses reached Keycloak`);
}

// Threat: parallel guesses that are all checked before the first failure is counted (Keycloak CVE-2024-4629, Zitadel
// GHSA-7h8m-vrxx-vr4m, Better Auth CVE-2026-110861). One address more is one that nobody has: it must count the same.
describe(`of ${guesses} parallel guesses at three gateways, exactly five reach Keycloak`, () => {
  test.each([
    ["for a known address", async () => (await createUser()).email],
    ["for an unknown address", async () => unknownAddress()],
  ])("%s", async (_name, address) => {
    for (const _round of rounds) {
      const email = await address();
      proxy.reset();
      const answers = await flood(gateways, email, guesses);
      expect(proxy.passwordsFor(email).size).toBe(maxAttempts);
      // A store that takes more than a second on a busy machine refuses as well.
      const { "423 ACCOUNT_LOCKED": locked = 0, "500 INTERNAL_ERROR": faults = 0, ...others } = tally(answers);
      expect(others).toEqual({ "401 INVALID_CREDENTIALS": maxAttempts });
      expect(locked + faults).toBe(guesses - maxAttempts);
      expect(locked).toBeGreaterThan(0);
    }
  });

  test("with the default limits and queue", async () => {
    const usual = await Promise.all([0, 1, 2].map(() => startForTest(redis.url, {})));
    const { email } = await createUser();
    const { "401 INVALID_CREDENTIALS": wrong, ...refused } = tally(await flood(usual, email, guesses));
    delete refused["500 INTERNAL_ERROR"];
    expect(proxy.passwordsFor(email).size).toBe(maxAttempts);
    expect(wrong).toBe(maxAttempts);
    expect(Object.keys(refused).toSorted()).toEqual(["423 ACCOUNT_LOCKED", "429 RATE_LIMITED"]);
  });
});

// Threat: the count is lost, or an attempt won back, when a gateway dies or is restarted under a flood; with some products an
// attacker needs only to wait for the next deployment.
describe("a gateway that ends in the middle of a flood wins no guess", () => {
  // What it held is free when its lease ends, after 14 seconds; its places in the queue end after five. A dead place that is
  // handed the gate before that counts as an attempt.
  const env = { ...lockoutAlone, HEADGATE_KEYCLOAK_TIMEOUT_MS: "1000", HEADGATE_ACCOUNT_WAIT_MS: "5000" };
  const cases = rounds.flatMap((round) => (["SIGKILL", "SIGTERM"] as const).map((signal) => ({ signal, round })));
  test.for(cases)("$signal, round $round", { timeout: 120_000 }, async ({ signal, round }, context) => {
    const running = await Promise.all([0, 1, 2].map(() => startForTest(redis.url, env)));
    const { email } = await createUser();
    const flooding = flood(running, email, guesses);
    await until(async () => proxy.passwordsFor(email).size >= round);
    await Promise.all(running.slice(0, 2).map((gateway) => gateway.stop(signal)));
    const again = await Promise.all([0, 1].map(() => startForTest(redis.url, env)));
    const more = await flood([...again, ...running.slice(2)], email, guesses);
    await flooding;
    await guessUntilLocked(again, email);
    expect(more.length).toBe(guesses);
    expect(proxy.passwordsFor(email).size).toBeLessThanOrEqual(maxAttempts);
    if (signal === "SIGTERM") expect(proxy.passwordsFor(email).size).toBe(maxAttempts);
    reportGuesses(context, 2 * guesses, proxy.passwordsFor(email).size);
  });

  test("the attempt that was in flight stays counted", async () => {
    const user = await createUser();
    const doomed = await startForTest(redis.url, env);
    const attempt = login(doomed, user.email, "guess").catch(() => undefined);
    await until(async () => (await statusOf(user)).attemptsRemaining < maxAttempts);
    await doomed.stop("SIGKILL");
    await attempt;
    expect((await statusOf(user)).attemptsRemaining).toBe(maxAttempts - 1);
  });
});

// Threat: counts that live in the store's memory are forgotten when it restarts; whoever can make it restart has a new budget.
describe("a store that is killed and restarted in the middle of a flood forgets no guess", () => {
  test.for(rounds)("round %i", { timeout: 120_000 }, async (round, context) => {
    const dir = await mkdtemp(join(tmpdir(), "headgate-lockout-"));
    cleanUp.push(() => rm(dir, { recursive: true, force: true }));
    const args = ["--appendonly", "yes", "--appendfsync", "always", "--dir", dir];
    const store = await startRedisForTest({ args });
    const env = { ...lockoutAlone, HEADGATE_KEYCLOAK_TIMEOUT_MS: "1000", HEADGATE_ACCOUNT_WAIT_MS: "5000" };
    const running = await Promise.all([0, 1, 2].map(() => startForTest(store.url, env)));
    const { email } = await createUser();
    const flooding = flood(running, email, guesses);
    await until(async () => proxy.passwordsFor(email).size >= Math.max(2, round));
    await store.stop();
    await startRedisForTest({ port: store.port, args });
    const more = await flood(running, email, guesses);
    const seen = [...(await flooding), ...more];
    await guessUntilLocked(running, email);
    expect(seen.length).toBe(2 * guesses);
    expect(proxy.passwordsFor(email).size).toBeGreaterThan(1);
    expect(proxy.passwordsFor(email).size).toBeLessThanOrEqual(maxAttempts);
    reportGuesses(context, seen.length, proxy.passwordsFor(email).size);
  });
});

// Threat: a right password clears the count before the second factor is shown, so that whoever has one account's password
// guesses its codes for ever, or a licence or verification that is missing gives fresh guesses.
describe("only a complete login clears the count", () => {
  test("second factor included", async () => {
    const user = await createUser({ totp: true });
    const { email, password, totpSecret } = user;
    const remaining = async () => (await statusOf(user)).attemptsRemaining;
    await login(at(0), email, "wrong");
    expect(await remaining()).toBe(4);
    const { mfaToken } = (await login(at(1), email, password)).body;
    expect(await remaining()).toBe(4);
    // Codes have a count of their own.
    await verify(at(2), mfaToken, wrongCodes(user, 1)[0] ?? "");
    expect(await remaining()).toBe(4);
    expect((await verify(at(0), mfaToken, totpCode(totpSecret))).status).toBe(200);
    expect(await remaining()).toBe(5);
  });

  test("and a right password between wrong ones wins none of them back", async () => {
    const { email, password } = await createUser({ totp: true });
    const codes: unknown[] = [];
    for (let guess = 0; guess < maxAttempts; guess++) {
      codes.push((await login(at(guess), email, `wrong ${guess}`)).body.code);
      codes.push((await login(at(guess), email, password)).body.code ?? "challenge");
    }
    expect(codes).toEqual([
      ...Array.from({ length: maxAttempts - 1 }, () => ["INVALID_CREDENTIALS", "challenge"]).flat(),
      ...["INVALID_CREDENTIALS", "ACCOUNT_LOCKED"],
    ]);
  });

  test.each([
    ["EMAIL_NOT_VERIFIED", { emailVerified: false, requiredActions: ["VERIFY_EMAIL"] }, demoApp],
    ["APP_NOT_LICENSED", {}, licensedApp],
  ])("not one that ends as %s", async (code, wanted, app) => {
    const user = await createUser(wanted);
    await login(at(0), user.email, "wrong", { app });
    expect((await login(at(1), user.email, user.password, { app })).body.code).toBe(code);
    expect((await statusOf(user)).attemptsRemaining).toBe(4);
  });
});

// Threat: guessing codes with a stolen password, each new login or challenge refilling the budget (Zitadel CVE-2025-64102,
// GHSA-vfph-hjfv-cpv2).
describe("wrong codes have one budget per account", () => {
  test("that new logins and challenges do not refill, in parallel at three gateways", async () => {
    const user = await createUser({ totp: true });
    const challenges: string[] = [];
    for (let count = 0; count < 12; count++) {
      challenges.push((await login(at(count), user.email, user.password)).body.mfaToken);
    }
    const codes = wrongCodes(user, 5 * challenges.length);
    const answers = await Promise.all(
      codes.map((code, index) => verify(at(index), challenges[index % challenges.length] ?? "", code)),
    );
    expect(codesAtKeycloak().size).toBe(maxCodes);
    const { "401 MFA_INVALID_CODE": wrong, "423 ACCOUNT_LOCKED": locked = 0, ...others } = tally(answers);
    // A challenge may have ended by its own five codes first; that costs no attempt.
    const expired = others["401 MFA_CHALLENGE_EXPIRED"] ?? 0;
    expect([wrong, locked + expired]).toEqual([maxCodes, codes.length - maxCodes]);
    expect((await login(at(0), user.email, user.password)).body.code).toBe("ACCOUNT_LOCKED");
  });

  test("one after the other, each with a challenge of its own, of either method", async () => {
    const user = await createUser({ totp: true });
    const codes = wrongCodes(user, 12);
    const seen: string[] = [];
    for (let attempt = 0; attempt < 12 && seen.at(-1) !== "ACCOUNT_LOCKED"; attempt++) {
      const challenge = await login(at(attempt), user.email, user.password);
      const [code = "", method] = attempt % 2 === 0 ? [codes[attempt]] : ["abcde-fghij", "backup_code"];
      if (challenge.status !== 200) seen.push(challenge.body.code);
      else seen.push((await verify(at(attempt + 1), challenge.body.mfaToken, code, method)).body.code);
    }
    expect(seen).toEqual([...Array(maxCodes).fill("MFA_INVALID_CODE"), "ACCOUNT_LOCKED"]);
    expect((await statusOf(user)).locked).toBe(true);
  });

  test.each([
    ["of TOTP", (user: TestUser, attempt: number) => wrongCodes(user, 5)[attempt], "totp"],
    ["of a method that the user does not have", () => "abcde-fghij", "backup_code"],
  ])("and five %s end a challenge, for the right code too", async (_name, codeOf, method) => {
    const user = await createUser({ totp: true });
    const { mfaToken } = (await login(at(0), user.email, user.password)).body;
    for (let attempt = 0; attempt < 5; attempt++) {
      const { status, body } = await verify(at(attempt), mfaToken, codeOf(user, attempt) ?? "", method);
      expect([status, body.code]).toEqual([401, "MFA_INVALID_CODE"]);
    }
    expect((await verify(at(0), mfaToken, totpCode(user.totpSecret))).body.code).toBe("MFA_CHALLENGE_EXPIRED");
  });
});

// Threat: the lock stands at the login only, and another route that checks a credential still gives tokens (Keycloak
// CVE-2026-9798).
describe("a locked account gets no tokens by any route", () => {
  test("not with the right password, at any gateway, and Keycloak is not asked", async () => {
    const { email, password } = await createUser();
    await lock(email);
    proxy.reset();
    for (const gateway of gateways) {
      const { status, body, headers } = await login(gateway, email, password);
      expect([status, body.code]).toEqual([423, "ACCOUNT_LOCKED"]);
      expect(body.details.retryAfterSeconds).toBeGreaterThan(590);
      expect(headers.get("retry-after")).toBe(String(body.details.retryAfterSeconds));
    }
    expect(callsForRequests()).toEqual([]);
  });

  test("not with a right TOTP or backup code for a challenge from before, nor with either for a change", async () => {
    const user = await createEnrolledUser(at(0));
    const challenges = [];
    for (let count = 0; count < 2; count++)
      challenges.push((await login(at(0), user.email, user.password)).body.mfaToken);
    await lock(user.email);
    proxy.reset();
    const code = totpCode(user.totpSecret, 1);
    const [backupCode = ""] = user.backupCodes;
    const answers = [
      await verify(at(0), challenges[0], code),
      await verify(at(1), challenges[1], backupCode, "backup_code"),
      await callAs(user.accessToken, at(2), "/mfa/disable", { code }),
      await callAs(user.accessToken, at(0), "/mfa/backup-codes", { code }),
    ];
    expect(tally(answers)).toEqual({ "423 ACCOUNT_LOCKED": 4 });
    expect(codesAtKeycloak().size).toBe(0);
  });

  // A refresh token is 256 bits or a signature, not something to be guessed, and its session was opened by a complete login.
  // Refusing it would hand whoever knows an address the means to log its owner out everywhere.
  test("but the sessions that its owner has go on", async () => {
    const user = await createUser();
    const { refreshToken } = (await login(at(0), user.email, user.password)).body;
    await lock(user.email);
    proxy.reset();
    const { status, body } = await callApi(at(1), "/refresh", { body: { refreshToken } });
    expect(status).toBe(200);
    expect(body.user.userId).toBe(user.userId);
    expect(proxy.passwordsFor(user.email).size).toBe(0);
  });
});

// Threat: an address without an account never locks, so that a lock tells who has one; or its guesses are free.
test("unknown addresses count and lock like known ones, answer by answer", async () => {
  const { email } = await createUser();
  const [known, unknown] = await Promise.all(
    [email, unknownAddress()].map(async (address) => {
      const answers = [];
      for (let guess = 0; guess < maxAttempts + 2; guess++)
        answers.push(await login(at(guess), address, `guess ${guess}`));
      return codesOf(answers);
    }),
  );
  expect(known).toEqual([...Array(maxAttempts).fill("INVALID_CREDENTIALS"), "ACCOUNT_LOCKED", "ACCOUNT_LOCKED"]);
  expect(unknown).toEqual(known);
});

// Threat: each way to write one address has a budget of its own, while Keycloak and its database take all for one account.
describe("spellings of one address share one budget", () => {
  const fullWidth = (text: string) =>
    text.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0));
  const spellings: readonly ((local: string, domain: string) => string)[] = [
    (local, domain) => `${local}@${domain}`,
    (local, domain) => `\t ${local}@${domain}\n`,
    (local, domain) => `${local.toUpperCase()}@${domain.toUpperCase()}`,
    (local, domain) => `${fullWidth(local)}@${domain}`,
    (local, domain) => `${local}\u0301@${domain}`,
    (local, domain) => `${local.replace("s", "\u017f")}@${domain}`,
    (local, domain) => `${local.replace("u", "\u00fc")}@${domain}`,
    (local, domain) => `${local.replace("u", "u\u0308")}@${domain}`,
    (local, domain) => `${local}\u200b@${domain}`,
    (local, domain) => `${local}\u00ad@${domain}`,
    (local, domain) => `\u202e${local}@${domain}\u202c`,
  ];
  test("in case, blanks, width, accents, composition, and characters that do not show", async () => {
    const [local = "", domain = ""] = (await createUser()).email.split("@");
    const answers = await Promise.all(
      Array.from({ length: 5 * spellings.length }, (_, index) =>
        login(at(index), spellings[index % spellings.length]?.(local, domain) ?? "", `guess ${index}`),
      ),
    );
    const passwords = proxy.calls.flatMap(({ form }) => form.get("password") ?? []);
    expect(new Set(passwords).size).toBe(maxAttempts);
    expect(tally(answers)).toEqual({
      "401 INVALID_CREDENTIALS": maxAttempts,
      "423 ACCOUNT_LOCKED": answers.length - maxAttempts,
    });
  });

  test("and one with a control character or a broken letter is none, and costs nothing", async () => {
    const { email, password } = await createUser();
    proxy.reset();
    const broken = [
      `${email}\0`,
      `\0${email}`,
      `${email}\u0007`,
      `user\r\n${email}`,
      `${email}\u0085x`,
      `${email}\ud800`,
    ];
    for (const address of broken) {
      const { status, body } = await login(at(0), address, password);
      expect([status, body.code]).toEqual([400, "VALIDATION_ERROR"]);
    }
    expect(callsForRequests()).toEqual([]);
  });
});

// Threat: a flood against one account, app or address, or one password over many accounts, each of which stays below its lock;
// each refusal must be cheap and say when to come back.
describe("limits hold", () => {
  let store: TestRedis;
  beforeEach(async () => {
    store = await startRedisForTest();
  });
  const limited = (env: Record<string, string>) => startForTest(store.url, env);
  const malformed = (gateway: TestGateway, headers: Record<string, string>, app = demoApp) =>
    callApi(gateway, "/login", { body: { email: "x" }, headers, app });
  const from = (ip: string) => ({ "x-end-user-ip": ip });

  test("per address, IPv6 by /64, with headers that tell of it", async () => {
    const gateway = await limited({ HEADGATE_LIMIT_ADDRESS: "3/600" });
    const answers = [];
    for (const last of [":1", "a:b:c:d", ":ffff", ":4"])
      answers.push(await malformed(gateway, from(`2001:db8:1:2:${last}`)));
    expect(codesOf(answers)).toEqual([...Array(3).fill("VALIDATION_ERROR"), "RATE_LIMITED"]);
    expect((await malformed(gateway, from("2001:db8:1:3::1"))).body.code).toBe("VALIDATION_ERROR");

    const { email, password } = await createUser();
    const right = await login(gateway, email, password, { headers: from("2001:db8:1:2:ffff::1") });
    expect([right.status, right.body.code]).toEqual([429, "RATE_LIMITED"]);
    expect(right.headers.get("retry-after")).toBe(String(right.body.details.retryAfterSeconds));
    expect(right.headers.get("ratelimit")).toContain('"address";r=0');
    expect(proxy.passwordsFor(email).size).toBe(0);
    // An IPv4 address is one, however it is written.
    for (const ip of ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"]) await malformed(gateway, from(ip));
    expect((await malformed(gateway, from("192.0.2.1"))).body.code).toBe("RATE_LIMITED");
  });

  test("per app, whatever addresses it calls for", async () => {
    const gateway = await limited({ HEADGATE_LIMIT_CLIENT: "3/600" });
    const answers = [];
    for (const last of [1, 2, 3, 4]) answers.push(await malformed(gateway, from(`192.0.2.${last}`)));
    expect(codesOf(answers)).toEqual([...Array(3).fill("VALIDATION_ERROR"), "RATE_LIMITED"]);
    expect((await malformed(gateway, from("192.0.2.1"), secondApp)).body.code).toBe("VALIDATION_ERROR");
  });

  test("per account, without headers that would tell of it", async () => {
    const gateway = await limited({ HEADGATE_LIMIT_ACCOUNT: "2/600" });
    const user = await createUser();
    const answers = [];
    for (let attempt = 0; attempt < 3; attempt++) answers.push(await login(gateway, user.email, user.password));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]?.headers.get("ratelimit")).not.toContain("account");
    expect(answers[2]?.headers.get("ratelimit-policy")).not.toContain("account");
  });

  test("for one password over many accounts from one address", async () => {
    const gateway = await limited({ HEADGATE_LIMIT_ADDRESS: "8/600" });
    const { email, password } = await createUser();
    const targets = Array.from({ length: sized(40, 300) }, (_, index) => ({
      address: unknownAddress(),
      headers: from(`2001:db8:7:7::${index}`),
    }));
    const answers = await Promise.all(
      targets.map(({ address, headers }) => login(gateway, address, "Summer2026", { headers })),
    );
    expect(proxy.calls.filter(({ form }) => form.get("password") === "Summer2026").length).toBe(8);
    expect(tally(answers)).toEqual({ "401 INVALID_CREDENTIALS": 8, "429 RATE_LIMITED": targets.length - 8 });
    // Nobody else pays for it.
    expect((await login(gateway, email, password, { headers: from("2001:db8:7:8::1") })).status).toBe(200);
  });
});

// Threat: the leftmost X-Forwarded-For is believed, and each request comes from an address of its own (Coder CVE-2026-111934).
describe("an address that the caller makes up wins nothing", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startForTest((await startRedisForTest()).url, { HEADGATE_LIMIT_ADDRESS: "3/600" });
  });
  const names = [
    ...["x-forwarded-for", "x-real-ip", "x-client-ip", "x-originating-ip", "true-client-ip", "cf-connecting-ip"],
    ...["x-cluster-client-ip", "fastly-client-ip", "x-forwarded", "forwarded-for", "x-remote-ip", "x-remote-addr"],
  ];
  const madeUp = (index: number): Record<string, string> => ({
    ...Object.fromEntries(names.map((name) => [name, `198.51.100.${index}, 10.0.0.${index}`])),
    forwarded: `for=198.51.100.${index};proto=https;by=203.0.113.43`,
    via: `1.1 198.51.100.${index}`,
  });

  test("in X-Forwarded-For and its kin", async () => {
    const { email } = await createUser();
    const answers = [];
    for (const index of [1, 2, 3, 4]) answers.push(await login(gateway, email, "wrong", { headers: madeUp(index) }));
    expect(codesOf(answers)).toEqual([...Array(3).fill("INVALID_CREDENTIALS"), "RATE_LIMITED"]);
    // An app that says for whom it calls is charged to that address, and the others are ignored beside it.
    const headers = { ...madeUp(5), "x-end-user-ip": "192.0.2.77" };
    expect((await login(gateway, email, "wrong", { headers })).body.code).toBe("INVALID_CREDENTIALS");
  });

  test("in x-end-user-ip without an authenticated client", async () => {
    const user = await createUser();
    const victim = { "x-end-user-ip": "192.0.2.88" };
    const { accessToken } = (await login(gateway, user.email, user.password, { headers: victim })).body;
    const status = (headers: Record<string, string>, app: ApiCall["app"] = null) =>
      callApi(gateway, "/mfa/status", { app, headers: { authorization: `Bearer ${accessToken}`, ...headers } });
    const answers = [];
    for (const last of [1, 2, 3, 4]) answers.push(await status({ "x-end-user-ip": `192.0.2.${last}` }));
    expect(codesOf(answers)).toEqual([200, 200, 200, "RATE_LIMITED"]);
    // With the app's secret it is believed.
    expect((await status({ "x-end-user-ip": "192.0.2.1" }, demoApp)).status).toBe(200);

    // Nor can somebody without it use up another address's limit.
    const stranger = { id: demoApp.id, secret: "not the secret" };
    for (let count = 0; count < 5; count++) {
      expect((await login(gateway, user.email, "wrong", { headers: victim, app: stranger })).status).toBe(401);
    }
    expect((await login(gateway, user.email, user.password, { headers: victim })).status).toBe(200);
  });
});

// Threat: refusals that go upstream let an attacker who is locked out load Keycloak all the same.
describe("a refused request costs Keycloak nothing", () => {
  const many = sized(30, 300);
  const repeat = (call: (index: number) => Promise<ApiAnswer>) =>
    Promise.all(Array.from({ length: many }, (_, index) => call(index)));

  test("423 ACCOUNT_LOCKED", async () => {
    const { email, password } = await createUser();
    await lock(email);
    proxy.reset();
    expect(tally(await repeat((index) => login(at(index), email, password)))).toEqual({ "423 ACCOUNT_LOCKED": many });
    expect(callsForRequests()).toEqual([]);
  });

  test("429 RATE_LIMITED", async () => {
    const { url } = await startRedisForTest();
    const gateway = await startForTest(url, { HEADGATE_LIMIT_ADDRESS: "1/600" });
    const { email, password } = await createUser();
    expect((await login(gateway, email, password)).status).toBe(200);
    proxy.reset();
    expect(tally(await repeat(() => login(gateway, email, password)))).toEqual({ "429 RATE_LIMITED": many });
    expect(proxy.calls).toEqual([]);
  });

  test("400 VALIDATION_ERROR", async () => {
    const { email, password } = await createUser();
    const bodies = [{}, { email }, { email, password: "" }, { email: "x", password }, { email: [email], password }];
    proxy.reset();
    const answers = await repeat((index) => callApi(at(index), "/login", { body: bodies[index % bodies.length] }));
    expect(tally(answers)).toEqual({ "400 VALIDATION_ERROR": many });
    expect(callsForRequests()).toEqual([]);
  });

  test("401 INVALID_CLIENT: nothing for unknown clients, one look for one wrong secret, a trickle for many", async () => {
    const { url } = await startRedisForTest();
    const gateway = await startForTest(url, {});
    const { email, password } = await createUser();
    const as = (app: ApiCall["app"] & object) => login(gateway, email, password, { app });
    const refused = async (appOf: (index: number) => { id: string; secret: string }) => {
      proxy.reset();
      const began = performance.now();
      const answers = await repeat((index) => as(appOf(index)));
      for (const { status } of answers) expect([401, 429]).toContain(status);
      return { calls: proxy.calls.length, seconds: (performance.now() - began) / 1000 };
    };
    expect((await refused(() => ({ id: "cca_nobody", secret: "x" }))).calls).toBe(0);
    expect((await refused(() => ({ id: demoApp.id, secret: "wrong" }))).calls).toBe(1);
    const flooding = await refused((index) => ({ id: demoApp.id, secret: `wrong ${index}` }));
    // Twenty at once, two a second after that; one has gone to the secret before.
    expect(flooding.calls).toBeLessThanOrEqual(20 + Math.ceil(2 * flooding.seconds));
    expect(flooding.calls).toBeLessThan(many);
    expect(proxy.passwordsFor(email).size).toBe(0);
  });
});
