import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { ClientCredentials, EndUser } from "../../../src/domain/ports/identity-provider.ts";
import { createTestProvider } from "./provider.ts";
import { type Behaviour, json, jwt, startUpstream, text } from "./upstream.ts";

/**
 * Threat: a fault of Keycloak, or of whatever answers in its place, is taken for a verdict: a 200 that is no login lets
 * somebody in, an outage counts as a wrong password and locks users out, a repeated request spends a guess twice.
 */

const app: ClientCredentials = { id: "cca_demo", secret: "ccas_secret" };
const endUser: EndUser = { ipAddress: "203.0.113.7", userAgent: "Mozilla/5.0" };
const sessionId = "AAAAAAAAAAAAAAAAAAAAAAAA";
const userId = "0b6f3c52-7c1c-4c44-9d0c-0f3a5b7f6a01";
const issuer = "https://login.example.com/realms/headgate";

const upstream = await startUpstream(json(500, {}));
afterAll(() => upstream.stop());

function createProvider(options: { readonly url?: string; readonly timeoutMs?: number } = {}) {
  const { provider } = createTestProvider({
    url: upstream.url,
    realm: "headgate",
    issuer,
    adminClient: { id: "headless-gateway", secret: "s" },
    otpClient: { id: "headless-otp", secret: "s" },
    timeoutMs: 2000,
    ...options,
  });
  open.push(provider);
  return provider;
}

const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  await Promise.all(open.splice(0).map((provider) => provider.close()));
  upstream.seen.length = 0;
});

function claims(more: object = {}) {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer, sub: userId, aud: app.id, azp: app.id, iat: now, exp: now + 900, sid: sessionId, ...more };
}

/** What a working Keycloak answers. */
function tokenAnswer(more: object = {}) {
  return {
    access_token: jwt(claims()),
    refresh_token: "refresh",
    id_token: jwt(claims()),
    token_type: "Bearer",
    expires_in: 900,
    ...more,
  };
}

const drop: Behaviour = (_request, response) => {
  response.destroy();
};
const silence: Behaviour = () => {};
const half: Behaviour = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"access_token":"', () => setTimeout(() => response.destroy(), 20));
};
const halfThenSilence: Behaviour = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"access_token":"');
};

type Provider = ReturnType<typeof createProvider>;
const calls: [string, (provider: Provider) => Promise<unknown>][] = [
  ["passwordGrant", (p) => p.passwordGrant({ client: app, email: "jane@example.com", password: "p", endUser })],
  ["totpGrant", (p) => p.totpGrant({ username: "jane@example.com", code: "123456", endUser })],
  ["mintGrant", (p) => p.mintGrant({ username: "jane@example.com", endUser })],
  ["exchange", (p) => p.exchange({ client: app, subject: { accessToken: "a", sessionId, userId }, endUser })],
  ["refresh", (p) => p.refresh({ client: app, refreshToken: "r", endUser })],
  ["checkClient", (p) => p.checkClient(app)],
  ["logout", (p) => p.logout({ client: app, refreshToken: "r" })],
  ["endSession", (p) => p.endSession(sessionId)],
  ["findUserByEmail", (p) => p.findUserByEmail("jane@example.com")],
  ["getUser", (p) => p.getUser(userId)],
  ["clearFailures", (p) => p.clearFailures(userId)],
  ["createUser", (p) => p.createUser({ email: "jane@example.com", password: "p", firstName: "J", lastName: "D" })],
  ["markEmailVerified", (p) => p.markEmailVerified(userId, "jane@example.com")],
  ["setPassword", (p) => p.setPassword(userId, "p")],
  ["passwordPolicy", (p) => p.passwordPolicy()],
  ["isEnabled", (p) => p.isEnabled(userId)],
  ["listSessions", (p) => p.listSessions(userId)],
  ["endAllSessions", (p) => p.endAllSessions(userId)],
  ["hasTotp", (p) => p.hasTotp(userId)],
  ["addTotp", (p) => p.addTotp(userId, "JBSWY3DPEHPK3PXP", "Phone")],
  ["removeTotp", (p) => p.removeTotp(userId)],
  ["readBackupCodes", (p) => p.readBackupCodes(userId)],
  ["writeBackupCodes", (p) => p.writeBackupCodes(userId, { salt: "s", hashes: ["h"], total: 1 })],
  ["ping", (p) => p.ping()],
];
const posts = calls.slice(0, 7);
const grants = calls.slice(0, 5);
const [passwordGrant] = grants.map(([, call]) => call) as [(typeof calls)[0][1]];

const fault = (fate: string) => ({ name: "UpstreamUnavailable", fate });

describe.each(calls)("%s", (_name, call) => {
  it("fails as unsent when nobody listens", async () => {
    const gone = await startUpstream(silence);
    await gone.stop();
    await expect(call(createProvider({ url: gone.url }))).rejects.toMatchObject(fault("unsent"));
  });

  it.each<[string, Behaviour]>([
    ["silence", silence],
    ["half an answer and then silence", halfThenSilence],
  ])("fails as unknown, in time, after %s", async (_case, behaviour) => {
    upstream.behave = behaviour;
    await expect(call(createProvider({ timeoutMs: 150 }))).rejects.toMatchObject(fault("unknown"));
  });

  it.each<[string, Behaviour]>([
    ["a lost connection", drop],
    ["half an answer", half],
  ])("fails as unknown after %s", async (_case, behaviour) => {
    upstream.behave = behaviour;
    await expect(call(createProvider())).rejects.toMatchObject(fault("unknown"));
  });

  it.each<[string, Behaviour]>([
    ["an HTML page with status 200", text(200, "text/html;charset=utf-8", "<html>Security key</html>")],
    ["HTML that claims to be JSON", text(200, "application/json", "<html></html>")],
    ["JSON that claims to be HTML", text(200, "text/html", JSON.stringify(tokenAnswer()))],
    ["an HTML error page with status 401", text(401, "text/html", "<html>mfa_required</html>")],
    ["broken JSON with status 400", text(400, "application/json", '{"error":"invalid_grant"')],
    ["500", json(500, { error: "unknown_error" })],
    ["a 502 page of a proxy", text(502, "text/html", "<html>Bad Gateway</html>")],
    ["503", json(503, { error: "invalid_grant", error_description: "Invalid user credentials" })],
    ["429", json(429, { error: "invalid_grant", error_description: "Invalid user credentials" })],
    ["a missing realm", json(404, { error: "Realm does not exist" })],
    ["a refusal of plain HTTP", json(403, { error: "invalid_request", error_description: "HTTPS required" })],
    ["an empty 200", text(200, "application/json", "")],
    ["too large an answer", text(200, "application/json", `{"access_token":"${"a".repeat(1024 * 1024)}"}`)],
    [
      "a redirect",
      (_request, response) => response.writeHead(302, { location: "/elsewhere", "content-length": "0" }).end(),
    ],
  ])("has no verdict after %s", async (_case, behaviour) => {
    upstream.behave = behaviour;
    const failure = await call(createProvider()).catch((error: unknown) => error);
    expect(failure).toMatchObject(fault("noVerdict"));
    expect((failure as Error).message).not.toMatch(/html|invalid_|HTTPS required|Realm does|unknown_error/);
    expect(upstream.seen.map(({ path }) => path)).not.toContain("/elsewhere");
  });
});

describe.each(posts)("%s", (_name, call) => {
  it.each<[string, Behaviour]>([
    ["a lost connection", drop],
    ["half an answer", half],
    ["503", json(503, {})],
  ])("is sent once, whatever happens: %s", async (_case, behaviour) => {
    upstream.behave = behaviour;
    await expect(call(createProvider())).rejects.toThrow();
    expect(upstream.seen).toHaveLength(1);
  });
});

describe("a success", () => {
  it("is read from a whole token answer", async () => {
    upstream.behave = json(200, tokenAnswer());
    expect(await passwordGrant(createProvider())).toMatchObject({ kind: "tokens", tokens: { user: { userId } } });
  });

  it.each<[string, object]>([
    ["no access token", { access_token: undefined }],
    ["an access token that is no text", { access_token: 1 }],
    ["an unreadable access token", { access_token: "opaque" }],
    ["an access token without an end", { access_token: jwt(claims({ exp: undefined })) }],
    ["no refresh token", { refresh_token: undefined }],
    ["no ID token", { id_token: undefined }],
    ["an ID token of another issuer", { id_token: jwt(claims({ iss: "https://evil.example.com" })) }],
    ["an ID token for another app", { id_token: jwt(claims({ aud: "cca_demo_two" })) }],
    ["an expired ID token", { id_token: jwt(claims({ exp: 1 })) }],
    ["an ID token of nobody", { id_token: jwt(claims({ sub: undefined })) }],
    [
      "an ID token for several, this app among them, and no authorized party",
      {
        id_token: jwt(claims({ aud: [app.id, "cca_demo_two"], azp: undefined })),
      },
    ],
    ["an ID token whose authorized party is another app", { id_token: jwt(claims({ azp: "cca_demo_two" })) }],
    ["an ID token without a time of issue", { id_token: jwt(claims({ iat: undefined })) }],
    ["an ID token without an end", { id_token: jwt(claims({ exp: undefined })) }],
    ["an unsigned ID token", { id_token: jwt(claims(), { alg: "none" }) }],
    ["an ID token under a shared key", { id_token: jwt(claims(), { alg: "HS256" }) }],
    ["an ID token with a critical extension", { id_token: jwt(claims(), { crit: ["b64"] }) }],
    ["an ID token that is no JWT", { id_token: "a.b" }],
    ["an ID token that is no text", { id_token: { sub: userId } }],
    ["a refresh token that is no text", { refresh_token: 1 }],
    ["no token type", { token_type: undefined }],
    ["another token type", { token_type: "DPoP" }],
  ])("is not read from an answer with %s", async (_case, more) => {
    upstream.behave = json(200, tokenAnswer(more));
    await expect(passwordGrant(createProvider())).rejects.toMatchObject(fault("noVerdict"));
  });

  it("is not read from an exchange that moved to another session", async () => {
    upstream.behave = json(200, tokenAnswer());
    const subject = { accessToken: "a", sessionId: "BBBBBBBBBBBBBBBBBBBBBBBB", userId };
    await expect(createProvider().exchange({ client: app, subject, endUser })).rejects.toMatchObject(
      fault("noVerdict"),
    );
  });

  // Threat: tokens of an answer that was refused end up in a log by way of the error's causes.
  it("leaves no token in the error when it is refused", async () => {
    const idToken = jwt(claims({ iss: "https://evil.example.com" }));
    upstream.behave = json(200, tokenAnswer({ id_token: idToken, refresh_token: "secret-refresh-token" }));
    const failure = (await passwordGrant(createProvider()).catch((error: unknown) => error)) as Error;
    const everything = JSON.stringify([failure.message, failure.stack, failure.cause, Object.entries(failure)]);
    expect(failure.cause).toBeUndefined();
    expect(everything).not.toContain("secret-refresh-token");
    expect(everything).not.toContain(idToken);
  });
});

describe("refusals", () => {
  // Keycloak up to 26.5 says 401 where later releases say 400.
  it.each([
    [400, "invalid_grant", "Invalid user credentials", { kind: "rejected" }],
    [401, "invalid_grant", "Invalid user credentials", { kind: "rejected" }],
    [400, "invalid_grant", "Account disabled", { kind: "disabled" }],
    [400, "invalid_grant", "Account is not fully set up", { kind: "accountIncomplete" }],
    [401, "mfa_required", undefined, { kind: "mfaRequired" }],
    [400, "mfa_required", undefined, { kind: "mfaRequired" }],
    [401, "unauthorized_client", "Invalid client or Invalid client credentials", { kind: "clientRejected" }],
    [400, "invalid_client", "Invalid client or Invalid client credentials", { kind: "clientRejected" }],
  ])("%i %s %s", async (status, error, description, outcome) => {
    upstream.behave = json(status, { error, error_description: description });
    expect(await passwordGrant(createProvider())).toEqual(outcome);
  });

  it.each([
    ["unauthorized_client", "Client not allowed for direct access grants"],
    ["invalid_scope", "Invalid scopes: openid organization"],
    ["invalid_request", "Missing parameter: username"],
  ])("has no verdict where the request itself was refused: %s %s", async (error, description) => {
    upstream.behave = json(400, { error, error_description: description });
    await expect(passwordGrant(createProvider())).rejects.toMatchObject(fault("noVerdict"));
  });

  // Threat: a refusal in words that are not known here is given back as if nothing had been tried, and guesses are free.
  it.each([
    ["invalid_grant", "Something new"],
    ["access_denied", "custom authenticator"],
  ])("takes a refusal that it does not know for a possible verdict: %s %s", async (error, description) => {
    upstream.behave = json(401, { error, error_description: description });
    await expect(passwordGrant(createProvider())).rejects.toMatchObject(fault("unknown"));
    await expect(
      createProvider().totpGrant({ username: "jane@example.com", code: "123456", endUser }),
    ).rejects.toMatchObject(fault("unknown"));
  });

  it("takes an administrator, whom the realm mints no session for, for a rejected user", async () => {
    upstream.behave = json(401, { error: "not_mintable" });
    expect(await createProvider().mintGrant({ username: "jane@example.com", endUser })).toEqual({ kind: "rejected" });
  });

  it("takes a wrong secret of the gateway's own OTP or mint client for a fault, not for a wrong code", async () => {
    upstream.behave = json(401, {
      error: "unauthorized_client",
      error_description: "Invalid client or Invalid client credentials",
    });
    await expect(
      createProvider().totpGrant({ username: "jane@example.com", code: "123456", endUser }),
    ).rejects.toMatchObject(fault("noVerdict"));
    await expect(createProvider().mintGrant({ username: "jane@example.com", endUser })).rejects.toMatchObject(
      fault("noVerdict"),
    );
  });
});

describe("what is sent", () => {
  it("names the end user with checked values and asks for JSON", async () => {
    upstream.behave = json(200, tokenAnswer());
    await createProvider({ url: `${upstream.url}/auth/` }).passwordGrant({
      client: app,
      email: "jane@example.com",
      password: "p w&+",
      endUser: { ipAddress: "2001:db8::7", userAgent: `Agent\r\nx-evil: 1 ü${"x".repeat(600)}` },
    });
    const [request] = upstream.seen;
    expect(request?.path).toBe("/auth/realms/headgate/protocol/openid-connect/token");
    expect(request?.headers).toMatchObject({
      accept: "application/json",
      "x-forwarded-for": "2001:db8::7",
      "x-forwarded-proto": "https",
      "user-agent": `Agent??x-evil: 1 ?${"x".repeat(494)}`,
    });
    expect(request?.headers).not.toHaveProperty("x-evil");
    expect(request?.headers).not.toHaveProperty("authorization");
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      grant_type: "password",
      client_id: app.id,
      client_secret: app.secret,
      username: "jane@example.com",
      password: "p w&+",
      scope: "openid organization",
    });
  });

  it.each([["not an address"], ["203.0.113.7, 10.0.0.1"], ["fe80::1%eth0"], ["203.0.113.7\r\nx-evil: 1"], [""]])(
    "leaves out the address %j",
    async (ipAddress) => {
      upstream.behave = json(200, tokenAnswer());
      await createProvider().passwordGrant({ client: app, email: "a", password: "p", endUser: { ipAddress } });
      expect(upstream.seen[0]?.headers).not.toHaveProperty("x-forwarded-for");
      expect(upstream.seen[0]?.headers).not.toHaveProperty("x-evil");
    },
  );
});
