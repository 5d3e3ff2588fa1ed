import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headlessBasePath } from "../../src/contract/headless.ts";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, createUser, demoApp, secondApp, type TestUser, totpCode } from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { endLeases, untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateway: TestGateway;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl } });
});
afterAll(async () => {
  await gateway?.stop();
  await mailbox?.stop();
  await redis?.stop();
});

const sendPaths = { verify: "/email/verify-send", reset: "/password/reset-send" } as const;
type Kind = keyof typeof sendPaths;

const ask = (kind: Kind, email: string, app = demoApp, at = gateway) =>
  callApi(at, sendPaths[kind], { body: { email }, app });
const confirmEmail = (token: string, app = demoApp, at = gateway) =>
  callApi(at, "/email/verify-confirm", { body: { token }, app });
const resetPassword = (token: string, newPassword = `new password ${randomUUID()}`, app = demoApp) =>
  callApi(gateway, "/password/reset-confirm", { body: { token, newPassword }, app });
const login = (email: string, password: string, at = gateway) => callApi(at, "/login", { body: { email, password } });
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

// Threat: a mail that was promised is lost, because the process that was to send it dies, or the mail server is away.
describe("a mail that was promised arrives", () => {
  /** A mail server that takes connections and says nothing. */
  async function startSilentServer(): Promise<{ server: Server; port: number; stop(): Promise<void> }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const stop = async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    };
    return { server, port, stop };
  }

  test.each([
    ["right after the answer", async () => undefined],
    ["while a worker has it", (server: Server) => once(server, "connection")],
  ])("when the gateway is killed %s", async (_when, moment) => {
    const [own, user, silent] = [await startRedis(), await unverifiedUser(), await startSilentServer()];
    const options = { redisUrl: own.url, env: { HEADGATE_SMTP_URL: `smtp://127.0.0.1:${silent.port}` } };
    const doomed = await startGateway(options);
    const [{ status, body }] = await Promise.all([ask("verify", user.email, demoApp, doomed), moment(silent.server)]);
    await doomed.stop("SIGKILL");
    expect([status, body]).toEqual([200, {}]);
    await silent.stop();

    const inbox = await startMailbox(silent.port);
    expect(inbox.smtpPort).toBe(silent.port);
    expect(await endLeases(own)).toBe(1);
    const next = await startGateway(options);
    const { token } = linkIn(await inbox.waitFor(user.email, /\?token=/));
    expect((await confirmEmail(token, demoApp, next)).status).toBe(200);
    await untilMailIsDone(own);
    expect(await inbox.mailsTo(user.email)).toHaveLength(1);
    await Promise.all([next.stop(), inbox.stop()]);
    await own.stop();
  });

  // Threat, also: whoever reads the store reads addresses, or takes a link out of it before its owner does.
  test("when the mail server is away, and until then nothing of it can be read in the store", async () => {
    const own = await startRedis();
    const former = await startMailbox();
    await former.stop();
    const patient = await startGateway({ redisUrl: own.url, env: { HEADGATE_SMTP_URL: former.smtpUrl } });
    const [unverified, known, locked] = [await unverifiedUser(), await createUser(), await createUser()];
    const answers = [
      await ask("verify", unverified.email, demoApp, patient),
      await ask("reset", known.email, demoApp, patient),
    ];
    for (const { status, body } of answers) expect([status, body]).toEqual([200, {}]);
    for (let attempt = 0; attempt < 5; attempt++) await login(locked.email, "wrong", patient);
    const failures = () => patient.output().split("mail job failed, it is tried again").length - 1;
    await until(async () => failures() >= 3);
    const before = await own.dump();

    const inbox = await startMailbox(former.smtpPort);
    expect(inbox.smtpPort).toBe(former.smtpPort);
    const verification = linkIn(await inbox.waitFor(unverified.email, /verify-email\?token=/));
    const reset = linkIn(await inbox.waitFor(known.email, /reset-password\?token=/));
    await inbox.waitFor(locked.email, /was locked/);
    await untilMailIsDone(own);
    const after = await own.dump();

    expect(before).toContain("hg:{mail}");
    for (const { email, userId, password } of [unverified, known, locked]) {
      const [localPart = ""] = email.split("@");
      for (const secret of [localPart, userId, password]) {
        expect(before).not.toContain(secret);
        expect(after).not.toContain(secret);
      }
    }
    for (const { token } of [verification, reset]) expect(before + after).not.toContain(token);
    expect((await confirmEmail(verification.token, demoApp, patient)).status).toBe(200);
    await Promise.all([patient.stop(), inbox.stop()]);
    await own.stop();
  });
});

describe("asking for a mail", () => {
  const shape = ({ status, body, headers }: ApiAnswer) => ({
    status,
    body,
    headers: [...headers.keys()].filter((name) => !["date", "keep-alive"].includes(name)),
  });

  // Threat: somebody's mailbox is flooded, or the answer tells that it would be.
  test("too often answers the same, and sends no more than ten an hour", async () => {
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

  // Threat: an address that merely looks or folds like the owner's gets the owner's link (Django CVE-2019-19844).
  test("with a look-alike of an address sends nothing to the look-alike", async () => {
    const email = `kim-${randomUUID()}@example.com`;
    const body = { email, password: randomUUID(), firstName: "Jane", lastName: "Doe" };
    expect((await callApi(gateway, "/signup", { body })).status).toBe(201);
    // The Kelvin sign, a dotless i, and full width.
    const lookAlikes = [email.replace("k", "\u212a"), email.replace("i", "\u0131"), email.replace("k", "\uff4b")];
    for (const typed of lookAlikes) expect((await ask("reset", typed)).status).toBe(200);
    await untilMailIsDone(redis);
    for (const typed of lookAlikes) expect(await mailbox.mailsTo(typed)).toEqual([]);
    expect((await mailbox.mailsTo(email)).length).toBeGreaterThan(0);
  });
});

// Threat: the request names the host of the link, and the owner's click hands the token to the attacker.
describe("a link leads to the page in the apps file", () => {
  /** `fetch` would not send another Host. */
  async function askWithHeaders(path: string, headers: Record<string, string>, body: object): Promise<void> {
    const credentials = { "x-client-id": demoApp.id, "x-client-secret": demoApp.secret };
    const outgoing = request(`${gateway.url}${headlessBasePath}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...credentials, ...headers },
    });
    outgoing.end(JSON.stringify(body));
    const [incoming] = await once(outgoing, "response");
    expect([incoming.statusCode, await text(incoming)]).toEqual([200, "{}"]);
  }

  test.each([
    ["verify", "http://localhost:3000/verify-email"],
    ["reset", "http://localhost:3000/reset-password"],
  ] as const)("(%s) whatever the request says", async (kind, page) => {
    const { email } = await unverifiedUser();
    const evil = "https://evil.example/phish";
    const headers = {
      host: "evil.example",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "gopher",
      "x-original-url": evil,
      forwarded: "host=evil.example;proto=gopher",
      origin: "https://evil.example",
      referer: evil,
    };
    const fields = { link: evil, links: { verifyEmail: evil, resetPassword: evil }, redirectUri: evil, appId: "evil" };
    const poisoned = await linkAfter(email, () => askWithHeaders(sendPaths[kind], headers, { email, ...fields }));
    expect(poisoned.page).toBe(page);
    expect(poisoned.mail.text + poisoned.mail.html).not.toMatch(/evil|gopher/);
  });

  test("of the app that asked", async () => {
    const user = await createUser();
    const { page } = await linkAfter(user.email, () => ask("reset", user.email, secondApp));
    expect(page).toBe("http://localhost:3001/reset-password");
  });
});

// Threat: a token does something else than its mail said, or outlives what it was sent for.
describe("a token in a mail", () => {
  test("is good for its own purpose only, and not used up by the attempt", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user)];
    expectRefused(await resetPassword(verification));
    expectRefused(await confirmEmail(reset));
    const { body } = await confirmEmail(verification);
    expect(body).toEqual({ userId: user.userId, email: user.email, verified: true });
    expect((await login(user.email, user.password)).status).toBe(200);
    expect((await resetPassword(reset, "another long password")).body).toEqual({});
    expect((await login(user.email, "another long password")).status).toBe(200);
  });

  test("is good for the app that it was sent for only, and not used up by the attempt", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user, secondApp)];
    expectRefused(await confirmEmail(verification, secondApp));
    expectRefused(await resetPassword(reset, "another long password", demoApp));
    expect((await confirmEmail(verification)).status).toBe(200);
    expect((await login(user.email, user.password)).status).toBe(200);
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

  test("proves nothing once the user has another address", async () => {
    const user = await unverifiedUser();
    const [verification, reset] = [await tokenFor("verify", user), await tokenFor("reset", user)];
    const email = `new-${user.email}`;
    await adminCall("PUT", `/users/${user.userId}`, { email });
    expectRefused(await confirmEmail(verification));
    expectRefused(await resetPassword(reset, "another long password"));
    expect((await adminCall("GET", `/users/${user.userId}`)).emailVerified).toBe(false);
    expect((await login(email, user.password)).body.code).toBe("EMAIL_NOT_VERIFIED");
    expect((await login(email, "another long password")).body.code).toBe("INVALID_CREDENTIALS");
  });

  test("is void for a user who is disabled or gone", async () => {
    const [disabled, gone] = [await createUser(), await unverifiedUser()];
    const [reset, verification] = [await tokenFor("reset", disabled), await tokenFor("verify", gone)];
    await adminCall("PUT", `/users/${disabled.userId}`, { enabled: false });
    await adminCall("DELETE", `/users/${gone.userId}`);
    expectRefused(await resetPassword(reset, "another long password"));
    expectRefused(await confirmEmail(verification));
    await adminCall("PUT", `/users/${disabled.userId}`, { enabled: true });
    expect((await login(disabled.email, disabled.password)).status).toBe(200);
  });

  // Threat: mail scanners and link previews open every link, and use the token up before its owner clicks.
  test("is not used up by what opens links", async () => {
    const user = await unverifiedUser();
    const tokens = {
      "/email/verify-confirm": await tokenFor("verify", user),
      "/password/reset-confirm": await tokenFor("reset", user),
    };
    for (const [path, token] of Object.entries(tokens)) {
      const { status, body, headers } = await callApi(gateway, `${path}?token=${token}`);
      expect([status, body.code, headers.get("allow")]).toEqual([405, "METHOD_NOT_ALLOWED", "POST"]);
      const head = await fetch(`${gateway.url}${headlessBasePath}${path}?token=${token}`, { method: "HEAD" });
      expect(head.status).toBe(405);
    }
    expect((await confirmEmail(tokens["/email/verify-confirm"])).status).toBe(200);
    expect((await resetPassword(tokens["/password/reset-confirm"])).status).toBe(200);
  });
});

// Threat: a guesser keeps the owner out for good, by locking the account again and again.
test("a reset ends the lock, here and at Keycloak", async () => {
  const user = await createUser();
  for (let attempt = 0; attempt < 5; attempt++) await login(user.email, "wrong");
  expect((await login(user.email, user.password)).status).toBe(423);
  await ask("reset", user.email);
  const { token } = linkIn(await mailbox.waitFor(user.email, /reset-password\?token=/));
  expect((await resetPassword(token, "another long password")).status).toBe(200);
  const { numFailures } = await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`);
  expect(numFailures).toBe(0);
  expect((await login(user.email, user.password)).body.code).toBe("INVALID_CREDENTIALS");
  expect((await login(user.email, "another long password")).status).toBe(200);
});

// Threat: a guesser floods the owner's mailbox by way of the notices, or goes on unnoticed.
describe("the notice of a lock", () => {
  const notices = async ({ email }: Pick<TestUser, "email">) => {
    await untilMailIsDone(redis);
    return (await mailbox.mailsTo(email)).filter(({ text }) => /was locked/.test(text)).length;
  };
  const guess = ({ email }: TestUser) =>
    Promise.all(Array.from({ length: 12 }, (_, index) => login(email, `guess ${index}`)));

  test("goes out once per lock, however many guesses there are", async () => {
    const user = await createUser();
    for (let lock = 1; lock <= 2; lock++) {
      await guess(user);
      expect((await login(user.email, user.password)).status).toBe(423);
      await guess(user);
      expect(await notices(user)).toBe(lock);
      await callApi(gateway, "/security/unlock", { body: { userId: user.userId } });
    }
  });

  test("goes out once for a lock by wrong codes too", async () => {
    const user = await createUser({ totp: true });
    const near = [-2, -1, 0, 1, 2].map((steps) => totpCode(user.totpSecret, steps));
    const codes = Array.from({ length: 20 }, (_, index) => `2000${index + 10}`).filter((code) => !near.includes(code));
    // A challenge each: while a code of one is checked, another request finds that challenge gone.
    const guesses = [];
    for (const code of codes.slice(0, 12)) {
      const { mfaToken } = (await login(user.email, user.password)).body;
      guesses.push({ mfaToken, code, method: "totp" });
    }
    const answers = await Promise.all(guesses.map((body) => callApi(gateway, "/mfa/verify", { body })));
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 10, "423 ACCOUNT_LOCKED": 2 });
    expect((await login(user.email, user.password)).status).toBe(423);
    expect(await notices(user)).toBe(1);
  });
});
