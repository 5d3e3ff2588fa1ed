import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headlessBasePath } from "../../src/contract/headless.ts";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { callAs } from "../support/enrolment.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, createUser, demoApp, secondApp, sessionsOf, type TestUser, totpCode } from "../support/keycloak.ts";
import { type CaughtMail, linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";
import { readNodes } from "../support/redis-dump.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateways: TestGateway[];
let store: Redis;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  store = new Redis(redis.port);
  const env = { HEADGATE_SMTP_URL: mailbox.smtpUrl, HEADGATE_LOG_LEVEL: "trace" };
  const start = () => startGateway({ redisUrl: redis.url, env });
  gateways = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await mailbox?.stop();
  store?.disconnect();
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;
/** Makes calls at the same moment, by turns at the two gateways. */
const race = (count: number, call: (gateway: TestGateway, index: number) => Promise<ApiAnswer>) =>
  Promise.all(Array.from({ length: count }, (_, index) => call(at(index), index)));

const sendPaths = { verify: "/email/verify-send", reset: "/password/reset-send" } as const;
type Kind = keyof typeof sendPaths;
const kinds = Object.keys(sendPaths) as readonly Kind[];

const newPassword = () => `new password ${randomUUID()}`;
const ask = (kind: Kind, email: string, app = demoApp) => callApi(at(0), sendPaths[kind], { body: { email }, app });
const confirmEmail = (token: string, app = demoApp, gateway = at(0)) =>
  callApi(gateway, "/email/verify-confirm", { body: { token }, app });
const resetPassword = (token: string, password = newPassword(), app = demoApp, gateway = at(0)) =>
  callApi(gateway, "/password/reset-confirm", { body: { token, newPassword: password }, app });
const redeem = (kind: Kind, token: string, gateway = at(0)) =>
  kind === "verify" ? confirmEmail(token, demoApp, gateway) : resetPassword(token, newPassword(), demoApp, gateway);
const login = (email: string, password: string) => callApi(at(0), "/login", { body: { email, password } });
const unverifiedUser = () => createUser({ emailVerified: false });

/** The link of the mail that an action has sent to an address. */
async function linkAfter(email: string, action: () => Promise<unknown>) {
  const before = (await mailbox.mailsTo(email)).length;
  await action();
  await until(async () => (await mailbox.mailsTo(email)).length > before);
  const mail = (await mailbox.mailsTo(email)).at(-1);
  if (mail === undefined) throw new Error(`There is no mail to ${email}`);
  return { mail, ...linkIn(mail) };
}
const tokenFor = async (kind: Kind, { email }: Pick<TestUser, "email">, app = demoApp) =>
  (await linkAfter(email, () => ask(kind, email, app))).token;

function expectRefused({ status, body }: ApiAnswer): void {
  expect([status, body.code]).toEqual([401, "INVALID_TOKEN"]);
}
async function expectLogin({ email }: Pick<TestUser, "email">, password: string, outcome: number | string) {
  const { status, body } = await login(email, password);
  expect(body.code ?? status).toBe(outcome);
}

/** What tokens stand for in the store. */
const tokenKeys = async () => (await readNodes([redis.port])).filter(({ key }) => key.endsWith(":t"));
/** A new token, and its key in the store. */
async function storedTokenFor(kind: Kind, user: TestUser) {
  const before = new Set((await tokenKeys()).map(({ key }) => key));
  const token = await tokenFor(kind, user);
  const [stored, ...others] = (await tokenKeys()).filter(({ key }) => !before.has(key));
  if (stored === undefined || others.length > 0) throw new Error("The mail did not make one key.");
  return { token, ...stored };
}

// Threat: whoever finds a mail later, in a mailbox, an archive or a browser's history, uses its link again; or a link is
// redeemed at the same moment through several instances, each of which finds it unused.
describe("a link used twice", () => {
  test.each(kinds)("(%s) works once, whichever instance is asked", async (kind) => {
    const user = await unverifiedUser();
    const token = await tokenFor(kind, user);
    expect((await redeem(kind, token, at(1))).status).toBe(200);
    for (const gateway of gateways) expectRefused(await redeem(kind, token, gateway));
  });

  test("(verify) has one winner in a race over two instances", async () => {
    const user = await unverifiedUser();
    const token = await tokenFor("verify", user);
    const answers = await race(10, (gateway) => confirmEmail(token, demoApp, gateway));
    expect(tally(answers)).toEqual({ "200": 1, "401 INVALID_TOKEN": 9 });
    await expectLogin(user, user.password, 200);
  });

  // Threat, also: the owner is told of success while the intruder's password holds.
  test("(reset) has one winner in a race, and only its password logs in", async () => {
    const user = await createUser();
    const token = await tokenFor("reset", user);
    const passwords = Array.from({ length: 4 }, newPassword);
    const answers = await race(4, (gateway, index) => resetPassword(token, passwords[index], demoApp, gateway));
    expect(tally(answers)).toEqual({ "200": 1, "401 INVALID_TOKEN": 3 });
    const winner = answers.findIndex(({ status }) => status === 200);
    for (const [index, password] of [...passwords, user.password].entries()) {
      await expectLogin(user, password, index === winner ? 200 : "INVALID_CREDENTIALS");
    }
  });
});

// Threat: a token does something else than its mail said: a verification token sets a password (Telekom account portal,
// CVE-2025-69614), one app's token is good at another, or an old one outlives what replaced it.
describe("a link for something else", () => {
  test("is good for its own purpose only, and not used up by the attempt", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user)];
    expectRefused(await resetPassword(verification));
    expectRefused(await confirmEmail(reset));
    const { body } = await confirmEmail(verification);
    expect(body).toEqual({ userId: user.userId, email: user.email, verified: true });
    await expectLogin(user, user.password, 200);
    expect((await resetPassword(reset, "another long password")).body).toEqual({});
    await expectLogin(user, "another long password", 200);
  });

  test("is good for the app that it was sent for only, and not used up by the attempt", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user, secondApp)];
    expectRefused(await confirmEmail(verification, secondApp));
    expectRefused(await resetPassword(reset, "another long password", demoApp));
    expect((await confirmEmail(verification)).status).toBe(200);
    await expectLogin(user, user.password, 200);
    expect((await resetPassword(reset, "another long password", secondApp)).status).toBe(200);
  });

  test("is replaced by a newer one of its purpose, and by none of the other", async () => {
    const user = await unverifiedUser();
    const reset = await tokenFor("reset", user);
    const [older, newer] = [await tokenFor("verify", user), await tokenFor("verify", user)];
    expectRefused(await confirmEmail(older));
    expect((await confirmEmail(newer)).status).toBe(200);
    expectRefused(await confirmEmail(newer));
    expectRefused(await confirmEmail(older));
    const latest = await tokenFor("reset", user);
    expectRefused(await resetPassword(reset));
    expect((await resetPassword(latest)).status).toBe(200);
  });

  test("does not come back after a refused password, once there is a newer one", async () => {
    const user = await createUser();
    const older = await tokenFor("reset", user);
    expect((await resetPassword(older, "short")).body.code).toBe("VALIDATION_ERROR");
    const newer = await tokenFor("reset", user);
    expect((await resetPassword(newer, "short")).body.code).toBe("VALIDATION_ERROR");
    expectRefused(await resetPassword(older));
    expect((await resetPassword(newer)).status).toBe(200);
  });
});

// Threat: a token that is bound to nobody is used for another account (CVE-2025-69614), or for an account that is not
// any more what it was when the mail was sent.
describe("a link for somebody else", () => {
  test("acts on its own user, whoever else the request names", async () => {
    const [user, victim] = [await unverifiedUser(), await unverifiedUser()];
    const named = { email: victim.email, userId: victim.userId, username: victim.email, sub: victim.userId };
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user)];
    const verified = await callApi(at(0), "/email/verify-confirm", { body: { token: verification, ...named } });
    expect(verified.body).toEqual({ userId: user.userId, email: user.email, verified: true });
    const password = newPassword();
    const body = { token: reset, newPassword: password, password, ...named };
    expect((await callApi(at(0), "/password/reset-confirm", { body })).body).toEqual({});
    await expectLogin(user, password, 200);
    await expectLogin(victim, password, "INVALID_CREDENTIALS");
    await expectLogin(victim, victim.password, "EMAIL_NOT_VERIFIED");
  });

  test("proves nothing once its user has another address, nor for who has the address then", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user)];
    const moved = `new-${user.email}`;
    await adminCall("PUT", `/users/${user.userId}`, { username: moved, email: moved });
    const heir = { email: user.email, password: newPassword(), firstName: "Jane", lastName: "Doe" };
    expect((await callApi(at(0), "/signup", { body: heir })).status).toBe(201);
    expectRefused(await confirmEmail(verification));
    expectRefused(await resetPassword(reset, "another long password"));
    expect((await adminCall("GET", `/users/${user.userId}`)).emailVerified).toBe(false);
    await expectLogin({ email: moved }, user.password, "EMAIL_NOT_VERIFIED");
    await expectLogin(heir, heir.password, "EMAIL_NOT_VERIFIED");
    for (const { email } of [{ email: moved }, heir]) {
      await expectLogin({ email }, "another long password", "INVALID_CREDENTIALS");
    }
  });

  test("is void for a user who is disabled or gone", async () => {
    const [disabled, gone] = [await createUser(), await unverifiedUser()];
    const [reset, verification] = [await tokenFor("reset", disabled), await tokenFor("verify", gone)];
    await adminCall("PUT", `/users/${disabled.userId}`, { enabled: false });
    await adminCall("DELETE", `/users/${gone.userId}`);
    expectRefused(await resetPassword(reset, "another long password"));
    expectRefused(await confirmEmail(verification));
    await adminCall("PUT", `/users/${disabled.userId}`, { enabled: true });
    await expectLogin(disabled, disabled.password, 200);
  });

  // Threat, also: whoever can write to the store makes a token of his own stand for another user.
  test("is not made of a token of one's own in the store", async () => {
    const [user, victim] = [await createUser(), await createUser()];
    const [own, foreign] = [await storedTokenFor("reset", user), await storedTokenFor("reset", victim)];
    const nameOf = (key: string) => /\{(.+)\}/.exec(key)?.[1] ?? "";
    const all = await readNodes([redis.port]);
    // The word of which token of the victim's is the newest one.
    const [newest, ...others] = all.filter(({ text }) => text === nameOf(foreign.key));
    expect([newest?.key, others]).toEqual([expect.stringMatching(/:tn:reset-password$/), []]);
    await store.set(own.key, foreign.text, "KEEPTTL");
    await store.set(newest?.key ?? "", nameOf(own.key), "KEEPTTL");
    expectRefused(await resetPassword(own.token));
    await expectLogin(victim, victim.password, 200);
    // The victim's own link is spoilt, no more: one that is asked for anew is good.
    expect((await resetPassword(await tokenFor("reset", victim))).status).toBe(200);
  });
});

// Threat: the request names the host of the link, and the owner's click hands the token to the attacker (WordPress
// CVE-2017-8295).
describe("a link that the request leads elsewhere", () => {
  const evil = "https://evil.example/phish";
  const headers = {
    host: "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "gopher",
    "x-original-url": evil,
    "x-host": "evil.example",
    forwarded: "host=evil.example;proto=gopher",
    origin: "https://evil.example",
    referer: evil,
  };
  const fields = {
    link: evil,
    links: { verifyEmail: evil, resetPassword: evil },
    redirectUri: evil,
    redirect_uri: evil,
    appId: "evil",
    clientId: "evil",
  };

  /** `fetch` would not send another Host. */
  async function post(path: string, body: object): Promise<[number, string]> {
    const credentials = { "x-client-id": demoApp.id, "x-client-secret": demoApp.secret };
    const outgoing = request(`${at(0).url}${headlessBasePath}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...credentials, ...headers },
    });
    outgoing.end(JSON.stringify({ ...body, ...fields }));
    const [incoming] = await once(outgoing, "response");
    return [incoming.statusCode, await text(incoming)];
  }
  function expectOwn(sent: { readonly page: string; readonly mail: CaughtMail }, page: string): void {
    expect(sent.page).toBe(page);
    expect(sent.mail.subject + sent.mail.text + sent.mail.html).not.toMatch(/evil|gopher/);
  }

  test.each([
    ["verify", "http://localhost:3000/verify-email"],
    ["reset", "http://localhost:3000/reset-password"],
  ] as const)("(%s) leads to the page in the apps file", async (kind, page) => {
    const { email } = await unverifiedUser();
    const sent = await linkAfter(email, async () =>
      expect(await post(sendPaths[kind], { email })).toEqual([200, "{}"]),
    );
    expectOwn(sent, page);
  });

  test("(signup) leads to the page in the apps file", async () => {
    const email = `user-${randomUUID()}@example.com`;
    const account = { email, password: newPassword(), firstName: "Jane", lastName: "Doe" };
    const sent = await linkAfter(email, async () => expect((await post("/signup", account))[0]).toBe(201));
    expectOwn(sent, "http://localhost:3000/verify-email");
  });

  test("leads to the page of the app that asked", async () => {
    const user = await createUser();
    const { page } = await linkAfter(user.email, () => ask("reset", user.email, secondApp));
    expect(page).toBe("http://localhost:3001/reset-password");
  });
});

// Threat: mail scanners and link previews open every link, and use the token up before its owner clicks.
describe("a link that a scanner opens", () => {
  const credentials = { "x-client-id": demoApp.id, "x-client-secret": demoApp.secret };
  const paths = { verify: "/email/verify-confirm", reset: "/password/reset-confirm" } as const;

  test.each(kinds)("(%s) is not used up by any method but POST, nor by a form", async (kind) => {
    const user = await unverifiedUser();
    const token = await tokenFor(kind, user);
    const url = `${at(0).url}${headlessBasePath}${paths[kind]}?token=${token}&newPassword=${randomUUID()}`;
    for (const headers of [credentials, {}]) {
      for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
        const response = await fetch(url, { method, headers });
        expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "POST"]);
        if (method !== "HEAD") expect(await response.json()).toMatchObject({ code: "METHOD_NOT_ALLOWED" });
      }
    }
    const form = { method: "POST", headers: credentials, body: new URLSearchParams({ token }) };
    expect((await fetch(url, form)).status).toBe(415);
    const empty = { method: "POST", headers: { ...credentials, "content-type": "application/json" }, body: "{}" };
    expect((await fetch(url, empty)).status).toBe(400);
    expect((await redeem(kind, token)).status).toBe(200);
  });
});

// Threat: the token is read where more people read than in the mailbox: logs, the store, the Referer of what a mail or a
// page loads, an answer.
describe("a token read elsewhere", () => {
  test("is in no log, no answer and no key or value of the store, nor is its address there in any form", async () => {
    const user = await unverifiedUser();
    const tokens = { verify: await tokenFor("verify", user), reset: await tokenFor("reset", user) };
    const before = await redis.dump();
    const answers: ApiAnswer[] = [];
    for (const kind of kinds) {
      const token = tokens[kind];
      const wrong = kind === "verify" ? "reset" : "verify";
      answers.push(await redeem(wrong, token), await callApi(at(0), `/email/verify-confirm?token=${token}`));
      answers.push(await callApi(at(0), `/nowhere/${token}`), await redeem(kind, token), await redeem(kind, token));
    }
    const after = await redis.dump();
    expect(before).not.toBe(after);
    const secrets = Object.values(tokens);
    for (const secret of [...secrets, user.email, user.userId]) {
      const plain = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64").replace(/=+$/, "")];
      const hashed = ["md5", "sha1", "sha256", "sha512"].flatMap((name) =>
        (["hex", "base64", "base64url"] as const).map((form) => createHash(name).update(secret).digest(form)),
      );
      for (const trace of [...plain, ...hashed]) expect(before + after).not.toContain(trace);
    }
    const log = gateways.map((gateway) => gateway.output()).join("");
    expect(log).toContain("/email/verify-confirm");
    const sent = answers.map(({ headers, body }) => JSON.stringify([body, ...headers])).join("\n");
    for (const secret of secrets) expect(log + sent).not.toContain(secret);
    for (const { headers } of answers) expect(headers.get("referrer-policy")).toBe("no-referrer");
  });

  test.each(kinds)(
    "(%s) is in nothing of the mail but its links to the app, and the mail loads nothing",
    async (kind) => {
      const { email } = await unverifiedUser();
      const { mail, token, page } = await linkAfter(email, () => ask(kind, email));
      const link = `${page}?token=${token}`;
      const addresses = `${mail.html}\n${mail.text}`.match(/[a-z]+:\/\/[^\s"'<>]+/gi) ?? [];
      expect(new Set(addresses)).toEqual(new Set([link]));
      const targets = [...mail.html.matchAll(/\shref\s*=\s*["']?([^"'\s>]*)/gi)].map(([, target]) => target);
      expect(new Set(targets)).toEqual(new Set([link]));
      const rest = `${mail.subject}${mail.html}${mail.text}`.replaceAll(link, "");
      expect(rest).not.toContain(token);
      expect(rest).not.toMatch(/\s(src|srcset|background|poster|action)\s*=|url\s*\(|@import|refresh/i);
      expect(rest).not.toMatch(/<(link|script|img|iframe|object|embed|base|form|svg)\b/i);
    },
  );
});

// Threat: a link in an old mail opens the account of somebody who has long forgotten it.
describe("a link that outlives its time", () => {
  test.each([
    ["verify", 24 * 60],
    ["reset", 30],
  ] as const)("(%s) ends after %i minutes, by the store's clock", async (kind, minutes) => {
    const user = await unverifiedUser();
    const { token, key, ttlMs } = await storedTokenFor(kind, user);
    expect(ttlMs).toBeLessThanOrEqual(minutes * 60_000);
    expect(ttlMs).toBeGreaterThan((minutes - 2) * 60_000);
    await store.pexpire(key, 1);
    await until(async () => (await store.exists(key)) === 0);
    expectRefused(await redeem(kind, token));
    await expectLogin(user, user.password, "EMAIL_NOT_VERIFIED");
  });

  test("gets no more time from passwords that are refused", async () => {
    const user = await createUser();
    const { token, key } = await storedTokenFor("reset", user);
    await store.pexpire(key, 60_000);
    for (let count = 0; count < 3; count++) {
      expect((await resetPassword(token, "short")).body.code).toBe("VALIDATION_ERROR");
      const left = await store.pttl(key);
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(60_000);
    }
    await store.pexpire(key, 1);
    await until(async () => (await store.exists(key)) === 0);
    expectRefused(await resetPassword(token));
  });
});

// Threat: tokens are guessed, or a near miss of one is good.
test("a guessed link", async () => {
  const user = await unverifiedUser();
  const tokens = { verify: await tokenFor("verify", user), reset: await tokenFor("reset", user) };
  for (const kind of kinds) {
    const token = tokens[kind];
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const last = token.at(-1) === "A" ? "B" : "A";
    const near = [
      token.slice(0, -1),
      `${token}=`,
      `${token}A`,
      ` ${token}`,
      `${token}\u0000`,
      token.slice(0, -1) + last,
    ];
    for (const guess of [...near, token.toLowerCase(), "*", "{}", "hg:*", "null", randomUUID()]) {
      expectRefused(await redeem(kind, guess));
    }
    expect((await redeem(kind, token)).status).toBe(200);
  }
});

// Threat: the owner takes the account back by a reset, and the intruder who made that necessary stays in; or the owner's
// link is gone for nothing.
describe("a reset that leaves the intruder in", () => {
  test("ends every session, every token and every open challenge, and keeps the second factor", async () => {
    const user = await createUser({ totp: true });
    const challenge = async (app = demoApp) => {
      const { body } = await callApi(at(0), "/login", { body: { email: user.email, password: user.password }, app });
      expect(body.mfaRequired).toBe(true);
      return body.mfaToken as string;
    };
    const verify = (mfaToken: string, code: string, app = demoApp) =>
      callApi(at(1), "/mfa/verify", { body: { mfaToken, code, method: "totp" }, app });
    const { body: first } = await verify(await challenge(), totpCode(user.totpSecret));
    const { body: second } = await callApi(at(0), "/refresh", { body: { refreshToken: first.refreshToken } });
    expect(second.accessToken).toBeTypeOf("string");
    const [open, elsewhere] = [await challenge(), await challenge(secondApp)];
    expect(await sessionsOf(user)).toHaveLength(1);

    const token = await tokenFor("reset", user);
    const password = newPassword();
    expect((await resetPassword(token, password)).status).toBe(200);
    expect(await sessionsOf(user)).toEqual([]);
    for (const { accessToken } of [first, second]) expectRefused(await callAs(accessToken, at(1), "/mfa/status"));
    const refreshed = await callApi(at(1), "/refresh", { body: { refreshToken: second.refreshToken } });
    expect(refreshed.body.code).toBe("TOKEN_EXPIRED");
    // A refresh that is repeated within seconds gets its former answer: tokens of a session that has ended.
    const replayed = await callApi(at(1), "/refresh", { body: { refreshToken: first.refreshToken } });
    if (replayed.status === 200) expectRefused(await callAs(replayed.body.accessToken, at(1), "/mfa/status"));
    const code = totpCode(user.totpSecret, 1);
    expect((await verify(open, code)).body.code).toBe("MFA_CHALLENGE_EXPIRED");
    expect((await verify(elsewhere, code, secondApp)).body.code).toBe("MFA_CHALLENGE_EXPIRED");
    expect(await sessionsOf(user)).toEqual([]);

    await expectLogin(user, user.password, "INVALID_CREDENTIALS");
    const { body: again } = await login(user.email, password);
    expect(again.mfaRequired).toBe(true);
    expect((await verify(again.mfaToken, code)).status).toBe(200);
    const notice = await mailbox.waitFor(user.email, /password .*changed/i);
    expect(notice.text).not.toContain("token=");
  });

  test("leaves no session of logins with the old password beside it", async () => {
    const user = await createUser();
    const token = await tokenFor("reset", user);
    const [reset, ...logins] = await race(5, (gateway, index) =>
      index === 0
        ? resetPassword(token, newPassword(), demoApp, gateway)
        : callApi(gateway, "/login", { body: { email: user.email, password: user.password } }),
    );
    expect(reset?.status).toBe(200);
    expect(await sessionsOf(user)).toEqual([]);
    for (const { status, body } of logins) {
      if (status === 200) expectRefused(await callAs(body.accessToken, at(0), "/mfa/status"));
    }
  });

  test("is not wasted on a password that the policy refuses, which ends nothing", async () => {
    const user = await createUser();
    await expectLogin(user, user.password, 200);
    const token = await tokenFor("reset", user);
    for (const refused of ["short", user.email, user.email.toUpperCase(), "x".repeat(129), ""]) {
      const { status, body } = await resetPassword(token, refused);
      expect([status, body.code, body.details?.[0]?.path]).toEqual([400, "VALIDATION_ERROR", "newPassword"]);
    }
    expect(await sessionsOf(user)).toHaveLength(1);
    await expectLogin(user, user.password, 200);
    expect((await resetPassword(token)).status).toBe(200);
    await expectLogin(user, user.password, "INVALID_CREDENTIALS");
  });

  // Threat, also: a guesser keeps the owner out for good, by locking the account again and again.
  test("ends the lock, here and at Keycloak", async () => {
    const user = await createUser();
    for (let attempt = 0; attempt < 5; attempt++) await login(user.email, "wrong");
    await expectLogin(user, user.password, "ACCOUNT_LOCKED");
    await ask("reset", user.email);
    const { token } = linkIn(await mailbox.waitFor(user.email, /reset-password\?token=/));
    expect((await resetPassword(token, "another long password")).status).toBe(200);
    const { numFailures } = await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`);
    expect(numFailures).toBe(0);
    await expectLogin(user, user.password, "INVALID_CREDENTIALS");
    await expectLogin(user, "another long password", 200);
  });
});

// Threat: two accounts with one address, or a second signup that sets the password of the first.
test("an address signed up with twice", async () => {
  const email = `user-${randomUUID()}@example.com`;
  const passwords = Array.from({ length: 4 }, newPassword);
  const answers = await race(4, (gateway, index) => {
    const typed = index % 2 === 0 ? email : email.toUpperCase();
    const body = { email: typed, password: passwords[index], firstName: "Jane", lastName: "Doe" };
    return callApi(gateway, "/signup", { body });
  });
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  for (const { status, body } of answers) if (status === 409) expect(body.code).toBe("CONFLICT");
  const { token } = linkIn(await mailbox.waitFor(email, /\?token=/));
  expect((await confirmEmail(token)).status).toBe(200);
  const winner = answers.findIndex(({ status }) => status === 201);
  for (const [index, password] of passwords.entries()) {
    await expectLogin({ email }, password, index === winner ? 200 : "INVALID_CREDENTIALS");
  }
});

// Threat: somebody's mailbox is flooded, by asking for mails or by way of the notices of locks; or guesses go on unnoticed.
describe("a mailbox flooded", () => {
  const shape = ({ status, body, headers }: ApiAnswer) => ({
    status,
    body,
    headers: [...headers.keys()].filter((name) => !["date", "keep-alive"].includes(name)),
  });
  const notices = async ({ email }: Pick<TestUser, "email">) => {
    await untilMailIsDone(redis);
    return (await mailbox.mailsTo(email)).filter(({ text }) => /was locked/.test(text)).length;
  };
  const guess = ({ email }: TestUser) =>
    Promise.all(Array.from({ length: 12 }, (_, index) => login(email, `guess ${index}`)));

  test("by asking gets no more than ten mails an hour, and the answers do not tell", async () => {
    const { email } = await createUser();
    const answers = [];
    for (const address of [email, `nobody-${randomUUID()}@example.com`]) {
      for (let count = 0; count < 12; count++) answers.push(shape(await ask("reset", address)));
    }
    for (const each of answers) expect(each).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 200, body: {} });
    await untilMailIsDone(redis);
    expect(await mailbox.mailsTo(email)).toHaveLength(10);
  });

  test("by guesses gets one notice a lock", async () => {
    const user = await createUser();
    for (let lock = 1; lock <= 2; lock++) {
      await guess(user);
      await expectLogin(user, user.password, "ACCOUNT_LOCKED");
      await guess(user);
      expect(await notices(user)).toBe(lock);
      await callApi(at(0), "/security/unlock", { body: { userId: user.userId } });
    }
  });

  test("by wrong codes gets one notice a lock", async () => {
    const user = await createUser({ totp: true });
    const near = [-2, -1, 0, 1, 2].map((steps) => totpCode(user.totpSecret, steps));
    const codes = Array.from({ length: 20 }, (_, index) => `2000${index + 10}`).filter((code) => !near.includes(code));
    // A challenge each: while a code of one is checked, another request finds that challenge gone.
    const guesses = [];
    for (const code of codes.slice(0, 12)) {
      const { mfaToken } = (await login(user.email, user.password)).body;
      guesses.push({ mfaToken, code, method: "totp" });
    }
    const answers = await Promise.all(guesses.map((body) => callApi(at(0), "/mfa/verify", { body })));
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 10, "423 ACCOUNT_LOCKED": 2 });
    await expectLogin(user, user.password, "ACCOUNT_LOCKED");
    expect(await notices(user)).toBe(1);
  });
});
