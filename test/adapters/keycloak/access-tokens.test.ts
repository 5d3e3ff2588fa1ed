import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  adminCall,
  adminClient,
  claimsOf,
  createRealm,
  createUser,
  demoApp,
  issuer,
  keycloakUrl,
  mintClient,
  oidc,
  otpClient,
  realm,
  type TestUser,
} from "../../support/keycloak.ts";
import { createTestProvider } from "./provider.ts";
import { type Behaviour, json, startUpstream } from "./upstream.ts";

/**
 * Threat: a token that this realm did not issue, or issued for something else, opens the bearer endpoints: unsigned, signed
 * with what is public, with a key that the token brings along or points to, of another realm, of another kind, of an ended
 * session. Or tokens with invented key ids make the gateway ask Keycloak for its keys all day.
 */

const { provider } = createTestProvider({ url: keycloakUrl, realm, issuer, adminClient, otpClient, mintClient });
afterAll(() => provider.close());

const settled = () => sleep(150);

async function tokensOf(user: TestUser, scope = "openid") {
  const { email: username, password } = user;
  const { body } = await oidc("token", demoApp, { grant_type: "password", username, password, scope });
  if (!body.access_token) throw new Error(`Expected tokens, got ${JSON.stringify(body)}`);
  return body as { access_token: string; refresh_token: string; id_token: string };
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString("utf8"));

describe("tokens of the real Keycloak", () => {
  it("name user, session, app and address", async () => {
    const user = await createUser();
    const { access_token } = await tokensOf(user);
    expect(await provider.verify(access_token)).toEqual({
      userId: user.userId,
      sessionId: claimsOf(access_token)["sid"],
      azp: demoApp.id,
      email: user.email,
    });
  });

  it("name the address that the user has now", async () => {
    const user = await createUser();
    const { access_token } = await tokensOf(user);
    await adminCall("PUT", `/users/${user.userId}`, { email: `changed-${user.email}` });
    expect(await provider.verify(access_token)).toMatchObject({ email: `changed-${user.email}` });
  });

  it("are good after an exchange too", async () => {
    const user = await createUser();
    const endUser = { ipAddress: "203.0.113.7" };
    const minted = await provider.mintGrant({ username: user.email, endUser });
    if (minted.kind !== "verified") throw new Error(`Expected a subject, got ${minted.kind}`);
    const outcome = await provider.exchange({ client: demoApp, subject: minted.subject, endUser });
    if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
    expect(outcome.tokens.sessionId).toBe(minted.subject.sessionId);
    expect(await provider.verify(outcome.tokens.accessToken)).toMatchObject({
      azp: demoApp.id,
      sessionId: minted.subject.sessionId,
    });
    // The subject token itself is the gateway's own.
    expect(await provider.verify(minted.subject.accessToken)).toBeUndefined();
  });

  it("are refused when they are ID or refresh tokens, or access tokens without the scope openid", async () => {
    const user = await createUser();
    const { id_token, refresh_token } = await tokensOf(user);
    expect(await provider.verify(id_token)).toBeUndefined();
    expect(await provider.verify(refresh_token)).toBeUndefined();
    await settled();
    expect(await provider.verify((await tokensOf(user, "email")).access_token)).toBeUndefined();
  });

  it.each([
    ["its session has ended", (user: TestUser) => provider.endAllSessions(user.userId)],
    ["the user is disabled", (user: TestUser) => adminCall("PUT", `/users/${user.userId}`, { enabled: false })],
    ["the user is deleted", (user: TestUser) => adminCall("DELETE", `/users/${user.userId}`)],
  ])("are refused once %s", async (_when, end) => {
    const user = await createUser();
    const { access_token } = await tokensOf(user);
    expect(await provider.verify(access_token)).toBeDefined();
    await end(user);
    expect(await provider.verify(access_token)).toBeUndefined();
  });

  it("are refused after a logout and live on after a refresh", async () => {
    const user = await createUser();
    const { access_token, refresh_token } = await tokensOf(user);
    const { body } = await oidc("token", demoApp, { grant_type: "refresh_token", refresh_token });
    expect(await provider.verify(access_token)).toBeDefined();
    await provider.logout({ client: demoApp, refreshToken: body.refresh_token });
    expect(await provider.verify(access_token)).toBeUndefined();
    expect(await provider.verify(body.access_token)).toBeUndefined();
  });

  // Threat: whoever holds a token, even one of an ended session, sends it over and over, and each time Keycloak is asked.
  it("are admitted by the caller before their session is looked up, bad ones never", async () => {
    const user = await createUser();
    const { access_token } = await tokensOf(user);
    const admitted: string[] = [];
    const admit = async ({ azp }: { readonly azp: string }) => void admitted.push(azp);
    expect(await provider.verify(access_token, admit)).toBeDefined();
    expect(await provider.verify(`${access_token.slice(0, -8)}AAAAAAAA`, admit)).toBeUndefined();
    expect(admitted).toEqual([demoApp.id]);

    await provider.endAllSessions(user.userId);
    expect(await provider.verify(access_token, admit)).toBeUndefined();
    expect(admitted).toEqual([demoApp.id, demoApp.id]);

    const limited = new Error("limited");
    await expect(provider.verify(access_token, () => Promise.reject(limited))).rejects.toBe(limited);
  });

  it("are refused when a part is changed, cut off or left out", async () => {
    const { access_token } = await tokensOf(await createUser());
    const [header = "", payload = "", signature = ""] = access_token.split(".");
    const claims = claimsOf(access_token);
    for (const forged of [
      `${header}.${encode({ ...claims, sub: randomUUID() })}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      access_token.slice(0, -1),
      access_token.slice(0, 100),
      `${access_token}.`,
      `${access_token}.${signature}`,
      ` ${access_token}`,
      `${access_token}\n`,
      access_token.replace(".", "\n."),
      `${header}.${payload}.${signature.slice(0, 9)} ${signature.slice(9)}`,
      `${header}.${payload}.${signature}==`,
      header,
      "..",
      ".",
      "",
      "\u0000",
      "ü.ü.ü",
      "a".repeat(4096),
      `${header}.${"a".repeat(1_000_000)}.${signature}`,
    ])
      expect([forged.slice(0, 40), await provider.verify(forged)]).toEqual([forged.slice(0, 40), undefined]);
  });

  it("are refused with another algorithm or key in the header, however they are signed", async () => {
    const { access_token } = await tokensOf(await createUser());
    const header = headerOf(access_token);
    const claims = claimsOf(access_token);
    const publishedAt = async (url: string) => JSON.parse(await (await fetch(url)).text());
    const { keys } = await publishedAt(`${issuer}/protocol/openid-connect/certs`);
    const { public_key: publicKey } = await publishedAt(issuer);
    const jwk = keys.find(({ kid }: { kid: string }) => kid === header.kid);
    const certificate = `-----BEGIN CERTIFICATE-----\n${jwk.x5c[0]}\n-----END CERTIFICATE-----\n`;
    const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const ownJwk = { ...own.publicKey.export({ format: "jwk" }), kid: header.kid, alg: "RS256", use: "sig" };
    const hmac = (alg: string, secret: string | Buffer, more: object = {}) => {
      const signed = `${encode({ ...header, ...more, alg })}.${encode(claims)}`;
      return `${signed}.${createHmac(`sha${alg.slice(2)}`, secret)
        .update(signed)
        .digest("base64url")}`;
    };
    const rsa = (more: object) => {
      const signed = `${encode({ ...header, ...more })}.${encode(claims)}`;
      return `${signed}.${sign("sha256", Buffer.from(signed), own.privateKey).toString("base64url")}`;
    };
    const [, payload = "", signature = ""] = access_token.split(".");
    const forged: Record<string, string> = {
      "alg none": `${encode({ ...header, alg: "none" })}.${payload}.`,
      "alg None with the signature": `${encode({ ...header, alg: "None" })}.${payload}.${signature}`,
      "no alg": `${encode({ kid: header.kid, typ: "JWT" })}.${payload}.${signature}`,
      "HS256 with the public key": hmac("HS256", publicKey),
      "HS256 with the certificate": hmac("HS256", certificate),
      "HS256 with the decoded key": hmac("HS256", Buffer.from(publicKey, "base64")),
      "HS512 with an empty key": hmac("HS512", ""),
      "HS256 with the published JWK": hmac("HS256", JSON.stringify(jwk)),
      "another key under this kid": rsa({}),
      "a key in the token": rsa({ jwk: ownJwk }),
      "a key in the token, no kid": rsa({ jwk: ownJwk, kid: undefined }),
      "a key at another address": rsa({ jku: "https://evil.example.com/jwks.json" }),
      "a certificate at another address": rsa({ x5u: "https://evil.example.com/cert.pem" }),
      "a certificate in the token": rsa({ x5c: ["AAAA"] }),
      "a kid that is a path": rsa({ kid: "../../../../dev/null" }),
      "a kid of the prototype": rsa({ kid: "__proto__" }),
      "a kid that is an object": rsa({ kid: { toString: "x" } }),
      "a critical extension": `${encode({ ...header, crit: ["exp"], exp: 1 })}.${payload}.${signature}`,
      "an unencoded payload": `${encode({ ...header, crit: ["b64"], b64: false })}.${payload}.${signature}`,
      PS256: rsa({ alg: "PS256" }),
      ES256: rsa({ alg: "ES256" }),
    };
    const accepted = [];
    for (const [name, token] of Object.entries(forged)) if (await provider.verify(token)) accepted.push(name);
    expect(accepted).toEqual([]);
  });
});

describe("another realm and its keys", () => {
  const user = { username: "jane@example.com", password: randomUUID() };
  let other: Awaited<ReturnType<typeof createRealm>>;
  beforeAll(async () => {
    other = await createRealm({
      users: [
        {
          username: user.username,
          email: user.username,
          firstName: "Jane",
          lastName: "Doe",
          enabled: true,
          credentials: [{ type: "password", value: user.password }],
        },
      ],
    });
  });
  afterAll(() => other.remove());

  async function accessToken(): Promise<string> {
    await settled();
    const parameters = { grant_type: "password", ...user, scope: "openid" };
    return (await oidc("token", other.app, parameters, other.issuer)).body.access_token;
  }
  const addKey = (providerId: string, config: Record<string, string[]>) =>
    other.admin("POST", "/components", {
      name: randomUUID(),
      providerId,
      providerType: "org.keycloak.keys.KeyProvider",
      config: { priority: [String(Date.now())], ...config },
    });

  it("do not count here", async () => {
    expect(await provider.verify(await accessToken())).toBeUndefined();
  });

  it("may be changed: a new key is found, the old one stays good as long as it is published", async () => {
    let now = Date.now();
    const clock = { now: () => now, sleep: () => new Promise<void>(() => {}) };
    const { provider: there } = createTestProvider({ url: keycloakUrl, otpClient, mintClient, ...other, clock });
    const before = await accessToken();
    expect(await there.verify(before)).toMatchObject({ email: user.username, azp: other.app.id });

    await addKey("rsa-generated", { algorithm: ["RS256"] });
    const after = await accessToken();
    expect(headerOf(after).kid).not.toBe(headerOf(before).kid);
    // The keys were read a moment ago, and are not read again for an unknown one before ten seconds have passed.
    expect(await there.verify(after)).toBeUndefined();
    now += 10_000;
    expect(await there.verify(after)).toMatchObject({ email: user.username });
    expect(await there.verify(before)).toMatchObject({ email: user.username });
    await there.close();
  });

  it.each([
    ["PS256", "rsa-generated", { algorithm: ["PS256"] }],
    ["ES256", "ecdsa-generated", {}],
    ["EdDSA", "eddsa-generated", {}],
  ])("may sign with %s, also beside keys that nobody here can use", async (algorithm, providerId, config) => {
    await addKey(providerId, config);
    await addKey("eddsa-generated", { eddsaEllipticCurveKey: ["Ed448"], priority: ["1"] });
    const [app] = await other.admin("GET", `/clients?clientId=${other.app.id}`);
    const attributes = { ...app.attributes, "access.token.signed.response.alg": algorithm };
    await other.admin("PUT", `/clients/${app.id}`, { ...app, attributes });
    const token = await accessToken();
    expect(headerOf(token).alg).toBe(algorithm);
    const { provider: there } = createTestProvider({ url: keycloakUrl, otpClient, mintClient, ...other });
    expect(await there.verify(token)).toMatchObject({ email: user.username });
    await there.close();
  });

  it.each([["RS384"], ["HS256"]])("may not sign with %s", async (algorithm) => {
    const [app] = await other.admin("GET", `/clients?clientId=${other.app.id}`);
    const attributes = { ...app.attributes, "access.token.signed.response.alg": algorithm };
    await other.admin("PUT", `/clients/${app.id}`, { ...app, attributes });
    const token = await accessToken();
    expect(headerOf(token).alg).toBe(algorithm);
    const { provider: there } = createTestProvider({ url: keycloakUrl, otpClient, mintClient, ...other });
    expect(await there.verify(token)).toBeUndefined();
    await there.close();
  });
});

describe("the check before Keycloak is asked", () => {
  const now = { value: Date.UTC(2026, 0, 1) };
  const userId = "0b6f3c52-7c1c-4c44-9d0c-0f3a5b7f6a01";
  const keyPair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publish = (kid: string, key: KeyObject, more: object = {}) => ({
    ...key.export({ format: "jwk" }),
    kid,
    alg: "ES256",
    use: "sig",
    ...more,
  });
  let published: unknown[] = [];
  let certs: Behaviour;
  let userinfo: Behaviour;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let subject: ReturnType<typeof createTestProvider>["provider"];
  let realmIssuer = "";

  beforeAll(async () => {
    upstream = await startUpstream((request, response) =>
      (request.path.endsWith("/certs") ? certs : userinfo)(request, response),
    );
    realmIssuer = `${upstream.url}/realms/${realm}`;
  });
  afterAll(async () => {
    await subject.close();
    await upstream.stop();
  });
  beforeEach(async () => {
    await subject?.close();
    published = [publish("one", keyPair.publicKey)];
    certs = (request, response) => json(200, { keys: published })(request, response);
    userinfo = json(200, { sub: userId, email: "jane@example.com" });
    upstream.seen.length = 0;
    now.value = Date.UTC(2026, 0, 1);
    subject = createTestProvider({
      url: upstream.url,
      realm,
      issuer: realmIssuer,
      adminClient,
      otpClient,
      clock: { now: () => now.value, sleep: () => new Promise(() => {}) },
    }).provider;
  });
  const requests = (endpoint: string) => upstream.seen.filter(({ path }) => path.endsWith(`/${endpoint}`)).length;
  const seconds = () => now.value / 1000;
  function token(claims: object = {}, header: object = {}, key = keyPair.privateKey): string {
    const all = {
      iss: realmIssuer,
      sub: userId,
      sid: "AAAAAAAAAAAAAAAAAAAAAAAA",
      azp: "cca_demo",
      typ: "Bearer",
      iat: seconds(),
      exp: seconds() + 900,
      email: "old@example.com",
      ...claims,
    };
    const signed = `${encode({ alg: "ES256", typ: "JWT", kid: "one", ...header })}.${encode(all)}`;
    const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }

  it("lets a good token through", async () => {
    const claims = { userId, sessionId: "AAAAAAAAAAAAAAAAAAAAAAAA", azp: "cca_demo", email: "jane@example.com" };
    expect(await subject.verify(token())).toEqual(claims);
    expect(await subject.verify(token({}, { typ: "at+jwt" }))).toEqual(claims);
    expect(await subject.verify(token({ iat: seconds() + 10, nbf: seconds() + 10 }))).toEqual(claims);
    expect(requests("certs")).toBe(1);
  });

  it.each<[string, object, object?]>([
    ["an ID token", { typ: "ID" }],
    ["a refresh token", { typ: "Refresh" }],
    ["an offline token", { typ: "Offline" }],
    ["a logout token", { typ: "Logout" }],
    ["no type", { typ: undefined }],
    ["a type that is a list", { typ: ["Bearer"] }],
    ["another issuer", { iss: "https://evil.example.com/realms/headgate" }],
    ["an issuer that begins like ours", { iss: `${keycloakUrl}/realms/${realm}/` }],
    ["no issuer", { iss: undefined }],
    ["no app", { azp: undefined }],
    ["an app that is a list", { azp: ["cca_demo"] }],
    ["the gateway's own OTP client", { azp: otpClient.id }],
    ["the gateway's own mint client", { azp: "headless-mint" }],
    ["the gateway's service account", { azp: adminClient.id }],
    ["no user", { sub: undefined }],
    ["a user that is no UUID", { sub: "../users" }],
    ["no session", { sid: undefined }],
    ["a session that is a path", { sid: "../../sessions/AAAAAAAAAAAAAAAAAAAA" }],
    ["no end", { exp: undefined }],
    ["an end in the past", { exp: Date.UTC(2026, 0, 1) / 1000 - 11 }],
    ["an end that is a text", { exp: "9999999999" }],
    ["no beginning", { iat: undefined }],
    ["a beginning in the future", { iat: Date.UTC(2026, 0, 1) / 1000 + 11 }],
    ["a day that has not come", { nbf: Date.UTC(2026, 0, 1) / 1000 + 11 }],
    ["a key that only its holder can prove", { cnf: { jkt: "AAAA" } }],
    ["no header type", {}, { typ: undefined }],
    ["another header type", {}, { typ: "logout+jwt" }],
    ["a critical extension", {}, { crit: ["x"], x: 1 }],
    ["an algorithm that is not its key's", {}, { alg: "ES384" }],
    ["no key id", {}, { kid: undefined }],
    ["an unknown key id", {}, { kid: "two" }],
  ])("refuses %s, signed by the realm's own key, and does not ask Keycloak", async (_what, claims, header) => {
    expect(await subject.verify(token(claims, header))).toBeUndefined();
    expect(requests("userinfo")).toBe(0);
  });

  it("believes only published signing keys of a known algorithm", async () => {
    const mac = Buffer.from("secret");
    published = [
      publish("encryption", keyPair.publicKey, { use: "enc" }),
      publish("other algorithm", keyPair.publicKey, { alg: "RS256" }),
      publish("no algorithm", keyPair.publicKey, { alg: undefined }),
      publish("private", keyPair.privateKey),
      { kty: "oct", k: mac.toString("base64url"), kid: "secret", alg: "HS256", use: "sig" },
      { kty: "oct", k: mac.toString("base64url"), kid: "disguised", alg: "ES256", use: "sig" },
      "garbage",
      null,
      publish("one", keyPair.publicKey),
    ];
    for (const kid of ["encryption", "other algorithm", "no algorithm", "private", "secret", "disguised"])
      expect([kid, await subject.verify(token({}, { kid }))]).toEqual([kid, undefined]);
    const signed = `${encode({ alg: "HS256", typ: "JWT", kid: "secret" })}.${token().split(".")[1]}`;
    const hmac = createHmac("sha256", mac).update(signed).digest("base64url");
    expect(await subject.verify(`${signed}.${hmac}`)).toBeUndefined();
    expect(requests("userinfo")).toBe(0);
    expect(await subject.verify(token())).toBeDefined();
  });

  it("reads the keys once for many, and once in ten seconds for any number of unknown ids", async () => {
    await Promise.all(Array.from({ length: 20 }, () => subject.verify(token())));
    expect(requests("certs")).toBe(1);
    for (let id = 0; id < 50; id += 1) await subject.verify(token({}, { kid: `invented-${id}` }));
    now.value += 9_999;
    await subject.verify(token({}, { kid: "invented" }));
    expect(requests("certs")).toBe(1);
    now.value += 1;
    await Promise.all(Array.from({ length: 50 }, (_, id) => subject.verify(token({}, { kid: `invented-${id}` }))));
    expect(requests("certs")).toBe(2);
    expect(await subject.verify(token())).toBeDefined();
  });

  it("forgets a key that is no longer published within five minutes, and when the clock is set back", async () => {
    expect(await subject.verify(token())).toBeDefined();
    published = [publish("two", generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)];
    now.value += 299_999;
    expect(await subject.verify(token())).toBeDefined();
    now.value += 1;
    expect(await subject.verify(token())).toBeUndefined();
    published = [publish("one", keyPair.publicKey)];
    now.value -= 86_400_000;
    expect(await subject.verify(token())).toBeDefined();
    expect(requests("certs")).toBe(3);
  });

  it.each<[string, Behaviour]>([
    ["500", json(500, {})],
    ["a missing realm", json(404, { error: "Realm does not exist" })],
    ["no list", json(200, { keys: {} })],
    ["a lost connection", (_request, response) => response.destroy()],
  ])("is a fault while the keys cannot be had (%s), and works again afterwards", async (_case, wrong) => {
    certs = wrong;
    await expect(subject.verify(token())).rejects.toMatchObject({ name: "UpstreamUnavailable" });
    certs = (request, response) => json(200, { keys: published })(request, response);
    expect(await subject.verify(token())).toBeDefined();
  });

  const challenge =
    (status: number, value: string): Behaviour =>
    (_request, response) =>
      response.writeHead(status, { "www-authenticate": value, "content-length": "0" }).end();

  it.each<[string, Behaviour]>([
    ["invalid_token", challenge(401, 'Bearer realm="headgate", error="invalid_token", error_description="x"')],
    ["insufficient_scope", challenge(403, 'Bearer realm="headgate", error="insufficient_scope"')],
  ])("refuses what Keycloak's userinfo refuses: %s", async (_error, refusal) => {
    userinfo = refusal;
    expect(await subject.verify(token())).toBeUndefined();
  });

  // Threat: an outage logs everybody out, or an answer for somebody else opens an account.
  it.each<[string, Behaviour]>([
    ["a 401 that says nothing of the token", json(401, { error: "invalid_token" })],
    ["a 401 of a proxy", challenge(401, 'Basic realm="error=invalid_token"')],
    ["a refusal of plain HTTP", json(403, { error: "invalid_request", error_description: "HTTPS required" })],
    ["500", json(500, {})],
    ["429", json(429, {})],
    ["no JSON", (_request, response) => response.writeHead(200, { "content-type": "application/jwt" }).end("a.b.c")],
    ["another user", json(200, { sub: "0b6f3c52-7c1c-4c44-9d0c-0f3a5b7f6a02", email: "eve@example.com" })],
    ["no user", json(200, { email: "jane@example.com" })],
  ])("takes %s for a fault", async (_case, answer) => {
    userinfo = answer;
    await expect(subject.verify(token())).rejects.toMatchObject({ name: "UpstreamUnavailable", fate: "noVerdict" });
  });

  it("says of a token that Keycloak gave whether it still takes it, or that this cannot be found out", async () => {
    expect(await subject.isLive(token())).toBe(true);
    userinfo = challenge(401, 'Bearer realm="headgate", error="invalid_token"');
    expect(await subject.isLive(token())).toBe(false);
    userinfo = json(500, {});
    await expect(subject.isLive(token())).rejects.toMatchObject({ name: "UpstreamUnavailable" });
    expect(requests("certs")).toBe(0);
  });

  it("falls back on the token's address, and does not go without one", async () => {
    userinfo = json(200, { sub: userId });
    expect(await subject.verify(token())).toMatchObject({ email: "old@example.com" });
    await expect(subject.verify(token({ email: undefined }))).rejects.toMatchObject({ fate: "noVerdict" });
  });

  it("never fails in another way on garbage", async () => {
    const good = token();
    for (let position = 0; position < good.length - 1; position += 3) {
      const letter = good[position] === "A" ? "B" : "A";
      const changed = good.slice(0, position) + letter + good.slice(position + 1);
      expect([position, await subject.verify(changed)]).toEqual([position, undefined]);
    }
    expect(requests("userinfo")).toBe(0);
  });
});
