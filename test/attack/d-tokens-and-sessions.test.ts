import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign,
} from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { type CountingProxy, type SeenCall, startCountingProxy } from "../support/counting-proxy.ts";
import { callAs } from "../support/enrolment.ts";
import { report, sized } from "../support/figures.ts";
import type { TestGateway } from "../support/gateway.ts";
import { type Instances, startInstances } from "../support/instances.ts";
import {
  adminCall,
  claimsOf,
  createRealm,
  createUser,
  demoApp,
  issuer,
  keycloakUrl,
  oidc,
  otpClient,
  secondApp,
  sessionsOf,
  type TestRealm,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { linkIn } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { until } from "../support/redis.ts";

let proxy: CountingProxy;
let instances: Instances;
beforeAll(async () => {
  proxy = await startCountingProxy(keycloakUrl);
  instances = await startInstances(3, {
    HEADGATE_KEYCLOAK_URL: proxy.url,
    HEADGATE_KEYCLOAK_ISSUER: issuer,
    HEADGATE_LIMIT_CLIENT: "100000/60",
    HEADGATE_LIMIT_ADDRESS: "100000/60",
  });
});
afterAll(async () => {
  await instances?.stop();
  await proxy?.close();
});
beforeEach(async () => {
  // The worker looks users up too.
  await untilMailIsDone(instances.redis);
  proxy.reset();
});

const at = (index: number) => instances.at(index);
const callsTo = (end: string, method = "GET") =>
  proxy.calls.filter((call) => call.method === method && call.path.endsWith(end)).length;

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
}
async function tokensOf({ email, password }: TestUser, app = demoApp): Promise<Tokens> {
  const { status, body } = await callApi(at(0), "/login", { body: { email, password }, app });
  expect([status, body.mfaRequired]).toEqual([200, undefined]);
  return body;
}
const refresh = (refreshToken: string, index = 0, app = demoApp) =>
  callApi(at(index), "/refresh", { body: { refreshToken }, app });
const logout = (refreshToken: string, index = 0) => callApi(at(index), "/logout", { body: { refreshToken } });
const sessionOf = ({ accessToken }: Pick<Tokens, "accessToken">) => String(claimsOf(accessToken)["sid"]);
const revoke = (id: string, { userId }: Pick<TestUser, "userId">, app = demoApp) =>
  callApi(at(1), `/sessions/${id}?userId=${userId}`, { method: "DELETE", app });

/** What sets a new password by the link of a mail. */
async function newPasswordFor({ email }: TestUser) {
  await callApi(at(1), "/password/reset-send", { body: { email } });
  const { token } = linkIn(await instances.mailbox.waitFor(email, /\?token=/));
  return { token, newPassword: `new password ${randomUUID()}` };
}

async function resetPassword(user: TestUser): Promise<void> {
  const body = await newPasswordFor(user);
  expect((await callApi(at(1), "/password/reset-confirm", { body })).status).toBe(200);
}

const bearerCalls = [
  ["GET", "/mfa/status", undefined],
  ["POST", "/mfa/enroll", {}],
  ["POST", "/mfa/enroll/confirm", { code: "123456" }],
  ["POST", "/mfa/disable", { code: "123456" }],
  ["GET", "/mfa/backup-codes", undefined],
  ["POST", "/mfa/backup-codes", { code: "123456" }],
] as const;

function expectInvalidToken({ status, body, headers }: ApiAnswer, what = ""): void {
  expect([what, status, body.code]).toEqual([what, 401, "INVALID_TOKEN"]);
  expect(headers.get("www-authenticate")).toContain('error="invalid_token"');
}
const expectRefused = (answer: ApiAnswer) => expect(tally([answer])).toEqual({ "401 TOKEN_EXPIRED": 1 });

/** Every operation that takes an access token refuses this one, whatever is given. */
async function expectRefusedEverywhere(token: string, gateway?: TestGateway): Promise<void> {
  for (const [index, [, path, body]] of bearerCalls.entries())
    expectInvalidToken(await callAs(token, gateway ?? at(index), path, body), path);
}

// Threat: a stolen access token goes on working for its quarter of an hour after its user has thrown the thief out.
describe("an access token ends with its session, at every operation", () => {
  test("after logout", async () => {
    const { accessToken, refreshToken } = await tokensOf(await createUser());
    for (const index of [0, 1, 2]) expect((await callAs(accessToken, at(index), "/mfa/status")).status).toBe(200);
    expect((await logout(refreshToken, 1)).status).toBe(200);
    await expectRefusedEverywhere(accessToken);
  });

  test("after its session was revoked, while another session of the user lives on", async () => {
    const user = await createUser();
    const [doomed, other] = [await tokensOf(user), await tokensOf(user)];
    expect((await revoke(sessionOf(doomed), user)).status).toBe(200);
    await expectRefusedEverywhere(doomed.accessToken);
    expect((await callAs(other.accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  test("after all sessions were revoked, and after a password reset", async () => {
    const [revoked, reset] = [await createUser(), await createUser()];
    const tokens = [await tokensOf(revoked), await tokensOf(reset)];
    const answer = await callApi(at(1), `/sessions?userId=${revoked.userId}`, { method: "DELETE" });
    expect(answer.body).toEqual({ revoked: 1 });
    await resetPassword(reset);
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

// Threat: a token for something else, signed by the same Keycloak, is taken for an access token of an app (RFC 8725, sections 2.7
// and 2.8).
describe("what is no access token of an app is refused everywhere", () => {
  test("a refresh token and an ID token", async () => {
    const { refreshToken, idToken } = await tokensOf(await createUser());
    await expectRefusedEverywhere(refreshToken);
    await expectRefusedEverywhere(idToken);
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
    expect(callsTo("/userinfo")).toBe(0);
  });

  // Threat: any client of the realm, such as one that anybody may register, gets at the second factors of this gateway's users.
  test("one of a client that is no app of this gateway", async () => {
    const { accessToken } = await tokensOf(await createUser(), secondApp);
    const dir = await mkdtemp(join(tmpdir(), "headgate-apps-"));
    const appsFile = join(dir, "apps.json");
    await writeFile(appsFile, JSON.stringify({ apps: [{ id: demoApp.id }] }));
    const narrow = await instances.add({ HEADGATE_APPS_FILE: appsFile });
    await expectRefusedEverywhere(accessToken, narrow);
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
    await narrow.stop();
    await rm(dir, { recursive: true });
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

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString("utf8"));
const newKeys = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
function signed(header: object, claims: object, key: KeyObject): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** A realm whose signing key the test holds, with a gateway of its own. */
interface OwnRealm {
  readonly realm: TestRealm;
  readonly gateway: TestGateway;
  /** The header and claims of a fresh access token of a live session, which are good when signed with `key`. */
  newToken(): Promise<{ token: string; header: { kid: string }; claims: Record<string, unknown>; idToken: string }>;
  readonly key: KeyObject;
  /** Makes Keycloak sign with a new key. */
  addKey(key: KeyObject): Promise<{ readonly withdraw: () => Promise<unknown> }>;
  remove(): Promise<void>;
}

async function startOwnRealm(): Promise<OwnRealm> {
  const realm = await createRealm();
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
  let priority = 1000;
  const addKey: OwnRealm["addKey"] = async (privateKey) => {
    const location: string = await realm.admin("POST", "/components", {
      name: randomUUID(),
      providerId: "rsa",
      providerType: "org.keycloak.keys.KeyProvider",
      config: {
        priority: [String(priority++)],
        algorithm: ["RS256"],
        privateKey: [privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
      },
    });
    return { withdraw: () => realm.admin("DELETE", `/components/${location.slice(location.lastIndexOf("/") + 1)}`) };
  };
  const { privateKey: key } = newKeys();
  await addKey(key);
  const dir = await mkdtemp(join(tmpdir(), "headgate-realm-"));
  const appsFile = join(dir, "apps.json");
  await writeFile(appsFile, JSON.stringify({ apps: [{ id: realm.app.id }] }));
  const gateway = await instances.add({
    HEADGATE_APPS_FILE: appsFile,
    HEADGATE_KEYCLOAK_REALM: realm.realm,
    HEADGATE_KEYCLOAK_ISSUER: realm.issuer,
    HEADGATE_KEYCLOAK_CLIENT_ID: realm.adminClient.id,
    HEADGATE_KEYCLOAK_CLIENT_SECRET: realm.adminClient.secret,
  });
  return {
    realm,
    gateway,
    key,
    addKey,
    async newToken() {
      const grant = { grant_type: "password", username, password, scope: "openid" };
      const { status, body } = await oidc("token", realm.app, grant, realm.issuer);
      expect(status).toBe(200);
      const token: string = body.access_token;
      return { token, header: headerOf(token), claims: claimsOf(token), idToken: body.id_token };
    },
    async remove() {
      await gateway.stop();
      await realm.remove();
      await rm(dir, { recursive: true });
    },
  };
}

describe("tokens that the realm's key has not signed, or not for this", () => {
  let own: OwnRealm;
  let evilSite: Server;
  let evilUrl: string;
  let visits: string[] = [];
  const evil = newKeys();
  const evilJwk = { ...evil.publicKey.export({ format: "jwk" }), kid: "evil", alg: "RS256", use: "sig" };
  beforeAll(async () => {
    own = await startOwnRealm();
    evilSite = createServer((request, response) => {
      visits.push(request.url ?? "");
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [evilJwk] }));
    }).listen(0, "127.0.0.1");
    await once(evilSite, "listening");
    evilUrl = `http://127.0.0.1:${(evilSite.address() as AddressInfo).port}/jwks.json`;
  });
  afterAll(async () => {
    evilSite?.close();
    await own?.remove();
  });
  beforeEach(() => {
    visits = [];
  });
  const statusWith = (token: string) => callAs(token, own.gateway, "/mfa/status");

  /** The gateway refuses these by itself: it is no matter of what Keycloak would have said. */
  async function expectAllRefused(forged: Readonly<Record<string, string>>): Promise<void> {
    proxy.reset();
    for (const [what, token] of Object.entries(forged)) expectInvalidToken(await statusWith(token), what);
    expect(callsTo("/userinfo")).toBe(0);
    expect(visits).toEqual([]);
  }

  // Threat: no signature, or one made with what everybody can read (CVE-2015-9235, CVE-2022-23540), or one of zeros
  // (CVE-2022-21449).
  test("unsigned, or signed with the public key as a secret", async () => {
    const { token, header, claims } = await own.newToken();
    expect((await statusWith(token)).status).toBe(200);
    const { kid } = header;
    const [, payload = "", signature = ""] = token.split(".");
    const victim = base64url({ ...claims, sub: randomUUID() });
    const published = createPublicKey(own.key);
    const pem = published.export({ type: "spki", format: "pem" }).toString();
    const jwk = published.export({ format: "jwk" });
    const mac = (secret: string | Buffer, algorithm = "HS256") => {
      const input = `${base64url({ alg: algorithm, typ: "JWT", kid })}.${payload}`;
      return `${input}.${createHmac(algorithm.replace("HS", "sha"), secret).update(input).digest("base64url")}`;
    };
    const zeros = (bytes: number) => Buffer.alloc(bytes).toString("base64url");
    const none = (alg: string, more: object = {}) => base64url({ alg, typ: "JWT", kid, ...more });
    const forged: Record<string, string> = {
      "other claims": `${base64url(header)}.${victim}.${signature}`,
      "half a signature": token.slice(0, -2),
      "no signature": `${base64url(header)}.${payload}.`,
      "two parts": `${base64url(header)}.${payload}`,
      "none with the signature": `${none("none")}.${payload}.${signature}`,
      "none without kid": `${none("none", { kid: undefined })}.${payload}.`,
      "no algorithm": `${base64url({ typ: "JWT", kid })}.${payload}.${signature}`,
      "zeros for RS256": `${base64url(header)}.${payload}.${zeros(256)}`,
      "zeros for ES256": `${none("ES256")}.${payload}.${zeros(64)}`,
      "zeros for EdDSA": `${none("EdDSA")}.${payload}.${zeros(64)}`,
      "HS256 with the key as PEM": mac(pem),
      "HS256 with the key as PEM, trimmed": mac(pem.trim()),
      "HS256 with the key as DER": mac(published.export({ type: "spki", format: "der" })),
      "HS256 with the key as PKCS 1": mac(published.export({ type: "pkcs1", format: "pem" }).toString()),
      "HS256 with the key as JSON": mac(JSON.stringify(jwk)),
      "HS256 with the modulus": mac(String(jwk.n)),
      "HS256 with the modulus as bytes": mac(Buffer.from(String(jwk.n), "base64url")),
      "HS256 with nothing": mac(""),
      "HS384 with the key as PEM": mac(pem, "HS384"),
      "HS512 with the key as PEM": mac(pem, "HS512"),
    };
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) forged[`"${alg}"`] = `${none(alg)}.${payload}.`;
    await expectAllRefused(forged);
    await expectRefusedEverywhere(forged['"none"'] ?? "", own.gateway);
    expect((await statusWith(token)).status).toBe(200);
  });

  // Threat: a token brings its key along or says where to get it (CVE-2018-0114), or its key id is a path, a query or an address
  // that the gateway follows.
  test("signed with a key that the token brings along, points to or names", async () => {
    const { token, header, claims } = await own.newToken();
    const { kid } = header;
    const by = (more: object, key = evil.privateKey) => signed({ alg: "RS256", typ: "JWT", ...more }, claims, key);
    const certificate = createPublicKey(evil.privateKey).export({ type: "spki", format: "der" }).toString("base64");
    const kids = [
      "evil",
      "",
      "../../../../../../dev/null",
      "/dev/null",
      "..%2f..%2fcerts",
      `${kid}/../evil`,
      "' UNION SELECT 'AAAA' -- ",
      `${kid}' OR '1'='1`,
      evilUrl,
      "__proto__",
      "constructor",
      "$(id)",
      `${kid}\u0000`,
      ` ${kid}`,
      "x".repeat(1000),
    ];
    const forged: Record<string, string> = {
      "another key under this kid": by({ kid }),
      "no kid": by({}),
      "a number for a kid": by({ kid: 0 }),
      "an object for a kid": by({ kid: { $ne: "" } }),
      "a list for a kid": by({ kid: [kid] }),
      "jwk under this kid": by({ kid, jwk: evilJwk }),
      "jwk under its kid": by({ kid: "evil", jwk: evilJwk }),
      "jwk alone": by({ jwk: evilJwk }),
      "jku under this kid": by({ kid, jku: evilUrl }),
      "jku under its kid": by({ kid: "evil", jku: evilUrl }),
      x5u: by({ kid, x5u: evilUrl }),
      "x5u alone": by({ x5u: evilUrl }),
      x5c: by({ kid, x5c: [certificate] }),
      "x5c alone": by({ x5c: [certificate] }),
    };
    for (const name of kids) forged[`kid ${JSON.stringify(name.slice(0, 40))}`] = by({ kid: name });
    await expectAllRefused(forged);
    // What a header says of keys does not make a good token bad, and nobody goes there.
    const harmless = by({ kid, jku: evilUrl, x5u: evilUrl, jwk: evilJwk }, own.key);
    expect((await statusWith(harmless)).status).toBe(200);
    expect((await statusWith(token)).status).toBe(200);
    expect(visits).toEqual([]);
  });

  // Threat: a header says what must be understood, and the token is taken by somebody who does not (CVE-2025-59420).
  test("with a critical extension", async () => {
    const { header, claims } = await own.newToken();
    const by = (more: object) => signed({ ...header, ...more }, claims, own.key);
    expect((await statusWith(by({}))).status).toBe(200);
    const payload = JSON.stringify(claims);
    const b64 = `${base64url({ ...header, b64: false, crit: ["b64"] })}.`;
    const detached = sign("sha256", Buffer.from(`${b64}${payload}`), own.key).toString("base64url");
    await expectAllRefused({
      unknown: by({ crit: ["x-policy"], "x-policy": "mfa" }),
      "known name": by({ crit: ["exp"], exp: 1 }),
      "b64 false": by({ crit: ["b64"], b64: false }),
      "b64 false, rightly signed": `${b64}${base64url(claims)}.${detached}`,
      "not there": by({ crit: ["x-policy"] }),
      empty: by({ crit: [] }),
      "no list": by({ crit: "x-policy", "x-policy": 1 }),
    });
  });

  // Threat: a token that the realm has signed for another purpose, another issuer's name or another client is taken for an access
  // token (RFC 8725, sections 3.8 to 3.12).
  test("signed by the realm for something else", async () => {
    const { header, claims, idToken } = await own.newToken();
    const by = (more: object, headers: object = {}) =>
      signed({ ...header, ...headers }, { ...claims, ...more }, own.key);
    expect((await statusWith(by({}))).status).toBe(200);
    const now = Math.floor(Date.now() / 1000);
    const without = (name: string) => ({ [name]: undefined });
    const realmPath = `/realms/${own.realm.realm}`;
    await expectAllRefused({
      "an ID token": idToken,
      "typ ID": by({ typ: "ID" }),
      "typ Refresh": by({ typ: "Refresh" }),
      "typ Offline": by({ typ: "Offline" }),
      "typ Logout": by({ typ: "Logout" }),
      "typ in small letters": by({ typ: "bearer" }),
      "no typ": by(without("typ")),
      "header typ of another kind": by({}, { typ: "logout+jwt" }),
      "no header typ": by({}, without("typ")),
      "another iss": by({ iss: "https://evil.example.com/realms/x" }),
      "the iss of another realm": by({ iss: issuer }),
      "an iss that begins like ours": by({ iss: `${own.realm.issuer}/` }),
      "our iss by another name": by({ iss: `${proxy.url}${realmPath}` }),
      "a list of iss": by({ iss: [own.realm.issuer] }),
      "no iss": by(without("iss")),
      "azp of no app": by({ azp: "account-console" }),
      "azp of the gateway itself": by({ azp: own.realm.adminClient.id }),
      "azp of the OTP client": by({ azp: otpClient.id }),
      "a list of azp": by({ azp: [own.realm.app.id] }),
      "no azp": by(without("azp")),
      "no sub": by(without("sub")),
      "a path for a sub": by({ sub: `../users/${claims["sub"]}` }),
      "no sid": by(without("sid")),
      "a path for a sid": by({ sid: "../../users/AAAAAAAAAAAAAAAAAAAA" }),
      "bound to a key": by({ cnf: { jkt: "AAAA" } }),
      expired: by({ exp: now - 60 }),
      "no exp": by(without("exp")),
      "exp as a text": by({ exp: String(now + 600) }),
      "not yet valid": by({ nbf: now + 600 }),
      "issued in the future": by({ iat: now + 600 }),
      "no iat": by(without("iat")),
    });
  });

  // Threat: whoever runs a realm of their own on the same Keycloak makes tokens for the users of this one.
  test("of another realm on the same Keycloak", async () => {
    const { token } = await own.newToken();
    expect((await statusWith(token)).status).toBe(200);
    proxy.reset();
    await expectRefusedEverywhere(token);
    const user = await createUser();
    const { accessToken } = await tokensOf(user);
    // The other realm's own key under this realm's names, and the other way round.
    const forged = signed({ ...headerOf(token) }, claimsOf(accessToken), own.key);
    await expectRefusedEverywhere(forged);
    await expectRefusedEverywhere(signed(headerOf(accessToken), claimsOf(accessToken), own.key));
    expect(callsTo("/userinfo")).toBe(0);
    await expectRefusedEverywhere(accessToken, own.gateway);
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  test("by a public key of this realm, tampered with", async () => {
    const user = await createUser();
    const { accessToken } = await tokensOf(user);
    const victim = await createUser();
    const jwks = (await (await fetch(`${issuer}/protocol/openid-connect/certs`)).json()) as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const [header = "", , signature = ""] = accessToken.split(".");
    const key = jwks.keys.find(({ kid }) => kid === headerOf(accessToken).kid);
    if (key === undefined) throw new Error("The realm does not show the key of its token");
    const pem = createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" });
    const claims = base64url({ ...claimsOf(accessToken), sub: victim.userId });
    const input = `${base64url({ alg: "HS256", typ: "JWT", kid: key.kid })}.${claims}`;
    const hmac = createHmac("sha256", pem).update(input).digest("base64url");
    for (const forged of [
      `${header}.${claims}.${signature}`,
      `${base64url({ alg: "none", typ: "JWT" })}.${claims}.`,
      `${input}.${hmac}`,
    ])
      await expectRefusedEverywhere(forged);
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  // Threat: tokens with invented key ids make the gateway ask Keycloak for its keys all day, and honest users wait behind them.
  test("a flood of unknown key ids asks Keycloak for its keys once in ten seconds, and honest tokens pass", async (context) => {
    const { token, claims } = await own.newToken();
    expect((await statusWith(token)).status).toBe(200);
    proxy.reset();
    const count = sized(400, 4000);
    const beganAt = performance.now();
    const answers: ApiAnswer[] = [];
    const honest: number[] = [];
    while (answers.length < count) {
      const batch = Array.from({ length: 40 }, (_, index) => {
        const header = { alg: "RS256", typ: "JWT", kid: `${randomUUID()}-${index}` };
        // Signed ones cost the sender more, and the gateway no more than others.
        return index === 0
          ? signed(header, claims, evil.privateKey)
          : `${base64url(header)}.${base64url(claims)}.${"A".repeat(342)}`;
      });
      answers.push(...(await Promise.all(batch.map(statusWith))));
      honest.push((await statusWith(token)).status);
    }
    const seconds = (performance.now() - beganAt) / 1000;
    const reads = callsTo("/certs");
    expect(tally(answers)).toEqual({ "401 INVALID_TOKEN": count });
    expect(new Set(honest)).toEqual(new Set([200]));
    expect(reads).toBeLessThanOrEqual(1 + Math.floor(seconds / 10));
    expect(callsTo("/userinfo")).toBe(honest.length);
    report(context, `${count} tokens with invented key ids in ${seconds.toFixed(1)} s: ${reads} reads of the keys`);
  });

  // Threat: a rotation logs everybody out, or a key that was withdrawn because it leaked goes on opening accounts.
  test("keys that are rotated: the new one is found by itself, a withdrawn one is void at once", async () => {
    const rotated = newKeys();
    const { withdraw } = await own.addKey(rotated.privateKey);
    const former = await own.newToken();
    expect((await statusWith(former.token)).status).toBeOneOf([200, 401]);
    await until(async () => (await statusWith(former.token)).status === 200);

    await own.addKey(newKeys().privateKey);
    const { token, header } = await own.newToken();
    expect(header.kid).not.toBe(former.header.kid);
    // The gateway has read the keys within the last ten seconds, and may refuse the new one until they are over.
    await until(async () => (await statusWith(token)).status === 200);
    expect((await statusWith(former.token)).status).toBe(200);

    await withdraw();
    expectInvalidToken(await statusWith(former.token), "signed before");
    const late = signed(former.header, { ...former.claims, jti: randomUUID() }, rotated.privateKey);
    expectInvalidToken(await statusWith(late), "signed since");
    expect((await statusWith(token)).status).toBe(200);
  });
});

describe("refresh tokens", () => {
  // Threat: parallel refreshes of an honest client look like a stolen token and end its session (Keycloak CVE-2026-1035).
  test("refreshed in parallel over the instances give one new token set, and the session lives on", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const count = sized(21, 60);
    const answers = await instances.race(count, (_, index) => refresh(tokens.refreshToken, index));
    expect(tally(answers)).toEqual({ "200": count });
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(proxy.calls.filter(({ form }) => form.get("grant_type") === "refresh_token")).toHaveLength(1);
    expect((await refresh(tokens.refreshToken, 1)).body).toEqual(answers[0]?.body);
    expect((await refresh(answers[0]?.body.refreshToken, 2)).status).toBe(200);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Threat: a thief refreshes beside the owner for as long as the session lives (RFC 9700, section 4.14.2).
  test("used again after ten seconds end their family: old and new tokens, at every instance", async () => {
    const users = [await createUser(), await createUser(), await createUser()] as const;
    const families: Tokens[][] = [];
    for (const user of users) families.push([await tokensOf(user)]);
    for (const index of [0, 1]) {
      // Keycloak tells older tokens from newer ones by whole seconds.
      await sleep(1100);
      for (const family of families) family.push((await refresh(family.at(-1)?.refreshToken ?? "", index)).body);
    }
    const [[first], [, second], [, used, newest]] = families as [[Tokens], [Tokens, Tokens], [Tokens, Tokens, Tokens]];
    await sleep(10_500);

    // The oldest one, the one before the newest, and that one at the same moment as the newest.
    expectRefused(await refresh(first.refreshToken, 1));
    expectRefused(await refresh(second.refreshToken, 2));
    const [reused, renewed] = await Promise.all([refresh(used.refreshToken, 0), refresh(newest.refreshToken, 1)]);
    expectRefused(reused);
    if (renewed.status === 200) families[2]?.push(renewed.body);
    for (const family of families) {
      for (const { refreshToken } of family.slice(-2)) expectRefused(await refresh(refreshToken, 2));
      for (const { accessToken } of family) expectInvalidToken(await callAs(accessToken, at(0), "/mfa/status"));
    }
    for (const { userId } of users) {
      expect((await callApi(at(0), `/sessions?userId=${userId}`)).body).toEqual({ sessions: [] });
    }
  });

  const ends: Readonly<Record<string, (user: TestUser, newest: Tokens) => Promise<unknown>>> = {
    "a logout": async (_user, { refreshToken }) => expect((await logout(refreshToken, 1)).status).toBe(200),
    "a logout with a token that was rotated away": async (_user, { refreshToken }) => {
      await refresh(refreshToken, 1);
      expectRefused(await logout(refreshToken, 2));
    },
    "the revocation of the session": async (user, newest) =>
      expect((await revoke(sessionOf(newest), user)).status).toBe(200),
    "the revocation of all sessions": async ({ userId }) =>
      expect((await callApi(at(2), `/sessions?userId=${userId}`, { method: "DELETE" })).body).toEqual({ revoked: 1 }),
    "a password reset": (user) => resetPassword(user),
    "the disabling of the user": ({ userId }) => adminCall("PUT", `/users/${userId}`, { enabled: false }),
    "the deletion of the user": ({ userId }) => adminCall("DELETE", `/users/${userId}`),
  };

  // Threat: a session that its user has ended goes on by a refresh token that was stolen before; the answer to a lost one, kept for
  // ten seconds, must not outlive the session either.
  test.each(Object.keys(ends))("are void after %s, the one that was just used included", async (end) => {
    const user = await createUser();
    const [first, other] = [await tokensOf(user), await tokensOf(await createUser())];
    const newest: Tokens = (await refresh(first.refreshToken)).body;
    expect((await refresh(first.refreshToken, 1)).body).toEqual(newest);
    await ends[end]?.(user, newest);
    const answers = [
      await refresh(first.refreshToken, 1),
      await refresh(newest.refreshToken, 2),
      await refresh(first.refreshToken, 0),
      await logout(newest.refreshToken),
    ];
    expect(tally(answers)).toEqual({ "401 TOKEN_EXPIRED": answers.length });
    expectInvalidToken(await callAs(newest.accessToken, at(0), "/mfa/status"));
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  /** What ends all sessions of a user, ready to be done at once. */
  const endings: Readonly<
    Record<string, (user: TestUser, firsts: readonly Tokens[]) => Promise<() => Promise<unknown>>>
  > = {
    // A token may have been rotated away by then; its session ends all the same.
    logouts: async (_user, firsts) => async () => {
      const answers = await Promise.all(firsts.map(({ refreshToken }, index) => logout(refreshToken, index)));
      for (const { status } of answers) expect([200, 401]).toContain(status);
    },
    "the revocation of each session": async (user, firsts) => async () => {
      const answers = await Promise.all(firsts.map((first) => revoke(sessionOf(first), user)));
      expect(tally(answers)).toEqual({ "200": firsts.length });
    },
    "the revocation of all sessions":
      async ({ userId }) =>
      async () =>
        expect((await callApi(at(1), `/sessions?userId=${userId}`, { method: "DELETE" })).status).toBe(200),
    "a password reset": async (user) => {
      const body = await newPasswordFor(user);
      return async () => expect((await callApi(at(1), "/password/reset-confirm", { body })).status).toBe(200);
    },
  };

  /** Refreshes at all instances, one token after the other, until it is refused, or for some turns after the end. */
  async function refreshOn(first: Tokens, ended: () => boolean): Promise<readonly Tokens[]> {
    const given = [first];
    for (let turn = 0, after = 0; after < 5; turn++) {
      if (ended()) after++;
      const answer = await refresh(given.at(-1)?.refreshToken ?? "", turn);
      if (answer.status !== 200) {
        expectRefused(answer);
        break;
      }
      given.push(answer.body);
    }
    return given;
  }

  /** Resolves when what ends the session is on its way to Keycloak, where it comes a little later. */
  function endingOf(first: Tokens, { userId }: TestUser): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const paths = [`/users/${userId}/logout`, `/sessions/${sessionOf(first)}`];
    onEnding.push(({ path, form }) => {
      // A logout begins with a look at its token.
      const ends = form.get("token") === first.refreshToken || paths.some((each) => path.endsWith(each));
      if (ends) resolve();
      return ends;
    });
    return promise;
  }
  let onEnding: ((call: SeenCall) => boolean)[] = [];
  beforeEach(() => {
    onEnding = [];
  });
  afterEach(() => proxy.inject(undefined));
  /** Holds what ends sessions back for so long. */
  const holdEndings = (milliseconds: () => number) =>
    proxy.inject((call) =>
      onEnding.filter((isEnding) => isEnding(call)).length > 0 ? { kind: "delay", ms: milliseconds() } : undefined,
    );

  /** Uses the access token and looks at the list of sessions, for some turns after the end, too. */
  async function readOn(first: Tokens, ended: () => boolean, { userId }: TestUser): Promise<readonly Tokens[]> {
    for (let turn = 0, after = 0; after < 2; turn++) {
      if (ended()) after++;
      expect((await callAs(first.accessToken, at(turn), "/mfa/status")).status).toBeOneOf([200, 401]);
      expect((await callApi(at(turn), `/sessions?userId=${userId}`)).status).toBe(200);
    }
    return [first];
  }
  const besides = { refreshed: refreshOn, "used and listed": readOn };

  // Threat: a thief's refresh at the moment when the session is ended wins a session that nobody can see or end any more. At
  // Keycloak alone whatever reads a session beside its end can bring it back, in one of three to twenty cases.
  describe.each(Object.keys(besides) as (keyof typeof besides)[])("%s beside", (beside) => {
    test.each(Object.keys(endings))("%s leave no session", async (ending) => {
      holdEndings(() => Math.random() * 6);
      const race = async () => {
        const user = await createUser();
        const firsts: Tokens[] = [];
        while (firsts.length < 4) firsts.push(await tokensOf(user));
        const end = await endings[ending]?.(user, firsts);
        let ended = false;
        const besideIt = Promise.all(
          firsts.map((first) => endingOf(first, user).then(() => besides[beside](first, () => ended, user))),
        );
        await end?.();
        ended = true;
        for (const given of await besideIt) {
          for (const { accessToken } of given) expectInvalidToken(await callAs(accessToken, at(0), "/mfa/status"));
          for (const { refreshToken } of given.slice(-2)) expectRefused(await refresh(refreshToken, 1));
        }
        expect(await sessionsOf(user)).toEqual([]);
      };
      for (let round = 0; round < sized(3, 25); round++) await Promise.all([race(), race()]);
    });
  });

  test.each(Object.keys(endings))("refreshed while sessions end by %s are not given out", async (ending) => {
    const user = await createUser();
    const first = await tokensOf(user);
    const end = await endings[ending]?.(user, [first]);
    holdEndings(() => 400);
    const begun = endingOf(first, user);
    proxy.reset();
    const ended = end?.();
    await begun;
    expectRefused(await refresh(first.refreshToken, 0));
    await ended;
    expectRefused(await refresh(first.refreshToken, 2));
    expect(callsTo("/sessions")).toBeGreaterThan(0);
    expect(callsTo(`/sessions/${sessionOf(first)}`, "DELETE")).toBeGreaterThan(0);
    expect(await sessionsOf(user)).toEqual([]);
  });

  // Threat: the same by the second step of a login, which makes an app part of a session that is there already.
  test("of a login's second step that overlaps with the end of all sessions are of a session that is listed, or void", async () => {
    const race = async (holdMs: number) => {
      const user = await createUser({ totp: true });
      const { email, password } = user;
      const { mfaToken } = (await callApi(at(0), "/login", { body: { email, password } })).body;
      const body = { mfaToken, code: totpCode(user.totpSecret), method: "totp" };
      const exchanging = Promise.withResolvers<void>();
      proxy.inject(({ path, form }) => {
        if (form.get("grant_type")?.endsWith("token-exchange")) {
          exchanging.resolve();
          return { kind: "delay", ms: holdMs };
        }
        return path.endsWith(`${user.userId}/logout`) ? { kind: "delay", ms: 2 * holdMs } : undefined;
      });
      const verifying = callApi(at(0), "/mfa/verify", { body });
      await exchanging.promise;
      expect((await callApi(at(1), `/sessions?userId=${user.userId}`, { method: "DELETE" })).status).toBe(200);
      const { status, body: tokens } = await verifying;
      expect(await sessionsOf(user)).toEqual([]);
      if (status === 200) {
        expectInvalidToken(await callAs(tokens.accessToken, at(0), "/mfa/status"));
        expectRefused(await refresh(tokens.refreshToken, 1));
      } else expect([status, tokens.code]).toEqual([401, "MFA_CHALLENGE_EXPIRED"]);
      return status;
    };
    expect(await race(100)).toBe(401);
    for (let round = 0; round < sized(15, 100); round++) await race(Math.random() * 6);
  });

  // Threat: ending one session, or a token that only pretends to be somebody's, throws the user out of the others.
  test("of another session go on beside a logout, also in parallel and again", async () => {
    const user = await createUser();
    const [first, other] = [await tokensOf(user), await tokensOf(user)];
    const [loggedOut, ...answers] = await instances.race(10, (_, index) =>
      index === 0 ? logout(first.refreshToken) : refresh(other.refreshToken, index),
    );
    expect(loggedOut?.status).toBe(200);
    expect(tally(answers)).toEqual({ "200": 9 });
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    // A repetition of it, and the next ones, while the logout is remembered.
    expect((await refresh(other.refreshToken, 1)).body).toEqual(answers[0]?.body);
    const next = await refresh(answers[0]?.body.refreshToken, 2);
    expect((await refresh(next.body.refreshToken, 0)).status).toBe(200);
    expect((await sessionsOf(user)).map(({ id }) => id)).toEqual([sessionOf(other)]);
  });

  test("of a user whom made-up tokens name go on beside the logouts of these, after one look at the sessions", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const madeUp = signed(headerOf(tokens.refreshToken), claimsOf(tokens.refreshToken), newKeys().privateKey);
    expectRefused(await logout(madeUp));
    proxy.reset();
    const renewed = await refresh(tokens.refreshToken, 1);
    expect(renewed.status).toBe(200);
    expect(proxy.calls.map(({ method, path }) => `${method} ${path.split("/").at(-1)}`)).toEqual([
      "POST token",
      "GET sessions",
    ]);
    const answers = await instances.race(12, (_, index) =>
      index % 2 === 0 ? logout(madeUp, index) : refresh(renewed.body.refreshToken, index),
    );
    expect(tally(answers)).toEqual({ "401 TOKEN_EXPIRED": 6, "200": 6 });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Threat: what one app has refreshed is replayed to another app that got hold of the old token.
  test("are another app's neither to use nor to have replayed nor to end", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    expectRefused(await refresh(tokens.refreshToken, 0, secondApp));
    const { status, body } = await refresh(tokens.refreshToken);
    expect(status).toBe(200);
    for (const token of [tokens.refreshToken, body.refreshToken]) {
      expectRefused(await refresh(token, 1, secondApp));
      expectRefused(await callApi(at(1), "/logout", { body: { refreshToken: token }, app: secondApp }));
    }
    expect((await refresh(body.refreshToken, 2)).status).toBe(200);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  test("are not what looks like one", async () => {
    const { accessToken, idToken } = await tokensOf(await createUser());
    // Keycloak does not read form parameters of more than 4,000 characters.
    for (const token of [accessToken, idToken, "garbage", "a.b.c", "a".repeat(4_096)]) {
      expectRefused(await refresh(token));
      expectRefused(await logout(token));
    }
    expect((await callAs(accessToken, at(0), "/mfa/status")).status).toBe(200);
  });

  // Threat: whoever reads the store reads tokens.
  test("and their answers cannot be read in the store", async () => {
    const user = await createUser();
    const tokens = await tokensOf(user);
    const { body } = await refresh(tokens.refreshToken);
    const dump = await instances.redis.dump();
    expect(dump).not.toBe("");
    for (const secret of [tokens.refreshToken, body.refreshToken, body.accessToken, user.email, user.userId]) {
      expect(dump).not.toContain(secret);
    }
  });
});

describe("session ids", () => {
  const sessions = (path: string, method = "GET") => callApi(at(0), `/sessions${path}`, { method });

  // Threat: an id that was seen ends the session of somebody else, or tells whether it lives; or it is a path that leads to
  // something else in Keycloak's admin API (supabase CVE-2025-48370).
  test("of another user, at the same or another app, ended ones and what is no session are one conflict", async () => {
    const [user, other, waiting] = [await createUser(), await createUser(), await createUser({ totp: true })];
    const ownId = sessionOf(await tokensOf(user));
    const foreignId = sessionOf(await tokensOf(other));
    const foreignAppId = sessionOf(await tokensOf(other, secondApp));
    const ended = await tokensOf(user);
    await logout(ended.refreshToken);
    const factor = await oidc("token", otpClient, {
      grant_type: "password",
      username: waiting.email,
      totp: totpCode(waiting.totpSecret),
      scope: "openid",
    });
    const ids = [
      foreignId,
      foreignAppId,
      sessionOf(ended),
      String(claimsOf(factor.body.access_token)["sid"]),
      "A".repeat(24),
      "00000000-0000-4000-8000-000000000000",
      ...[
        `../users/${other.userId}`,
        `../users/${other.userId}/logout`,
        `../sessions/${foreignId}`,
        `${ownId}/../${foreignId}`,
        `..%2fsessions%2f${foreignId}`,
        `${foreignId}?x=${ownId}`,
        `${foreignId}#${ownId}`,
        `${foreignId};${ownId}`,
        `${ownId} `,
        "..\\..\\users",
        "*",
      ].map(encodeURIComponent),
    ];
    proxy.reset();
    const bodies = [];
    for (const id of ids) {
      for (const app of [demoApp, secondApp]) {
        const { status, body } = await revoke(id, user, app);
        bodies.push({ status, ...body, requestId: "" });
      }
    }
    expect(bodies[0]).toMatchObject({ status: 409, code: "CONFLICT" });
    for (const each of bodies) expect(each).toEqual(bodies[0]);
    expect(proxy.calls.filter(({ method }) => method === "DELETE")).toEqual([]);
    const idsOf = async (of: TestUser) => (await sessionsOf(of)).map(({ id }) => id).sort();
    expect(await idsOf(other)).toEqual([foreignId, foreignAppId].sort());
    expect(await idsOf(waiting)).toHaveLength(1);
    expect(await idsOf(user)).toEqual([ownId]);
    const { body: listed } = await sessions(`?userId=${user.userId}`);
    expect(listed.sessions.map(({ id }: { id: string }) => id)).toEqual([ownId]);
    expect((await revoke(ownId, user)).status).toBe(200);
  });

  test.each(["00000000-0000-4000-8000-000000000000", "not-a-uuid", "../clients", "x?max=1", ".."])(
    "are not those of an unknown user %s",
    async (userId) => {
      const query = `?userId=${encodeURIComponent(userId)}`;
      const answers = [
        await sessions(query),
        await sessions(query, "DELETE"),
        await sessions(`/${"A".repeat(24)}${query}`, "DELETE"),
      ];
      expect(tally(answers)).toEqual({ "404 USER_NOT_FOUND": 3 });
      expect(proxy.calls.filter(({ path }) => path.includes("clients") || path.includes("max=1"))).toEqual([]);
    },
  );
});
