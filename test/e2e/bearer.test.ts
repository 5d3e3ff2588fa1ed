import { createHmac, createPublicKey, type JsonWebKey, randomUUID } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { accessTokenOf, callAs, createEnrolledUser, createEnrollingUser } from "../support/enrolment.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  adminCall,
  claimsOf,
  createRealm,
  createUser,
  demoApp,
  issuer,
  oidc,
  otpClient,
  secondApp,
  sessionsOf,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateways: TestGateway[];
let hiding: TestGateway;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  const start = (more: Record<string, string> = {}) =>
    startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl, ...more } });
  [hiding, ...gateways] = await Promise.all([start({ HEADGATE_HIDE_EXISTING_ACCOUNTS: "true" }), start(), start()]);
});
afterAll(async () => {
  await Promise.all([hiding, ...(gateways ?? [])].map((gateway) => gateway?.stop()));
  await mailbox?.stop();
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
}
async function tokensOf({ email, password }: TestUser, app = demoApp): Promise<Tokens> {
  const { status, body } = await callApi(at(0), "/login", { body: { email, password }, app });
  expect(status).toBe(200);
  return body;
}

const bearerCalls = [
  ["GET", "/mfa/status", undefined],
  ["POST", "/mfa/enroll", {}],
  ["POST", "/mfa/enroll/confirm", { code: "123456" }],
  ["POST", "/mfa/disable", { code: "123456" }],
  ["GET", "/mfa/backup-codes", undefined],
  ["POST", "/mfa/backup-codes", { code: "123456" }],
] as const;

function expectInvalidToken({ status, body, headers }: ApiAnswer): void {
  expect([status, body.code]).toEqual([401, "INVALID_TOKEN"]);
  expect(headers.get("www-authenticate")).toContain('error="invalid_token"');
}

/** Every operation that takes an access token refuses this one. */
async function expectRefusedEverywhere(token: string, gateway = at(0)): Promise<void> {
  for (const [, path, body] of bearerCalls) expectInvalidToken(await callAs(token, gateway, path, body));
}

// Threat: a stolen access token goes on working for its quarter of an hour after its user has thrown the thief out.
describe("an access token is refused everywhere", () => {
  test("after logout", async () => {
    const { accessToken, refreshToken } = await tokensOf(await createUser());
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
    expect((await callApi(at(1), "/logout", { body: { refreshToken } })).status).toBe(200);
    await expectRefusedEverywhere(accessToken);
  });

  test("after its session was revoked, while another session of the user lives on", async () => {
    const user = await createUser();
    const [doomed, other] = [await tokensOf(user), await tokensOf(user)];
    const path = `/sessions/${claimsOf(doomed.accessToken)["sid"]}?userId=${user.userId}`;
    expect((await callApi(at(1), path, { method: "DELETE" })).status).toBe(200);
    await expectRefusedEverywhere(doomed.accessToken);
    expect((await callAs(other.accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  test("after all sessions were revoked, and after a password reset", async () => {
    const [revoked, reset] = [await createUser(), await createUser()];
    const tokens = [await tokensOf(revoked), await tokensOf(reset)];
    expect((await callApi(at(1), `/sessions?userId=${revoked.userId}`, { method: "DELETE" })).body).toEqual({
      revoked: 1,
    });
    await callApi(at(1), "/password/reset-send", { body: { email: reset.email } });
    const { token } = linkIn(await mailbox.waitFor(reset.email, /\?token=/));
    const body = { token, newPassword: "another long password" };
    expect((await callApi(at(1), "/password/reset-confirm", { body })).status).toBe(200);
    for (const { accessToken } of tokens) await expectRefusedEverywhere(accessToken);
  });

  test("after its user was disabled, and after its user was deleted", async () => {
    const [disabled, deleted] = [await createUser(), await createUser()];
    const tokens = [await tokensOf(disabled), await tokensOf(deleted)];
    await adminCall("PUT", `/users/${disabled.userId}`, { enabled: false });
    await adminCall("DELETE", `/users/${deleted.userId}`);
    for (const { accessToken } of tokens) await expectRefusedEverywhere(accessToken);
  });
});

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

// Threat: something that is signed like an access token, or looks like one, is taken for one (RFC 8725, section 2).
describe("what is no access token of an app is refused everywhere", () => {
  test("a refresh token and an ID token", async () => {
    const { refreshToken, idToken } = await tokensOf(await createUser());
    await expectRefusedEverywhere(refreshToken);
    await expectRefusedEverywhere(idToken);
  });

  test("a forged one", async () => {
    const user = await createUser();
    const { accessToken } = await tokensOf(user);
    const victim = await createUser();
    const [header = "", , signature = ""] = accessToken.split(".");
    const { kid } = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    const claims = base64url({ ...claimsOf(accessToken), sub: victim.userId });
    const jwks = (await (await fetch(`${issuer}/protocol/openid-connect/certs`)).json()) as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const key = jwks.keys.find((each) => each.kid === kid);
    if (key === undefined) throw new Error("The realm does not show the key of its token");
    const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" }).toString();
    const hs256 = (secret: string) => {
      const signed = `${base64url({ alg: "HS256", typ: "JWT", kid })}.${claims}`;
      return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    };
    const forged = [
      `${header}.${claims}.${signature}`,
      ...["none", "None", "NONE"].map((alg) => `${base64url({ alg, typ: "JWT", kid })}.${claims}.`),
      `${base64url({ alg: "none", typ: "JWT" })}.${claims}.${signature}`,
      hs256(String(key.n)),
      hs256(pem),
      hs256(pem.trim()),
      hs256(""),
      accessToken.slice(0, -2),
    ];
    for (const token of forged) expectInvalidToken(await callAs(token, at(0), "/mfa/status"));
    await expectRefusedEverywhere(forged[1] ?? "");
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  test("one of another realm", async () => {
    const realm = await createRealm();
    try {
      const [username, password] = [`user-${randomUUID()}@example.com`, randomUUID()];
      await realm.admin("POST", "/users", {
        username,
        email: username,
        firstName: "Jane",
        lastName: "Doe",
        enabled: true,
        emailVerified: true,
        credentials: [{ type: "password", value: password, temporary: false }],
      });
      const grant = { grant_type: "password", username, password, scope: "openid" };
      const { status, body } = await oidc("token", realm.app, grant, realm.issuer);
      expect(status).toBe(200);
      await expectRefusedEverywhere(body.access_token);
    } finally {
      await realm.remove();
    }
  });

  // Threat: the gateway's own step between factor and tokens is shown as if it were the whole login.
  test("one of the gateway's own clients", async () => {
    const user = await createUser({ totp: true });
    const { status, body } = await oidc("token", otpClient, {
      grant_type: "password",
      username: user.email,
      totp: totpCode(user.totpSecret),
      scope: "openid",
    });
    expect(status).toBe(200);
    await expectRefusedEverywhere(body.access_token);
  });

  // Threat: any client of the realm, such as one that anybody may register, gets at the second factors of this gateway's users.
  test("one of a client that is no app of this gateway", async () => {
    const user = await createUser();
    const { accessToken } = await tokensOf(user, secondApp);
    const appsFile = join(mkdtempSync(join(tmpdir(), "headgate-bearer-")), "apps.json");
    writeFileSync(appsFile, JSON.stringify({ apps: [{ id: demoApp.id }] }));
    const narrow = await startGateway({ redisUrl: redis.url, env: { HEADGATE_APPS_FILE: appsFile } });
    await expectRefusedEverywhere(accessToken, narrow);
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
    await narrow.stop();
  });

  test("one that is not in the Authorization header as a bearer token", async () => {
    const { accessToken } = await tokensOf(await createUser());
    const ask = (headers: Record<string, string>, query = "") =>
      callApi(at(0), `/mfa/status${query}`, { app: null, headers });
    const answers = [
      await ask({}),
      await ask({}, `?access_token=${accessToken}`),
      await ask({ authorization: accessToken }),
      await ask({ authorization: `Basic ${accessToken}` }),
      await ask({ authorization: `DPoP ${accessToken}` }),
      await ask({ authorization: `Bearer ${accessToken}, Bearer ${accessToken}` }),
      await ask({ authorization: "Bearer " }),
      await ask({ cookie: `access_token=${accessToken}` }),
    ];
    expect(tally(answers)).toEqual({ "401 INVALID_TOKEN": answers.length });
    expect((await ask({ authorization: `bearer ${accessToken}` })).status).toBe(200);
  });
});

// Threat: an app acts on the second factors of another app's users with a token that it got hold of.
test("app client headers beside an access token must be right and its own app's", async () => {
  const { accessToken } = await tokensOf(await createUser());
  const authorization = `Bearer ${accessToken}`;
  const ask = (path: string, body: unknown, app: typeof demoApp | null, more: Record<string, string> = {}) =>
    callApi(at(0), path, { body, app, headers: { authorization, ...more } });
  const wrong = { id: demoApp.id, secret: "ccas_wrong" };
  for (const [, path, body] of bearerCalls) {
    for (const app of [secondApp, wrong, { id: "cca_unknown", secret: demoApp.secret }]) {
      const answer = await ask(path, body, app);
      expect([answer.status, answer.body.code]).toEqual([401, "INVALID_CLIENT"]);
    }
  }
  for (const half of [{ "x-client-id": demoApp.id }, { "x-client-secret": demoApp.secret }]) {
    expect((await ask("/mfa/status", undefined, null, half)).body.code).toBe("INVALID_CLIENT");
  }
  expect((await ask("/mfa/status", undefined, demoApp)).status).toBe(200);
});

// Threat: whoever holds an access token guesses codes by way of the changes that ask for one, past the budget of logins.
describe("codes for changes of the second factor", () => {
  const wrongCodes = ({ totpSecret }: TestUser) => {
    const near = [-2, -1, 0, 1, 2].map((steps) => totpCode(totpSecret, steps));
    return Array.from({ length: 40 }, (_, index) => `3000${index + 10}`).filter((code) => !near.includes(code));
  };

  test("share the budget of logins, over two gateways, and then lock the account until it is unlocked", async () => {
    const user = await createEnrolledUser(at(0));
    const login = () => callApi(at(0), "/login", { body: { email: user.email, password: user.password } });
    const { mfaToken } = (await login()).body;
    const answers = await Promise.all(
      wrongCodes(user)
        .slice(0, 24)
        .map((code, index) => {
          if (index % 4 === 0) return callApi(at(1), "/mfa/verify", { body: { mfaToken, code, method: "totp" } });
          if (index % 4 === 1) return callAs(user.accessToken, at(0), "/mfa/backup-codes", { code });
          const method = index % 4 === 2 ? "totp" : "backup_code";
          return callAs(user.accessToken, at(1), "/mfa/disable", { code, method });
        }),
    );
    const { "401 MFA_INVALID_CODE": wrong, "423 ACCOUNT_LOCKED": locked, ...others } = tally(answers);
    // A challenge may have ended by its own five codes first; that costs no attempt.
    const expired = others["401 MFA_CHALLENGE_EXPIRED"] ?? 0;
    expect([wrong, (locked ?? 0) + expired]).toEqual([10, 14]);
    const code = totpCode(user.totpSecret, 1);
    const right = await callAs(user.accessToken, at(0), "/mfa/disable", { code });
    expect([right.status, right.body.code]).toEqual([423, "ACCOUNT_LOCKED"]);
    expect((await login()).status).toBe(423);

    await callApi(at(0), "/security/unlock", { body: { userId: user.userId } });
    expect((await login()).body.mfaRequired).toBe(true);
    expect((await callAs(user.accessToken, at(0), "/mfa/disable", { code })).body).toEqual({ enabled: false });
  });

  test("must be TOTP codes for new backup codes", async () => {
    const user = await createEnrolledUser(at(0));
    const [code = ""] = user.backupCodes;
    const { body } = await callAs(user.accessToken, at(0), "/mfa/backup-codes", { code });
    expect(body.code).toBe("MFA_INVALID_CODE");
    expect((await callAs(user.accessToken, at(0), "/mfa/backup-codes")).body).toEqual({ remaining: 10, total: 10 });
  });

  test("open no session of their own", async () => {
    const user = await createEnrolledUser(at(0));
    const code = totpCode(user.totpSecret, 1);
    expect((await callAs(user.accessToken, at(0), "/mfa/backup-codes", { code })).status).toBe(200);
    expect((await sessionsOf(user)).map(({ id }) => id)).toEqual([claimsOf(user.accessToken)["sid"]]);
  });
});

describe("a second factor that is not there", () => {
  test("cannot be confirmed, turned off or given backup codes", async () => {
    const user = await createUser();
    const accessToken = await accessTokenOf(at(0), user);
    for (const [, path, body] of bearerCalls.slice(2)) {
      const answer = await callAs(accessToken, at(0), path, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, "MFA_NOT_ENROLLED"]);
    }
  });

  // Threat: a challenge outlives the factor that it asks for.
  test("answers no challenge from before it was turned off", async () => {
    const user = await createEnrolledUser(at(0));
    const { body } = await callApi(at(0), "/login", { body: { email: user.email, password: user.password } });
    const [code] = user.backupCodes;
    const disabled = await callAs(user.accessToken, at(0), "/mfa/disable", { code, method: "backup_code" });
    expect(disabled.status).toBe(200);
    const late = await callApi(at(1), "/mfa/verify", {
      body: { mfaToken: body.mfaToken, code: totpCode(user.totpSecret, 1), method: "totp" },
    });
    expect([late.status, late.body.code]).toEqual([401, "MFA_CHALLENGE_EXPIRED"]);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Threat: whoever reads the store sets up the same authenticator.
  test("leaves no secret in the store while its enrolment is pending", async () => {
    const user = await createEnrollingUser(at(0));
    const dump = await redis.dump();
    expect(dump).not.toBe("");
    for (const secret of [user.totpSecret, user.userId, user.email]) expect(dump).not.toContain(secret);
  });
});

describe("signup", () => {
  const newAccount = (more: Partial<Record<"email" | "password" | "firstName" | "lastName", string>> = {}) => ({
    email: `user-${randomUUID()}@example.com`,
    password: randomUUID(),
    firstName: "Jane",
    lastName: "Doe",
    ...more,
  });
  const signup = (body: unknown, gateway = at(0)) => callApi(gateway, "/signup", { body });
  const accountsOf = (email: string): Promise<unknown[]> =>
    adminCall("GET", `/users?email=${encodeURIComponent(email)}&exact=true`);

  test("names the rule of the realm that a password breaks, and leaves no account", async () => {
    const [short, same] = [newAccount({ password: "short" }), newAccount()];
    for (const [account, message] of [
      [short, /at least 8 characters/],
      [{ ...same, password: same.email }, /must not be the e-mail address/],
    ] as const) {
      const { status, body } = await signup(account);
      expect([status, body.code]).toEqual([400, "VALIDATION_ERROR"]);
      expect(body.details).toEqual([{ path: "password", message: expect.stringMatching(message) }]);
      expect(JSON.stringify(body)).not.toContain(account.password);
      expect(await accountsOf(account.email)).toEqual([]);
    }
  });

  test("names fields that cannot be used", async () => {
    for (const [field, value] of [
      ["email", "nobody"],
      ["email", "a@b@example.com"],
      ["firstName", "   "],
      ["lastName", "Doe\r\nBcc: evil@example.com"],
      ["lastName", ""],
      ["password", ""],
    ] as const) {
      const { status, body } = await signup(newAccount({ [field]: value }));
      expect([status, body.code, body.details?.[0]?.path]).toEqual([400, "VALIDATION_ERROR", field]);
    }
  });

  test("refuses a registered address in any case, and changes nothing of its account", async () => {
    const user = await createUser();
    for (const email of [user.email, user.email.toUpperCase(), ` ${user.email} `]) {
      const { status, body } = await signup(newAccount({ email }));
      expect([status, body.code]).toEqual([409, "CONFLICT"]);
    }
    expect((await tokensOf(user)).accessToken).not.toBe("");
  });

  // Threat: signup tells who has an account.
  describe("where existing accounts are hidden", () => {
    const shape = ({ status, body, headers }: ApiAnswer, { email }: { readonly email: string }) => ({
      status,
      body: {
        ...body,
        ...(body.requestId && { requestId: "" }),
        ...(body.user && { user: { ...body.user, userId: "", email: body.user.email === email.toLowerCase() } }),
      },
      headers: [...headers.keys()].filter((name) => !["date", "keep-alive"].includes(name)),
    });

    test("answers the same, and tells the owner", async () => {
      const [owner, disabled] = [await createUser(), await createUser({ enabled: false })];
      const fresh = newAccount();
      const taken = newAccount({ email: owner.email.toUpperCase() });
      const off = newAccount({ email: disabled.email });
      const answers = [];
      for (const account of [fresh, taken, off]) answers.push(await signup(account, hiding));
      const shapes = answers.map((answer, index) => shape(answer, [fresh, taken, off][index] ?? fresh));
      expect(shapes[0]).toMatchObject({ status: 201, body: { emailVerificationRequired: true } });
      for (const each of shapes) expect(each).toEqual(shapes[0]);
      const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
      for (const { body } of answers) expect(body.user.userId).toMatch(uuid);
      expect(answers[1]?.body.user.userId).not.toBe(owner.userId);

      const notice = await mailbox.waitFor(owner.email, /already ha(ve|s)/i);
      expect(notice.text).not.toContain("token=");
      await mailbox.waitFor(fresh.email, /verify-email\?token=/);
      await untilMailIsDone(redis);
      expect(await mailbox.mailsTo(disabled.email)).toEqual([]);
      expect((await tokensOf(owner)).accessToken).not.toBe("");
      const guess = { email: owner.email, password: taken.password };
      expect((await callApi(hiding, "/login", { body: guess })).body.code).toBe("INVALID_CREDENTIALS");
    });

    test("refuses a password by the realm's rules, whether the address is registered or not", async () => {
      const { email } = await createUser();
      const [fresh, taken] = [newAccount({ password: "short" }), newAccount({ email, password: "short" })];
      const refused = shape(await signup(fresh, hiding), fresh);
      expect(refused).toMatchObject({ status: 400, body: { code: "VALIDATION_ERROR" } });
      expect(shape(await signup(taken, hiding), taken)).toEqual(refused);
    });
  });
});

describe("sessions", () => {
  const sessions = (path: string, method = "GET") => callApi(at(0), `/sessions${path}`, { method });

  // Threat: an id that was seen ends the session of somebody else, or tells whether it lives.
  test("of another user, ended ones and what is no session are one conflict", async () => {
    const [user, other] = [await createUser(), await createUser()];
    const [own, foreign] = [await tokensOf(user), await tokensOf(other)];
    const ownId = String(claimsOf(own.accessToken)["sid"]);
    const foreignId = String(claimsOf(foreign.accessToken)["sid"]);
    const ended = await tokensOf(user);
    await callApi(at(0), "/logout", { body: { refreshToken: ended.refreshToken } });
    const ids = [
      foreignId,
      String(claimsOf(ended.accessToken)["sid"]),
      "A".repeat(24),
      "00000000-0000-4000-8000-000000000000",
      encodeURIComponent(`../users/${other.userId}`),
      encodeURIComponent(`${ownId}/../${foreignId}`),
    ];
    const bodies = [];
    for (const id of ids) {
      const { status, body } = await sessions(`/${id}?userId=${user.userId}`, "DELETE");
      bodies.push({ status, ...body, requestId: "" });
    }
    expect(bodies[0]).toMatchObject({ status: 409, code: "CONFLICT" });
    for (const each of bodies) expect(each).toEqual(bodies[0]);
    expect((await sessionsOf(other)).map(({ id }) => id)).toEqual([foreignId]);
    expect((await sessionsOf(user)).map(({ id }) => id)).toEqual([ownId]);
    expect((await sessions(`?userId=${user.userId}`)).body.sessions.map(({ id }: { id: string }) => id)).toEqual([
      ownId,
    ]);
  });

  test.each(["00000000-0000-4000-8000-000000000000", "not-a-uuid", "../clients", "x?max=1"])(
    "are not those of an unknown user %s",
    async (userId) => {
      const query = `?userId=${encodeURIComponent(userId)}`;
      const answers = [
        await sessions(query),
        await sessions(query, "DELETE"),
        await sessions(`/${"A".repeat(24)}${query}`, "DELETE"),
      ];
      expect(tally(answers)).toEqual({ "404 USER_NOT_FOUND": 3 });
    },
  );

  test("tell apps by name and never the gateway's own clients", async () => {
    const user = await createUser({ totp: true });
    const { body } = await callApi(at(0), "/login", {
      body: { email: user.email, password: user.password },
      app: secondApp,
    });
    const { mfaToken } = body;
    const verified = await callApi(at(0), "/mfa/verify", {
      app: secondApp,
      body: { mfaToken, code: totpCode(user.totpSecret), method: "totp" },
      headers: { "x-end-user-ip": "2001:db8::7", "x-end-user-agent": "Browser/2" },
    });
    expect(verified.status).toBe(200);
    const { body: list } = await sessions(`?userId=${user.userId}`);
    expect(list.sessions).toEqual([
      {
        id: claimsOf(verified.body.accessToken)["sid"],
        application: "Second demo app",
        ipAddress: expect.stringMatching(/^2001:0?db8:/),
        userAgent: "Browser/2",
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
        lastActiveAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
      },
    ]);
  });
});
