import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { domainToASCII, domainToUnicode } from "node:url";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ErrorCode, errorTable } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { openConnection, type RawAnswer } from "../api/raw-connection.ts";
import { type Sample, sampleOf, samples } from "../api/samples.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { accessTokenOf } from "../support/enrolment.ts";
import { report, sized } from "../support/figures.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  createUser,
  demoApp,
  devEnv,
  issuer,
  keycloakUrl,
  secondApp,
  sessionsOf,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let proxy: CountingProxy;
let gateway: TestGateway;
/** An honest user without a second factor, and an access token of theirs. */
let user: TestUser;
/** Whom the calls are about that are not meant to succeed. */
let target: TestUser;
let accessToken: string;
beforeAll(async () => {
  [redis, mailbox, proxy] = await Promise.all([startRedis(), startMailbox(), startCountingProxy(keycloakUrl)]);
  gateway = await startGateway({
    redisUrl: redis.url,
    env: {
      HEADGATE_KEYCLOAK_URL: proxy.url,
      HEADGATE_KEYCLOAK_ISSUER: issuer,
      HEADGATE_SMTP_URL: mailbox.smtpUrl,
      HEADGATE_LOG_LEVEL: "trace",
      // Everything here comes from one address and for one app.
      HEADGATE_LIMIT_ADDRESS: "100000/60",
      HEADGATE_LIMIT_CLIENT: "100000/60",
    },
  });
  [user, target] = [await createUser(), await createUser()];
  accessToken = await accessTokenOf(gateway, user);
});
afterAll(async () => {
  await gateway?.stop();
  await proxy?.close();
  await mailbox?.stop();
  await redis?.stop();
});
beforeEach(async () => {
  // The worker looks users up too.
  await untilMailIsDone(redis);
  proxy.reset();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read the wire as it comes
  readonly body: any;
}
interface Change {
  readonly method?: string;
  readonly path?: string;
  /** A header set to undefined is left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Put over the sample's own fields. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Takes the place of the whole body. */
  readonly raw?: string | Uint8Array<ArrayBuffer> | ReadableStream;
}

/** The sample's body, with an address of our own: the sample's belongs to a user that others share. */
const bodyOf = ({ body }: Sample): Readonly<Record<string, unknown>> | undefined =>
  body && { ...body, ...("email" in body && { email: target.email }) };

/** Makes the call of a sample, changed as a test needs it. */
async function send(sample: Sample, change: Change = {}, at = gateway): Promise<Answer> {
  const credentials =
    sample.auth === "client"
      ? { "x-client-id": demoApp.id, "x-client-secret": demoApp.secret }
      : { authorization: `Bearer ${accessToken}` };
  const given = bodyOf(sample);
  const body = change.raw ?? (given && JSON.stringify({ ...given, ...change.fields }));
  const headers = Object.entries({
    ...credentials,
    ...(body !== undefined && { "content-type": "application/json" }),
    ...change.headers,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const method = change.method ?? sample.method;
  const withBody = body !== undefined && !["GET", "HEAD"].includes(method);
  const response = await fetch(`${at.url}${change.path ?? sample.path}`, {
    method,
    headers,
    ...(withBody && { body, duplex: "half" as const }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === "" ? {} : JSON.parse(text) };
}

const login = sampleOf("login");
const logIn = (email: string, password: string) => send(login, { fields: { email, password } });
const outcomeOf = ({ status, body }: Answer): string | number => body.code ?? status;
const newAccount = (more: Readonly<Record<string, string>> = {}) => ({
  email: `user-${randomUUID()}@example.com`,
  password: randomUUID(),
  firstName: "Jane",
  lastName: "Doe",
  ...more,
});
const signUp = (account: Readonly<Record<string, unknown>>) => send(sampleOf("signup"), { fields: account });

/** Operations that take a body, and each of their fields that is a string. */
const withBody = samples.filter((sample) => sample.body !== undefined);
const fields = withBody.flatMap((sample) =>
  Object.keys(sample.body ?? {}).map((field) => ({ operation: sample.operationId, field, sample })),
);

/** Expects an error as the contract has it: its status, its whole body, the common headers, and no more. */
function expectError(answer: Pick<Answer, "status" | "headers" | "body">, ...codes: readonly ErrorCode[]): void {
  const { status, headers, body } = answer;
  const code = body.code as ErrorCode;
  expect(codes).toContain(code);
  expect(status).toBe(errorTable[code].status);
  const hasDetails = ["VALIDATION_ERROR", "ACCOUNT_LOCKED", "RATE_LIMITED", "ACTION_REQUIRED"].includes(code);
  expect(Object.keys(body).sort()).toEqual(["code", ...(hasDetails ? ["details"] : []), "message", "requestId"]);
  expect(body.message).toBeTypeOf("string");
  expect(body.requestId).toBe(headers.get("x-request-id"));
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.get("cache-control")).toBe("no-store");
}
function expectInvalid(answer: Answer, field: string): void {
  expectError(answer, "VALIDATION_ERROR");
  expect(answer.body.details[0].path).toBe(field);
}

/** What reached Keycloak, but for the gateway's own tokens and the checks of app secrets and of access tokens. */
const reached = () =>
  proxy.calls.filter(
    ({ path, form }) => !/\/(introspect|userinfo|certs)$/.test(path) && form.get("grant_type") !== "client_credentials",
  );

const port = () => Number(new URL(gateway.url).port);
const clientLines = `x-client-id: ${demoApp.id}\r\nx-client-secret: ${demoApp.secret}\r\n`;
const loginHead = (more: string) =>
  `POST ${login.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${clientLines}${more}\r\n`;
const rawLogin = ({ email, password }: Pick<TestUser, "email" | "password">) => {
  const json = JSON.stringify({ email, password });
  return `${loginHead(`Content-Length: ${json.length}\r\n`)}${json}`;
};
/** The error of a connection, which may have a status that no code has. */
function expectRawError(answer: RawAnswer | undefined, status: number): void {
  expect(answer?.status).toBe(status);
  const { message } = answer?.body ?? {};
  expect(answer?.body).toEqual({
    code: "VALIDATION_ERROR",
    message: expect.any(String),
    requestId: answer?.headers.get("x-request-id"),
    details: [{ path: "", message }],
  });
  expect(answer?.headers.get("content-type")).toBe("application/json");
  expect(answer?.headers.get("cache-control")).toBe("no-store");
}

// Threat: a control character ends a text early for one reader and not for another, forges a header line of a mail or a line
// of a log; half a character becomes another one on the way, so that two inputs are one.
describe("control characters and broken Unicode", () => {
  const controls = ["\u0000", "\u0000x", "\r\nBcc: evil@example.com", "\n\nx", "\u001b[2Jx", "\u007f", "\u0085x"];
  const refusals: readonly ErrorCode[] = [
    "VALIDATION_ERROR",
    "INVALID_CREDENTIALS",
    "ACCOUNT_LOCKED",
    "CONFLICT",
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "MFA_INVALID_CODE",
    "MFA_CHALLENGE_EXPIRED",
    "MFA_NOT_ENROLLED",
    "USER_NOT_FOUND",
  ];

  test.each(fields)("in $field of $operation", async ({ sample, field }) => {
    const given = String(bodyOf(sample)?.[field]);
    for (const half of ["\ud800", "\udfff", "\udc00\ud800"]) {
      for (const value of [half, given + half, half + given]) {
        expectInvalid(await send(sample, { fields: { [field]: value } }), field);
      }
    }
    expect(reached()).toEqual([]);
    const neverControls = ["email", "firstName", "lastName", "method"].includes(field);
    for (const control of controls) {
      const answer = await send(sample, { fields: { [field]: given + control } });
      if (neverControls) expectInvalid(answer, field);
      else expectError(answer, ...refusals);
    }
    if (neverControls) expect(reached()).toEqual([]);
  });

  test("in ids of query and path", async () => {
    const userPath = `userId=${user.userId}`;
    const notFound = [
      "%00",
      "%0d%0a",
      "%ED%A0%80",
      "%ff",
      `${user.userId}%00`,
      `${user.userId}%0a`,
      `%00${user.userId}`,
    ];
    for (const id of notFound) {
      for (const name of ["sessionsList", "sessionsRevokeAll", "lockoutStatus"]) {
        const sample = sampleOf(name);
        expectError(await send(sample, { path: sample.path.replace(/userId=.*/, `userId=${id}`) }), "USER_NOT_FOUND");
      }
    }
    const revoke = sampleOf("sessionsRevoke");
    for (const id of ["%00", "%ff", "%ED%A0%80", "x%0d%0ay"]) {
      const path = revoke.path.replace(/sessions\/.*/, `sessions/${id}?${userPath}`);
      expectError(await send(revoke, { path }), "CONFLICT");
    }
  });

  test("in headers, and send no mail that they ask for", async () => {
    for (const line of ["x-end-user-ip: 192.0.2.1\rx-evil: 1", "x-end-user-agent: a\u0000b", "x-request-id: a\u0000"]) {
      const connection = await openConnection({ server: { port: port() } });
      connection.write(`${loginHead(`${line}\r\nContent-Length: 2\r\n`)}{}`);
      const answers = await connection.closed();
      expect(answers).toHaveLength(1);
      expectRawError(answers[0], 400);
    }
    const forged = await send(login, { headers: { "x-request-id": "a b\u00e9" } });
    expect(forged.headers.get("x-request-id")).toMatch(/^req_[A-Za-z0-9_-]{22}$/);
    await untilMailIsDone(redis);
    expect(await mailbox.mailsTo("evil@example.com")).toEqual([]);
  });
});

// Threat: an address that merely looks or folds like the owner's gets the owner's link (Django CVE-2019-19844), or an account
// that is taken for the owner's (Keycloak CVE-2021-3424).
describe("addresses that look alike", () => {
  type LookAlike = (email: string) => string;
  const swap =
    (from: string, to: string): LookAlike =>
    (email) =>
      email.replace(from, to);
  const variants: readonly [string, LookAlike][] = [
    ["the Kelvin sign for k", swap("k", "\u212a")],
    ["a dotless i", swap("i", "\u0131")],
    ["a capital I with a dot", swap("i", "\u0130")],
    ["a Cyrillic i", swap("i", "\u0456")],
    ["a long s", swap("s", "\u017f")],
    ["full width", swap("k", "\uff4b")],
    ["a zero-width space", swap("-", "\u200b-")],
    ["a soft hyphen", swap("-", "\u00ad-")],
    ["a composed accent", swap("o", "\u00f6")],
    ["a combining accent", swap("o", "o\u0308")],
    ["a Cyrillic a in the domain", swap("example", "ex\u0430mple")],
    ["that domain as IDNA writes it", swap("example", domainToASCII("ex\u0430mple.com").replace(".com", ""))],
    ["a full-width letter in the domain", swap("@e", "@\uff45")],
    ["a full-width dot in the domain", swap(".com", "\uff0ecom")],
    ["a dot at the end", (email) => `${email}.`],
  ];

  /** Mails to an address, in every form of its domain. */
  async function mailsTo(email: string) {
    const [name = "", domain = ""] = email.split("@");
    const forms = new Set([domain, domainToASCII(domain), domainToUnicode(domain)].map((form) => `${name}@${form}`));
    return (await Promise.all([...forms].map((form) => mailbox.mailsTo(form)))).flat();
  }

  test.each(variants)("with %s", async (_what, lookAlike) => {
    const owner = newAccount({ email: `kios-${randomUUID()}@example.com` });
    const { body: signedUp } = await signUp(owner);
    const { token: verification } = linkIn(await mailbox.waitFor(owner.email, /\?token=/));
    expect((await send(sampleOf("emailVerifyConfirm"), { fields: { token: verification } })).status).toBe(200);
    const typed = lookAlike(owner.email);
    const impostor = newAccount({ email: typed, firstName: "Eve" });

    const { status, body } = await signUp(impostor);
    expect([201, 400, 409]).toContain(status);
    if (status === 201) expect(body.user.userId).not.toBe(signedUp.user.userId);
    const asks = [sampleOf("passwordResetSend"), sampleOf("emailVerifySend")];
    for (const ask of asks)
      expect(["VALIDATION_ERROR", 200]).toContain(outcomeOf(await send(ask, { fields: { email: typed } })));
    await untilMailIsDone(redis);

    // Whatever was sent for the typed address is good for its own account only, wherever it arrived.
    const sent = [...(await mailsTo(typed)), ...(await mailsTo(owner.email))];
    const resets = new Set(
      sent.filter(({ text }) => /reset-password\?token=/.test(text)).map((mail) => linkIn(mail).token),
    );
    const isOwner = typed.toLowerCase() === owner.email;
    // A case variant is the owner's own address, and the mail went there.
    expect(resets.size).toBe(status === 201 || isOwner ? 1 : 0);
    if (isOwner) expect(await mailbox.mailsTo(typed)).toEqual([]);
    else {
      const password = randomUUID();
      for (const token of resets) {
        const fields = { token, newPassword: password };
        expect((await send(sampleOf("passwordResetConfirm"), { fields })).status).toBe(200);
      }
      expect(outcomeOf(await logIn(owner.email, password))).toBe("INVALID_CREDENTIALS");
    }

    const { body: tokens } = await logIn(owner.email, owner.password);
    expect(tokens.user).toEqual({ ...signedUp.user, email: owner.email, firstName: "Jane" });
    const asImpostor = outcomeOf(await logIn(typed, owner.password));
    expect(["VALIDATION_ERROR", "INVALID_CREDENTIALS", ...(isOwner ? [200] : [])]).toContain(asImpostor);
    expect(outcomeOf(await logIn(owner.email, impostor.password))).toBe("INVALID_CREDENTIALS");
  });
});

// Threat: a password that is cut, trimmed, folded or normalized on the way: many passwords open the account (the 72 bytes of
// bcrypt; Okta's advisory of October 2024), or characters of it become parameters of the grant.
describe("a password changed on the way", () => {
  const long = (length: number) => randomUUID().repeat(4).slice(0, length);
  const cases: readonly [string, string, (password: string) => readonly string[]][] = [
    ["of 64 characters", long(64), (password) => [password.slice(0, 63), `${password}x`]],
    ["of 73 bytes", long(73), (password) => [password.slice(0, 72), `${password.slice(0, 72)}!`]],
    ["of 128 characters", long(128), (password) => [password.slice(0, 127), password.slice(0, 64), password.slice(1)]],
    [
      "with blanks around it",
      " \tblanks around it\u00a0 ",
      (password) => [password.trim(), password.trimEnd(), `${password} `],
    ],
    [
      "of emoji",
      "\u{1f600}\u{1f44d}\u{1f3fd}".repeat(21),
      (password) => [
        password.slice(0, -2),
        password.replaceAll("\u{1f3fd}", ""),
        password.replaceAll("\u{1f600}", "\u{1f601}"),
      ],
    ],
    [
      "with a NUL in it",
      "before\u0000behind it",
      () => ["before", "before\u0000", "before\u0000behind", "beforebehind it"],
    ],
    ["with line ends in it", "first\r\nsecond\tthird", () => ["first\nsecond\tthird", "first", "first second third"]],
    [
      "with composed accents",
      "Zo\u00eb \u1e9b\u0323 \ufb01 long",
      (password) => ["NFD", "NFKC", "NFKD"].map((form) => password.normalize(form)),
    ],
    ["in mixed case", "Mixed CASE \u0130\u0131 word", (password) => [password.toLowerCase(), password.toUpperCase()]],
    [
      "that looks like a form",
      "a+b%20c&grant_type=refresh_token&username=admin#x",
      (password) => [password.split("&")[0] as string, password.replace("+", " "), decodeURIComponent(password)],
    ],
  ];

  test.each(cases)("%s", async (_what, password, near) => {
    const account = newAccount({ password });
    expect((await signUp(account)).status).toBe(201);
    for (const guess of near(password)) {
      expect(guess).not.toBe(password);
      expect([guess, outcomeOf(await logIn(account.email, guess))]).toEqual([guess, "INVALID_CREDENTIALS"]);
    }
    // Said only to whoever has the right password.
    expect(outcomeOf(await logIn(account.email, password))).toBe("EMAIL_NOT_VERIFIED");
    expect([...proxy.passwordsFor(account.email)]).toEqual([...near(password), password]);
    const grants = proxy.calls.filter(({ form }) => form.get("username") === account.email);
    for (const { form } of grants) {
      expect(form.getAll("grant_type")).toEqual(["password"]);
      expect(form.getAll("username")).toEqual([account.email]);
    }
  });

  test("of 129 characters is refused and not cut, everywhere", async () => {
    const refused: readonly [string, string][] = [
      ["login", "password"],
      ["signup", "password"],
      ["passwordResetConfirm", "newPassword"],
    ];
    for (const [operation, field] of refused) {
      for (const value of [long(129), "\u{1f600}".repeat(129)]) {
        expectInvalid(await send(sampleOf(operation), { fields: { [field]: value } }), field);
      }
    }
    expect(reached()).toEqual([]);
  });

  test("set by a reset is as long and as blank as it was sent", async () => {
    const owner = await createUser();
    await send(sampleOf("passwordResetSend"), { fields: { email: owner.email } });
    const { token } = linkIn(await mailbox.waitFor(owner.email, /reset-password\?token=/));
    const newPassword = ` ${long(126)} `;
    expect((await send(sampleOf("passwordResetConfirm"), { fields: { token, newPassword } })).status).toBe(200);
    for (const guess of [newPassword.slice(0, 127), newPassword.trim()]) {
      expect(outcomeOf(await logIn(owner.email, guess))).toBe("INVALID_CREDENTIALS");
    }
    expect(outcomeOf(await logIn(owner.email, newPassword))).toBe(200);
  });
});

// Threat: what a field is depends on who reads it: a list of addresses where one is meant (GitLab CVE-2023-7028), a
// prototype that stands in for a field, two fields of one name; or a body that costs more than it weighs.
describe("JSON that means two things", () => {
  const json = (raw: string | Uint8Array<ArrayBuffer>, sample = login) => send(sample, { raw });

  test.each(fields)("$field of $operation that is no string", async ({ sample, field }) => {
    const given = String(bodyOf(sample)?.[field]);
    for (const value of [[given], { 0: given }, { toString: given }, { $ne: "" }, [[given]], 1, true, false, null]) {
      expectInvalid(await send(sample, { fields: { [field]: value } }), field);
    }
    expect(reached()).toEqual([]);
  });

  test("two addresses for one mail send none", async () => {
    const other = await createUser();
    for (const email of [[user.email, other.email], `${user.email},${other.email}`, `${user.email} ${other.email}`]) {
      expectInvalid(await send(sampleOf("passwordResetSend"), { fields: { email } }), "email");
    }
    await untilMailIsDone(redis);
    for (const { email } of [user, other]) expect(await mailbox.mailsTo(email)).toEqual([]);
  });

  test("a prototype stands in for no field and stays in no process", async () => {
    const given = JSON.stringify({ password: user.password });
    for (const name of ["__proto__", "constructor", "prototype"]) {
      const inherited = name === "constructor" ? `{"prototype":${given}}` : given;
      expectInvalid(await json(`{"email":"${user.email}","${name}":${inherited}}`), "password");
      expectInvalid(await json(`{"email":"${user.email}"}`), "password");
    }
    expect(reached()).toEqual([]);
    const polluted = `{"email":"${user.email}","password":"${user.password}","__proto__":{"email":"x","licenses":["all"]}}`;
    expect((await json(polluted)).body.user).toMatchObject({ userId: user.userId });
    const { body } = await logIn(user.email, user.password);
    expect(Object.keys(body.user).sort()).toEqual(["email", "firstName", "lastName", "userId"]);
    const sessions = sampleOf("sessionsList");
    for (const query of ["__proto__[userId]=", "constructor=", "userId[]=", "userId[0]="]) {
      expectInvalid(await send(sessions, { path: sessions.path.replace("userId=", query) }), "userId");
    }
  });

  // Threat, also: the counter of one account is charged for guesses at another.
  test("of two fields of one name the last one counts, for the counters too", async () => {
    const [decoy, target] = [await createUser(), await createUser()];
    for (let guess = 0; guess < 6; guess++) {
      const answer = await json(`{"email":"${decoy.email}","password":"guess ${guess}","email":"${target.email}"}`);
      expectError(answer, guess < 5 ? "INVALID_CREDENTIALS" : "ACCOUNT_LOCKED");
    }
    expect(proxy.passwordsFor(decoy.email).size).toBe(0);
    expect(proxy.passwordsFor(target.email).size).toBe(5);
    expect(outcomeOf(await logIn(decoy.email, decoy.password))).toBe(200);
    expect(outcomeOf(await logIn(target.email, target.password))).toBe("ACCOUNT_LOCKED");
    const sessions = sampleOf("sessionsList");
    const twice = `${sessions.path}&userId=${user.userId}`;
    expectInvalid(await send(sessions, { path: twice }), "userId");
  });

  test("deep nesting is passed over or refused", async () => {
    const deep = (open: string, close: string) => open.repeat(5_000 / open.length) + close.repeat(5_000 / open.length);
    for (const nested of [deep("[", "]"), deep('{"a":', "}").replace('{"a":}', "{}")]) {
      const ignored = `{"email":"${user.email}","password":"${user.password}","more":${nested}}`;
      expect((await json(ignored)).status).toBe(200);
      expectInvalid(await json(`{"email":${nested},"password":"x"}`), "email");
      expectError(await json(nested), "VALIDATION_ERROR");
    }
    expectError(await json("[".repeat(10_000)), "VALIDATION_ERROR");
  });

  test("what is no JSON object in UTF-8 is refused", async () => {
    const whole = JSON.stringify({ email: user.email, password: user.password });
    const texts = [
      "",
      "null",
      '"text"',
      "[]",
      "1e999",
      "{",
      `${whole},`,
      `${whole}${whole}`,
      `${whole}\u0000`,
      "{'a':1}",
      "NaN",
    ];
    for (const text of [...texts, `/**/${whole}`, `)]}'\n${whole}`, whole.replaceAll('"', "\u201c")]) {
      expectError(await json(text), "VALIDATION_ERROR");
    }
    const bytes = [Buffer.from(whole, "utf16le"), Buffer.from(whole.replace("}", ',"x":"\u00ff"}'), "latin1")];
    for (const buffer of bytes) expectError(await json(new Uint8Array(buffer)), "VALIDATION_ERROR");
    expect(reached()).toEqual([]);
  });
});

// Threat: bodies that fill the memory, declared honestly, not at all, or twice over.
describe("a body too large", () => {
  const tooLarge = " ".repeat(limits.bodyMaxBytes + 1);

  test.each(withBody)("declared, at $operationId", async (sample) => {
    expectError(await send(sample, { raw: tooLarge }), "PAYLOAD_TOO_LARGE");
    expectError(await send(sample, { raw: tooLarge, headers: { "x-client-secret": "wrong" } }), "PAYLOAD_TOO_LARGE");
    expect(reached()).toEqual([]);
  });

  test.each(withBody)("in chunks, at $operationId", async (sample) => {
    // Endless for a gateway that stops in time.
    let sent = 0;
    const chunks = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(" ".repeat(1024)));
        sent += 1;
        if (sent === 4096) controller.close();
      },
    });
    const answer = await send(sample, { raw: chunks }).catch((error: unknown) => error);
    // An endless body may be cut off while it is still being sent.
    if (answer instanceof Error) expect(answer.message).toBe("fetch failed");
    else expectError(answer as Answer, "PAYLOAD_TOO_LARGE");
    const ended = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(tooLarge));
        controller.close();
      },
    });
    expectError(await send(sample, { raw: ended }), "PAYLOAD_TOO_LARGE");
    expect(reached()).toEqual([]);
  });

  test("without end is answered once and not read on", async () => {
    const connection = await openConnection({ server: { port: port() } });
    connection.write(loginHead("Transfer-Encoding: chunked\r\n"));
    const pouring = setInterval(() => connection.write(`1000\r\n${" ".repeat(0x1000)}\r\n`), 5);
    const answers = await connection.closed();
    clearInterval(pouring);
    expect(answers.map(({ status }) => status)).toEqual([413]);
    expect(answers[0]?.body["code"]).toBe("PAYLOAD_TOO_LARGE");
  });

  test("is one that has a byte more than the limit; one of the limit is read", async () => {
    const whole = JSON.stringify({ email: user.email, password: user.password });
    expect((await send(login, { raw: whole.padEnd(limits.bodyMaxBytes) })).status).toBe(200);
    expectError(await send(login, { raw: whole.padEnd(limits.bodyMaxBytes + 1) }), "PAYLOAD_TOO_LARGE");
  });
});

// Threat: two servers in a row read one message as different requests, and a hidden one runs in the name of whoever comes
// next, or a limit of the body is walked around (Hono CVE-2025-59139).
describe("a request hidden in another", () => {
  const chunked = "Transfer-Encoding: chunked\r\n";
  const end = "0\r\n\r\n";
  const cases: readonly [string, (hidden: string) => string][] = [
    [
      "a length and chunks",
      (hidden) => loginHead(`Content-Length: ${end.length + hidden.length}\r\n${chunked}`) + end + hidden,
    ],
    ["chunks and a short length", (hidden) => `${loginHead(`${chunked}Content-Length: 4\r\n`)}${end}${hidden}`],
    [
      "chunks and a length, with a body over the limit",
      (hidden) => `${loginHead(`${chunked}Content-Length: 2\r\n`)}5000\r\n${" ".repeat(0x5000)}\r\n${end}${hidden}`,
    ],
    ["an unknown coding", (hidden) => `${loginHead("Transfer-Encoding: xchunked\r\n")}${end}${hidden}`],
    [
      "a coding behind the chunks",
      (hidden) => `${loginHead("Transfer-Encoding: chunked, identity\r\n")}${end}${hidden}`,
    ],
    ["a coding before the chunks", (hidden) => `${loginHead("Transfer-Encoding: gzip, chunked\r\n")}${end}${hidden}`],
    ["two lists of codings", (hidden) => `${loginHead(`Transfer-Encoding: identity\r\n${chunked}`)}${end}${hidden}`],
    ["a blank before the colon", (hidden) => `${loginHead("Transfer-Encoding : chunked\r\n")}${end}${hidden}`],
    ["a folded header", (hidden) => `${loginHead("Transfer-Encoding:\r\n chunked\r\nx: y\r\n z\r\n")}${end}${hidden}`],
    ["two lengths", (hidden) => loginHead(`Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`) + hidden],
    ["two lengths in one", (hidden) => loginHead(`Content-Length: 0, ${hidden.length}\r\n`) + hidden],
    ["a length that is none", (hidden) => `${loginHead("Content-Length: 0x2\r\n")}{}${hidden}`],
    ["a length with a sign", (hidden) => `${loginHead("Content-Length: +2\r\n")}{}${hidden}`],
    ["a chunk size that overflows", (hidden) => `${loginHead(chunked)}FFFFFFFFFFFFFFFFFF\r\n{}${hidden}`],
    ["a negative chunk size", (hidden) => `${loginHead(chunked)}-1\r\n{}${hidden}`],
    ["chunks with bare line feeds", (hidden) => `${loginHead(chunked)}2\n{}\n0\n\n${hidden}`],
    ["a line feed in a chunk extension", (hidden) => `${loginHead(chunked)}2;\nxx\r\n{}\r\n${end}${hidden}`],
    [
      "a bare line feed in the headers",
      (hidden) => `GET /livez HTTP/1.1\r\nHost: x\nContent-Length: 0\r\n\r\n${hidden}`,
    ],
    ["another version", (hidden) => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`],
  ];

  test.each(cases)("by %s: one 400, and the connection ends", async (_what, message) => {
    const victim = await createUser();
    const connection = await openConnection({ server: { port: port() } });
    connection.write(message(rawLogin(victim)));
    await until(async () => connection.socket.closed || connection.answers().length > 1);
    const answers = connection.answers();
    expect(answers).toHaveLength(1);
    expectRawError(answers[0], 400);
    expect(answers[0]?.headers.get("connection")).toBe("close");
    expect(reached()).toEqual([]);
    expect(await sessionsOf(victim)).toEqual([]);
  });

  test("by the body of a request that has none is not run", async () => {
    const victim = await createUser();
    const hidden = rawLogin(victim);
    const connection = await openConnection({ server: { port: port() } });
    connection.write(`GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`);
    connection.write("GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect((await connection.closed()).map(({ status }) => status)).toEqual([200, 404]);
    expect(reached()).toEqual([]);
  });

  test("by trailers: what comes behind a body is no header", async () => {
    const json = JSON.stringify({ email: user.email, password: user.password });
    const head = `POST ${login.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n`;
    const connection = await openConnection({ server: { port: port() } });
    connection.write(`${head}${chunked}\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\n${clientLines}\r\n`);
    const answers = await connection.closed();
    expect(answers.map(({ status, body }) => [status, body["code"]])).toEqual([[401, "INVALID_CLIENT"]]);
  });
});

// Threat: a few bytes that unpack to gigabytes, or that unpack to something else than what a guard before has read.
describe("a compressed body", () => {
  const bomb = " ".repeat(10 * 1024 * 1024);
  const codings: readonly [string, (text: string) => Buffer<ArrayBuffer>][] = [
    ["gzip", (text) => gzipSync(text)],
    ["x-gzip", (text) => gzipSync(text)],
    ["GZIP", (text) => gzipSync(text)],
    ["deflate", (text) => deflateSync(text)],
    ["br", (text) => brotliCompressSync(text)],
    ["zstd", (text) => zstdCompressSync(text)],
    ["gzip, identity", (text) => gzipSync(text)],
    ["identity, gzip", (text) => gzipSync(text)],
    ["gzip, gzip", (text) => gzipSync(gzipSync(text))],
  ];

  test.each(codings)("with %s is refused, small ones and bombs alike", async (coding, compress) => {
    const whole = JSON.stringify({ email: user.email, password: user.password });
    for (const text of [whole, whole + bomb]) {
      const raw = new Uint8Array(compress(text));
      expect(raw.byteLength).toBeLessThan(limits.bodyMaxBytes);
      expectError(await send(login, { raw, headers: { "content-encoding": coding } }), "UNSUPPORTED_MEDIA_TYPE");
    }
    expect(reached()).toEqual([]);
  });

  test.each(withBody)("is refused at $operationId", async (sample) => {
    const raw = new Uint8Array(gzipSync(JSON.stringify(bodyOf(sample))));
    expectError(await send(sample, { raw, headers: { "content-encoding": "gzip" } }), "UNSUPPORTED_MEDIA_TYPE");
    expect(reached()).toEqual([]);
  });

  test("that does not say so is no JSON", async () => {
    expectError(await send(login, { raw: new Uint8Array(gzipSync("{}")) }), "VALIDATION_ERROR");
  });
});

// Threat: clients that send a byte now and then hold connections, and the gate of an account, for ever (Slowloris,
// R-U-Dead-Yet).
test("slow clients", async (context) => {
  const kinds: readonly [string, string][] = [
    ["", ""],
    [`POST ${login.path} HTTP/1.1\r\nHost: x\r\n`, "x-a: b\r\n"],
    [`${loginHead("Content-Length: 1000\r\n")}{"email":"${user.email}",`, " "],
    [`${loginHead("Transfer-Encoding: chunked\r\n")}5\r\n{"ema\r\n`, "1\r\n \r\n"],
  ];
  const each = sized(25, 500);
  const slow = await Promise.all(
    kinds.flatMap(([message, drop]) =>
      Array.from({ length: each }, async () => {
        const connection = await openConnection({ server: { port: port() } });
        connection.write(message);
        return { connection, drop };
      }),
    ),
  );
  const dripping = setInterval(() => {
    for (const { connection, drop } of slow) if (!connection.socket.destroyed) connection.write(drop);
  }, 500);
  let over = false;
  const cut = Promise.all(slow.map(({ connection }) => connection.closed())).finally(() => {
    over = true;
  });
  let honest = 0;
  while (!over) {
    expect(outcomeOf(await logIn(user.email, user.password))).toBe(200);
    honest += 1;
    await sleep(200);
  }
  clearInterval(dripping);
  for (const answers of await cut) {
    expect(answers).toHaveLength(1);
    expectRawError(answers[0], 408);
    expect(answers[0]?.headers.get("connection")).toBe("close");
  }
  expect([...proxy.passwordsFor(user.email)]).toEqual([user.password]);
  report(context, `${slow.length} slow connections cut off with 408, ${honest} of ${honest} logins beside them done`);
});

// Threat: a string of megabytes, or a few kilobytes at the wrong place, costs Keycloak more than it costs the sender (Keycloak
// CVE-2026-4634).
describe("huge values for Keycloak", () => {
  test.each(fields)("in $field of $operation stop at the gateway", async ({ sample, field }) => {
    for (const value of ["a".repeat(5_000), "a ".repeat(5_000), `${"a".repeat(8_000)}@example.com`]) {
      const answer = await send(sample, { fields: { [field]: value } });
      if (field === "userId") expectError(answer, "USER_NOT_FOUND");
      else expectInvalid(answer, field);
    }
    expect(reached()).toEqual([]);
  });

  test("in headers and ids stop at the gateway", async () => {
    const huge = "a".repeat(10_000);
    const headers: readonly [Record<string, string>, ErrorCode][] = [
      [{ "x-client-secret": huge }, "INVALID_CLIENT"],
      [{ "x-client-id": huge }, "INVALID_CLIENT"],
      [{ "x-end-user-agent": huge }, "VALIDATION_ERROR"],
      [{ "x-end-user-ip": huge }, "VALIDATION_ERROR"],
    ];
    for (const [header, code] of headers) expectError(await send(login, { headers: header }), code);
    const bearers = samples.filter(({ auth }) => auth === "bearer");
    for (const sample of bearers) {
      for (const token of [huge, `${accessToken}${"a".repeat(4_096)}`]) {
        expectError(await send(sample, { headers: { authorization: `Bearer ${token}` } }), "INVALID_TOKEN");
      }
    }
    for (const sample of samples.filter(({ path }) => path.includes("userId="))) {
      expectError(await send(sample, { path: `${sample.path}${huge}` }), "USER_NOT_FOUND");
    }
    expect(proxy.calls).toEqual([]);
  });

  test("are no larger than what the contract allows, whatever is sent", async (context) => {
    const wide = "\u{1f600}";
    const answers = [
      await logIn(`${"a".repeat(limits.emailMaxLength - 12)}@example.com`, wide.repeat(limits.passwordMaxLength)),
      await send(sampleOf("refresh"), { fields: { refreshToken: wide.repeat(limits.tokenMaxLength / 4) } }),
      await send(sampleOf("refresh"), { fields: { refreshToken: "a".repeat(limits.tokenMaxLength) } }),
      await send(sampleOf("logout"), { fields: { refreshToken: "a".repeat(4_000) } }),
      await send(sampleOf("mfaVerify"), { fields: { mfaToken: "a".repeat(limits.tokenMaxLength) } }),
    ];
    expect(answers.map(outcomeOf)).toEqual([
      "INVALID_CREDENTIALS",
      "TOKEN_EXPIRED",
      "TOKEN_EXPIRED",
      "TOKEN_EXPIRED",
      "MFA_CHALLENGE_EXPIRED",
    ]);
    const sizes = proxy.calls.map(({ path, form }) => path.length + [...form].flat().join("").length);
    expect(Math.max(...sizes)).toBeLessThan(5_000);
    expect(Math.max(...proxy.calls.map(({ path }) => path.length))).toBeLessThan(1_000);
    report(context, `the largest request to Keycloak had ${Math.max(...sizes)} characters`);
  });
});

// Threat: an id is put into the path of an admin call as it is, and the call does something else (Supabase CVE-2025-48370).
describe("an id that leads elsewhere", () => {
  const hostile = (id: string) => [
    "..",
    "../clients",
    "../../master/users",
    "%2e%2e/clients",
    "..%2fclients",
    "..%252fclients",
    "..\\clients",
    `${id}/../${id}`,
    `../users/${id}`,
    `${id}/credentials`,
    `${id}/`,
    `${id}?briefRepresentation=false`,
    `${id}#`,
    `${id};x`,
    `${id}%00`,
    ` ${id}`,
    `{${id}}`,
    id.replaceAll("-", ""),
    `${id}${id}`,
    "count",
    "profile",
    "*",
    ".",
    "0",
    "",
  ];

  test("as a user's id finds nobody, and asks nobody", async () => {
    for (const id of hostile(user.userId)) {
      for (const sample of samples.filter(({ path }) => path.includes("userId="))) {
        const path = sample.path.replace(/userId=.*/, `userId=${encodeURIComponent(id)}`);
        expectError(await send(sample, { path }), "USER_NOT_FOUND");
      }
      expectError(await send(sampleOf("unlock"), { fields: { userId: id } }), "USER_NOT_FOUND");
    }
    expect(reached()).toEqual([]);
  });

  test("as a session's id ends no session, and asks for the user's own only", async () => {
    const [owner, other] = [await createUser(), await createUser()];
    const tokens = [await logIn(owner.email, owner.password), await logIn(other.email, other.password)];
    expect(tokens.map(outcomeOf)).toEqual([200, 200]);
    const [foreign] = await sessionsOf(other);
    const revoke = sampleOf("sessionsRevoke");
    proxy.reset();
    const ids = [
      ...hostile(foreign?.id ?? ""),
      foreign?.id ?? "",
      `../users/${other.userId}/logout`,
      `${other.userId}/sessions`,
    ];
    for (const id of ids.filter((each) => each !== "" && each !== "." && each !== "..")) {
      const path = revoke.path.replace(/sessions\/.*/, `sessions/${encodeURIComponent(id)}?userId=${owner.userId}`);
      expectError(await send(revoke, { path }), "CONFLICT");
    }
    const own = `/admin/realms/headgate/users/${owner.userId}`;
    for (const { method, path } of reached()) {
      expect([`GET ${own}`, `GET ${own}/sessions`]).toContain(`${method} ${path}`);
    }
    for (const each of [owner, other]) expect(await sessionsOf(each)).toHaveLength(1);
  });

  test("in the request's own path is no endpoint", async () => {
    const base = login.path.replace("/login", "");
    const unlock = `${base}/sessions/%2e%2e/security/unlock`;
    const paths = [
      `${base}/sessions/../../../../../admin/realms/headgate/users?userId=${user.userId}`,
      `${base}/sessions/./../sessions/../../x?userId=${user.userId}`,
      `/..;${base}/x`,
      "//admin",
      "/%ff",
      // Dots are resolved before anything looks at the path.
      unlock,
    ];
    for (const path of paths) {
      const connection = await openConnection({ server: { port: port() } });
      connection.write(`DELETE ${path} HTTP/1.1\r\nHost: x\r\n${clientLines}Connection: close\r\n\r\n`);
      const [answer, ...more] = await connection.closed();
      expect(more).toEqual([]);
      expect([path, answer?.status]).toEqual([path, path === unlock ? 405 : 404]);
      expect(answer?.body["code"]).toBe(path === unlock ? "METHOD_NOT_ALLOWED" : "NOT_FOUND");
    }
    expect(reached()).toEqual([]);
  });
});

// Threat: a page of somebody else makes a browser call the API by a link or a form, or an error outside the endpoints says
// more, or something else, than the contract.
describe("a method or type that is not meant", () => {
  const pathOf = ({ path }: Sample) => path.replace(/\?.*/, "");

  test.each(samples)("at $operationId", async (sample) => {
    const allowed = samples.filter((other) => pathOf(other) === pathOf(sample)).map(({ method }) => method);
    if (allowed.includes("GET")) allowed.push("HEAD");
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      if (allowed.includes(method)) continue;
      const answer = await send(sample, { method });
      expect(answer.headers.get("allow")?.split(", ").sort()).toEqual(allowed.toSorted());
      if (method === "HEAD") expect(answer.status).toBe(405);
      else expectError(answer, "METHOD_NOT_ALLOWED");
    }
    if (sample.body !== undefined) {
      const raw = new TextEncoder().encode(JSON.stringify(bodyOf(sample)));
      for (const type of [
        undefined,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/vnd.api+json",
      ]) {
        expectError(await send(sample, { raw, headers: { "content-type": type } }), "UNSUPPORTED_MEDIA_TYPE");
      }
    }
    expect(reached()).toEqual([]);
  });

  test("and a path that is none", async () => {
    const { path } = login;
    for (const none of [
      `${path}/`,
      path.toUpperCase(),
      `${path}.json`,
      "/",
      "/.env",
      `/${path}`,
      "/admin",
      "/realms/headgate",
    ]) {
      expectError(await send(login, { path: none }), "NOT_FOUND");
    }
    expect(reached()).toEqual([]);
  });

  test("and what is no request at all", async () => {
    const messages: readonly [string, number][] = [
      ["\u0016\u0003\u0001\u0002hello\r\n\r\n", 400],
      ["GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
      ["OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400],
      [loginHead(`x-end-user-agent: ${"a".repeat(17_000)}\r\n`), 431],
    ];
    for (const [message, status] of messages) {
      const connection = await openConnection({ server: { port: port() } });
      connection.write(message);
      const answers = await connection.closed();
      expect(answers).toHaveLength(1);
      expectRawError(answers[0], status);
    }
  });
});

// Threat: a password, code, token or secret in a log, where more people read it than in the database, or in an answer that
// was not made to show it; a line of the log forged by what was sent.
test("secrets in answers and logs", async () => {
  const env = { HEADGATE_LOG_LEVEL: "trace", HEADGATE_SMTP_URL: mailbox.smtpUrl };
  const own = await startGateway({ redisUrl: redis.url, env });
  const texts: string[] = [];
  async function call(operation: string, given: Record<string, unknown> = {}, change: Change & { as?: string } = {}) {
    const sample = sampleOf(operation);
    const headers = { ...(change.as !== undefined && { authorization: `Bearer ${change.as}` }), ...change.headers };
    const answer = await send(sample, { ...change, fields: given, headers }, own);
    texts.push(`${answer.text} ${JSON.stringify([...answer.headers])}`);
    return answer.body;
  }
  /** A token of a mail; the text of the link is nowhere but in the mail. */
  const mailed = async (email: string, pattern: RegExp) => linkIn(await mailbox.waitFor(email, pattern)).token;

  const account = newAccount({ firstName: "Jane\u2028", lastName: "Marked-Surname" });
  const { email, password } = account;
  const { userId } = (await call("signup", account)).user;
  await call("signup", account);
  await call("signup", newAccount({ password: "short-1" }));
  const verification = await mailed(email, /verify-email\?token=/);
  await call("login", { email, password });
  await call("emailVerifyConfirm", { token: `${verification}x` });
  await call("emailVerifyConfirm", { token: verification });
  await call("emailVerifySend", { email });
  const tokens = await call("login", { email, password });
  const wrong = `wrong-${userId}`;
  await call("login", { email, password: wrong });

  const as = tokens.accessToken;
  const enrolment = await call("mfaEnroll", {}, { as });
  const codes = [totpCode(enrolment.secret), totpCode(enrolment.secret, 1)];
  await call("mfaEnrollConfirm", { code: "000000" }, { as });
  const { backupCodes } = await call("mfaEnrollConfirm", { code: codes[0] }, { as });
  await call("mfaEnroll", {}, { as });
  await call("mfaStatus", {}, { as });
  await call("backupCodesCount", {}, { as });
  const { backupCodes: renewed } = await call("backupCodesRegenerate", { code: codes[1] }, { as });
  expect([backupCodes.length, renewed.length]).toEqual([10, 10]);
  const challenge = await call("login", { email, password });
  await call("mfaVerify", { mfaToken: challenge.mfaToken, code: codes[1], method: "totp" });
  await call("mfaVerify", { mfaToken: challenge.mfaToken, code: backupCodes[0], method: "backup_code" });
  const verified = await call("mfaVerify", { mfaToken: challenge.mfaToken, code: renewed[0], method: "backup_code" });
  const refreshed = await call("refresh", { refreshToken: verified.refreshToken });
  await call("refresh", { refreshToken: `${verified.refreshToken}x` });
  const byUser = (operation: string) => ({ path: sampleOf(operation).path.replace(/userId=.*/, `userId=${userId}`) });
  for (const operation of ["sessionsList", "lockoutStatus"]) await call(operation, {}, byUser(operation));
  await call("passwordPolicy");
  await call("unlock", { userId });

  await call("passwordResetSend", { email });
  const reset = await mailed(email, /reset-password\?token=/);
  const newPassword = `new password ${randomUUID()}`;
  await call("passwordResetConfirm", { token: reset, newPassword: "short-2" });
  await call("passwordResetConfirm", { token: reset, newPassword });
  await call("passwordResetConfirm", { token: reset, newPassword });
  await call("logout", { refreshToken: refreshed.refreshToken });
  const again = await call("login", { email, password: newPassword });
  const last = await call("mfaVerify", { mfaToken: again.mfaToken, code: renewed[1], method: "backup_code" });
  await call("mfaDisable", { code: renewed[2], method: "backup_code" }, { as: last.accessToken });
  await call("sessionsRevokeAll", {}, byUser("sessionsRevokeAll"));

  const badSecret = "ccas_marked-secret";
  await call("login", {}, { headers: { "x-client-secret": badSecret } });
  await call("mfaStatus", {}, { as: "marked-bearer" });
  const forged = 'x\r\n{"level":"error","msg":"marked-line"}';
  await call("login", {}, { raw: `{"email":"${"marked-raw"}`, headers: { "x-end-user-agent": "marked-agent" } });
  await call("login", { email: forged, password: forged });
  await call("login", {}, { path: `${login.path}/marked-path%0d%0a%7b%7d?marked=query-value` });
  await untilMailIsDone(redis);
  await own.stop();

  const sent = [
    password,
    newPassword,
    wrong,
    "short-1",
    "short-2",
    badSecret,
    verification,
    reset,
    "marked-raw",
    "marked-line",
  ];
  const gatewaySecrets = Object.entries(devEnv).flatMap(([name, value]) => (/SECRET/.test(name) ? [value] : []));
  expect(gatewaySecrets.length).toBeGreaterThan(6);
  const inNoAnswer = [
    ...sent,
    ...gatewaySecrets,
    demoApp.secret,
    secondApp.secret,
    "marked-bearer",
    "marked-path",
    "query-value",
  ];
  const all = texts.join("\n");
  for (const secret of inNoAnswer) expect([secret, all.includes(secret)]).toEqual([secret, false]);
  // Nothing of the inside: no stack, no file, no name or text of an upstream server.
  const refusals = texts.filter((text) => text.includes('"code":'));
  expect(refusals.length).toBeGreaterThan(12);
  for (const refusal of refusals) {
    expect(refusal).not.toMatch(/node_modules|\.ts\b|\bat \w+ \(|invalid_grant|keycloak|redis|ECONN|127\.0\.0\.1/i);
  }

  const shownOnce: readonly string[] = [
    enrolment.secret,
    enrolment.qrCode,
    ...backupCodes,
    ...renewed,
    challenge.mfaToken,
    again.mfaToken,
    ...[tokens, verified, refreshed, last].flatMap((set) => [set.accessToken, set.refreshToken, set.idToken]),
  ];
  for (const secret of shownOnce) {
    expect(secret).toMatch(/\S{10}/);
    expect([secret, texts.filter((text) => text.includes(secret)).length]).toEqual([secret, 1]);
  }

  const log = own.output();
  const lines = log.trim().split("\n");
  expect(lines.length).toBeGreaterThan(texts.length);
  for (const line of lines) expect(Object.keys(JSON.parse(line))).toContain("level");
  const bare = [...backupCodes, ...renewed].map((code: string) => code.replaceAll("-", ""));
  const inNoLog = [
    ...inNoAnswer,
    ...shownOnce,
    ...bare,
    email,
    "marked-agent",
    "Marked-Surname",
    "otpauth:",
    "data:image",
  ];
  for (const secret of inNoLog) expect([secret, log.includes(secret)]).toEqual([secret, false]);
  for (const code of codes) expect(log).not.toContain(`"${code}"`);
});
