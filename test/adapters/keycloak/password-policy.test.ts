import { randomUUID } from "node:crypto";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { parsePasswordPolicy } from "../../../src/adapters/keycloak/password-policy.ts";
import { adminClient, createRealm, issuer, keycloakUrl, mintClient, otpClient, realm } from "../../support/keycloak.ts";
import { createTestProvider } from "./provider.ts";
import { type Behaviour, json, startUpstream } from "./upstream.ts";

const none = {
  minLength: 0,
  maxLength: 0,
  minUppercase: 0,
  minLowercase: 0,
  minDigits: 0,
  minSpecial: 0,
  notEmail: false,
  notUsername: false,
  notContainsUsername: false,
  history: 0,
  blocklist: false,
};

it("reads the policy of the delivered realm", async () => {
  const { provider } = createTestProvider({ url: keycloakUrl, realm, issuer, adminClient, otpClient, mintClient });
  expect(await provider.passwordPolicy()).toEqual({ ...none, minLength: 8, maxLength: 128, notEmail: true });
  await provider.close();
});

const own = await createRealm();
afterAll(() => own.remove());

describe("a realm's policy", () => {
  const email = `jane-${randomUUID()}@example.com`;
  /** What the adapter reads of a policy, and what it says of a password. */
  async function withPolicy(passwordPolicy: string, password: string, address = `${randomUUID()}@example.com`) {
    await own.admin("PUT", "", { passwordPolicy });
    const { provider } = createTestProvider({ url: keycloakUrl, otpClient, mintClient, ...own });
    const account = { email: address, password, firstName: "Jane", lastName: "Doe" };
    const outcome = await provider.createUser(account);
    const policy = await provider.passwordPolicy();
    await provider.close();
    return { policy, issues: outcome.kind === "invalid" ? outcome.issues : outcome.kind };
  }

  it.each([
    ["length(12)", { minLength: 12 }, "short", "must have at least 12 characters"],
    ["length(1000)", { minLength: 1000 }, "short", "must have at least 1000 characters"],
    ["length", { minLength: 8 }, "short", "must have at least 8 characters"],
    ["maxLength(4)", { maxLength: 4 }, "longer", "must have at most 4 characters"],
    ["maxLength", { maxLength: 64 }, "x".repeat(65), "must have at most 64 characters"],
    ["upperCase(2)", { minUppercase: 2 }, "lower", "must contain at least 2 upper-case letters"],
    ["lowerCase(2)", { minLowercase: 2 }, "UPPER", "must contain at least 2 lower-case letters"],
    ["digits(1)", { minDigits: 1 }, "none", "must contain at least 1 digit"],
    ["digits", { minDigits: 1 }, "none", "must contain at least 1 digit"],
    ["specialChars(3)", { minSpecial: 3 }, "none", "must contain at least 3 special characters"],
    ["notUsername(undefined)", { notUsername: true }, email, "must not be the user name"],
    [
      "notContainsUsername(undefined)",
      { notUsername: true, notContainsUsername: true },
      `x${email}x`,
      "must not contain the user name",
    ],
    ["notEmail(undefined)", { notEmail: true }, email, "must not be the e-mail address"],
    ["regexPattern(^[a-z()]+$)", { regex: "^[a-z()]+$" }, "1", "must match the pattern of the password policy"],
    [
      "length(8) and digits(1) and hashIterations(5)",
      { minLength: 8, minDigits: 1 },
      "s",
      "must have at least 8 characters",
    ],
  ])("%s is read, and named when it is broken", async (policy, read, password, message) => {
    expect(await withPolicy(policy, password, email)).toEqual({
      policy: { ...none, ...read },
      issues: [{ path: "password", message }],
    });
  });

  it("may hold a rule twice: the last one counts, for Keycloak too", async () => {
    expect(await withPolicy("regexPattern(^[a-z]+$) and regexPattern(^[0-9]+$)", "123")).toEqual({
      policy: { ...none, regex: "^[0-9]+$" },
      issues: "created",
    });
  });

  it("may be none", async () => {
    expect(await withPolicy("", "x")).toEqual({ policy: none, issues: "created" });
  });

  it("refuses former passwords", async () => {
    await own.admin("PUT", "", { passwordPolicy: "passwordHistory(2)" });
    const { provider } = createTestProvider({ url: keycloakUrl, otpClient, mintClient, ...own });
    const address = `${randomUUID()}@example.com`;
    const created = await provider.createUser({ email: address, password: "first", firstName: "J", lastName: "D" });
    if (created.kind !== "created") throw new Error(`Expected a user, got ${created.kind}`);
    const { userId } = created.user;
    expect(await provider.passwordPolicy()).toEqual({ ...none, history: 2 });
    expect(await provider.setPassword(userId, "second")).toEqual({ kind: "done" });
    expect(await provider.setPassword(userId, "first")).toEqual({
      kind: "invalid",
      issues: [{ path: "password", message: "must not be one of the last 2 passwords" }],
    });
    await provider.close();
  });
});

let behaviour: Behaviour = json(500, {});
const upstream = await startUpstream((request, response) => {
  const isToken = request.path.endsWith("/token");
  (isToken ? json(200, { access_token: "t", token_type: "Bearer", expires_in: 900 }) : behaviour)(request, response);
});

describe("refusals that this server does not give by itself", () => {
  let now = 1_000_000;
  const createProvider = () =>
    createTestProvider({
      url: upstream.url,
      realm,
      issuer: `${upstream.url}/realms/${realm}`,
      adminClient,
      otpClient,
      clock: { now: () => now, sleep: () => new Promise(() => {}) },
    }).provider;
  let provider = createProvider();
  beforeEach(async () => {
    await provider.close();
    provider = createProvider();
    upstream.seen.length = 0;
    now = 1_000_000;
  });
  afterAll(async () => {
    await provider.close();
    await upstream.stop();
  });

  // Threat: text of an upstream server, which may be in any language and name anything, reaches the caller.
  it.each([
    ["invalidPasswordBlacklistedMessage", "x", "must not be on the list of common passwords"],
    ["invalidPasswordMinLengthMessage", "Passwort: mindestens 1.000 Zeichen.", "must have at least 1000 characters"],
    ["invalidPasswordMinLengthMessage", "Zu kurz", "is too short"],
    ["invalidPasswordMinDigitsMessage", undefined, "must contain digits"],
    ["invalidPasswordGenericMessage", "/etc/keycloak", "must meet the password policy"],
    ["invalidPasswordOfTomorrowMessage", "postgres://keycloak", "must meet the password policy"],
    ["invalidPassword__proto__Message", "x", "must meet the password policy"],
  ])("%s %j is said in our words", async (error, error_description, message) => {
    behaviour = json(400, { error, error_description });
    const issues = [{ path: "password", message }];
    const account = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
    expect(await provider.createUser(account)).toEqual({ kind: "invalid", issues });
    expect(await provider.setPassword(randomUUID(), "p")).toEqual({ kind: "invalid", issues });
  });

  it.each([
    [400, { error: "Can't reset password as account is read only" }],
    [400, { errorMessage: "Could not create user!" }],
    [400, { field: "phone", errorMessage: "error-user-attribute-required", params: ["phone"] }],
    [400, { errors: [{ field: "email", errorMessage: "error-invalid-email" }, { field: "phone" }] }],
    [400, { errors: [] }],
    [409, { errorMessage: "Something else conflicts" }],
    [409, { error: "invalidPasswordGenericMessage" }],
    [403, { error: "HTTP 403 Forbidden" }],
  ])("%i %j is a fault, and its text stays out of the message", async (status, body) => {
    behaviour = json(status, body);
    const account = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
    for (const call of [() => provider.createUser(account), () => provider.setPassword(randomUUID(), "p")]) {
      const failure = await call().catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: "UpstreamUnavailable", fate: "noVerdict" });
      expect((failure as Error).message).not.toMatch(/phone|account is|Could|Something|Forbidden|invalid/);
    }
  });

  it("is not asked about the policy more than once in 30 seconds, however many ask", async () => {
    behaviour = json(200, { realm, enabled: true, passwordPolicy: "length(9)" });
    const reads = () => upstream.seen.filter(({ method }) => method === "GET").length;
    await Promise.all(Array.from({ length: 10 }, () => provider.passwordPolicy()));
    now += 29_999;
    await provider.passwordPolicy();
    expect(reads()).toBe(1);
    behaviour = json(200, { realm, enabled: true, passwordPolicy: "length(10)" });
    now += 1;
    expect(await provider.passwordPolicy()).toMatchObject({ minLength: 10 });
    expect(reads()).toBe(2);
  });

  it("shows no policy when the realm cannot be read, and does not remember that", async () => {
    for (const wrong of [json(403, {}), json(200, {}), json(404, { error: "Realm not found." })]) {
      behaviour = wrong;
      await expect(provider.passwordPolicy()).rejects.toMatchObject({ fate: "noVerdict" });
    }
    behaviour = json(200, { realm, enabled: true });
    expect(await provider.passwordPolicy()).toEqual(none);
  });
});

it.each([
  ["passwordBlacklist(common.txt)", { blocklist: true }],
  ["passwordHistory", { history: 3 }],
  ["regexPattern()", {}],
  ["somethingNew(1)", {}],
  [" length( 8 ) ", { minLength: 8 }],
])("%j is parsed", (policy, read) => {
  expect(parsePasswordPolicy(policy)).toEqual({ ...none, ...read });
});
