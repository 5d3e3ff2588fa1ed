import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { EndUser, IssuedTokens } from "../../../src/domain/ports/identity-provider.ts";
import {
  adminCall,
  adminClient,
  claimsOf,
  createUser,
  demoApp,
  issuer,
  joinNewOrganization,
  keycloakUrl,
  licensedApp,
  mintClient,
  otpClient,
  realm,
  secondApp,
  sessionsOf,
  type TestUser,
  totpCode,
} from "../../support/keycloak.ts";
import { createTestProvider } from "./provider.ts";

const { provider, logged } = createTestProvider({
  url: keycloakUrl,
  realm,
  issuer,
  adminClient,
  otpClient,
  mintClient,
});
afterAll(() => provider.close());

const endUser: EndUser = { ipAddress: "203.0.113.7", userAgent: "Mozilla/5.0 (test)" };
const wrongSecret = { id: demoApp.id, secret: "ccas_wrong" };
const unknownApp = { id: "cca_unknown", secret: "ccas_wrong" };
/** Keycloak marks an account as busy for a moment after each grant and refuses the next one meanwhile. */
const settled = () => sleep(150);

const login = (user: TestUser, client = demoApp) =>
  provider.passwordGrant({ client, email: user.email, password: user.password, endUser });

async function tokensOf(user: TestUser, client = demoApp): Promise<IssuedTokens> {
  const outcome = await login(user, client);
  if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
  return outcome.tokens;
}

async function verifiedSubject(user: TestUser) {
  const outcome = await provider.totpGrant({ username: user.email, code: totpCode(user.totpSecret), endUser });
  if (outcome.kind !== "verified") throw new Error(`Expected a verified factor, got ${outcome.kind}`);
  return outcome.subject;
}

describe("checkClient", () => {
  it("knows a right secret from a wrong one, an unknown client and blanks", async () => {
    expect(await provider.checkClient(demoApp)).toBe(true);
    expect(await provider.checkClient(wrongSecret)).toBe(false);
    expect(await provider.checkClient(unknownApp)).toBe(false);
    expect(await provider.checkClient({ id: demoApp.id, secret: secondApp.secret })).toBe(false);
    expect(await provider.checkClient({ id: demoApp.id, secret: "" })).toBe(false);
    expect(await provider.checkClient({ id: "", secret: demoApp.secret })).toBe(false);
  });

  it("sends a secret with reserved characters as it is", async () => {
    const secret = `a:b&c=d+e%20f ü/${randomUUID()}`;
    const id = `cca_${randomUUID()}`;
    await adminCall("POST", "/clients", { clientId: id, secret, publicClient: false, enabled: true });
    expect(await provider.checkClient({ id, secret })).toBe(true);
  });

  it("takes a disabled client for a wrong one", async () => {
    const client = { id: `cca_${randomUUID()}`, secret: randomUUID() };
    await adminCall("POST", "/clients", {
      clientId: client.id,
      secret: client.secret,
      publicClient: false,
      enabled: false,
    });
    expect(await provider.checkClient(client)).toBe(false);
  });
});

describe("passwordGrant", () => {
  it("gives a session's tokens for the app, with the user's claims", async () => {
    const user = await createUser({ licenses: [licensedApp.id] });
    const tokens = await tokensOf(user);
    expect(await sessionsOf(user)).toMatchObject([{ id: tokens.sessionId }]);
    expect(tokens.user).toEqual({
      userId: user.userId,
      email: user.email,
      firstName: "Jane",
      lastName: "Doe",
      licenses: [licensedApp.id],
    });
    const access = claimsOf(tokens.accessToken);
    expect(access).toMatchObject({ azp: demoApp.id, iss: issuer, sub: user.userId });
    expect(tokens.accessTokenExpiresAt).toBe(Number(access["exp"]) * 1000);
    expect(claimsOf(tokens.refreshToken)["typ"]).toBe("Refresh");
    expect(claimsOf(tokens.idToken)).toMatchObject({ typ: "ID", aud: demoApp.id });
  });

  it("leaves licences out for a user who has none", async () => {
    expect((await tokensOf(await createUser())).user).not.toHaveProperty("licenses");
  });

  it.each([["203.0.113.7"], ["2001:db8::7"]])("has Keycloak record the session for the address %s", async (address) => {
    const user = await createUser();
    await provider.passwordGrant({
      client: demoApp,
      email: user.email,
      password: user.password,
      endUser: { ipAddress: address, userAgent: "Mozilla/5.0\r\nx-forwarded-for: 10.0.0.1 ü" },
    });
    expect(await sessionsOf(user)).toMatchObject([{ ipAddress: address }]);
  });

  it("does not tell a wrong password from an unknown user or a wrong password of a disabled one", async () => {
    const user = await createUser();
    const disabled = await createUser({ enabled: false });
    const rejected = { kind: "rejected" };
    expect(await login({ ...user, password: "Wrong-password-1" })).toEqual(rejected);
    expect(await login({ ...user, email: `nobody-${randomUUID()}@example.com` })).toEqual(rejected);
    expect(await login({ ...disabled, password: "Wrong-password-1" })).toEqual(rejected);
  });

  it("tells a disabled user whose password is right", async () => {
    expect(await login(await createUser({ enabled: false }))).toEqual({ kind: "disabled" });
  });

  it.each([
    ["an unverified address", { emailVerified: false }],
    ["a required action", { requiredActions: ["UPDATE_PASSWORD"] }],
    ["a missing name", { lastName: null }],
  ])("opens no session for a user with %s", async (_why, wanted) => {
    const user = await createUser(wanted);
    expect(await login(user)).toEqual({ kind: "accountIncomplete" });
    expect(await sessionsOf(user)).toEqual([]);
    await settled();
    expect(await login({ ...user, password: "Wrong-password-1" })).toEqual({ kind: "rejected" });
  });

  it("tells that a second factor is needed, and no session exists then", async () => {
    const user = await createUser({ totp: true });
    expect(await login(user)).toEqual({ kind: "mfaRequired" });
    expect(await sessionsOf(user)).toEqual([]);
    await settled();
    expect(await login({ ...user, password: "Wrong-password-1" })).toEqual({ kind: "rejected" });
  });

  // Threat: a factor that the gateway cannot check is skipped instead of refused.
  it("gives no tokens to a user whose only second factor is a security key", async () => {
    const user = await createUser({
      credentials: [{ type: "webauthn", secretData: "{}", credentialData: JSON.stringify({ credentialId: "AAAA" }) }],
    });
    expect(await login(user)).toEqual({ kind: "accountIncomplete", requiredActions: ["CONFIGURE_TOTP"] });
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("tells a wrong client, whatever the password", async () => {
    const user = await createUser();
    const rejected = { kind: "clientRejected" };
    expect(await login(user, wrongSecret)).toEqual(rejected);
    expect(await login(user, unknownApp)).toEqual(rejected);
    expect(await login(user, { id: demoApp.id, secret: "" })).toEqual(rejected);
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("sends passwords of 128 characters, blanks and non-ASCII unchanged", async () => {
    const user = await createUser();
    const password = ` ü&=+%41 ${"€".repeat(118)} `;
    expect([...password]).toHaveLength(128);
    await adminCall("PUT", `/users/${user.userId}/reset-password`, { type: "password", value: password });
    expect(await login({ ...user, password: password.trim() })).toEqual({ kind: "rejected" });
    await settled();
    expect((await login({ ...user, password })).kind).toBe("tokens");
  });

  it("fails without tokens when the issuer is not the configured one", async () => {
    const other = createTestProvider({
      url: keycloakUrl,
      realm,
      issuer: "http://elsewhere.example.com/realms/headgate",
      adminClient,
      otpClient,
    });
    const user = await createUser();
    await expect(
      other.provider.passwordGrant({ client: demoApp, email: user.email, password: user.password, endUser }),
    ).rejects.toMatchObject({ name: "UpstreamUnavailable", fate: "noVerdict" });
    await other.provider.close();
  });
});

describe("organizations", () => {
  it("names the one organization of a user, and none for a member of two", async () => {
    const user = await createUser();
    const first = await joinNewOrganization(user);
    const inOne = await tokensOf(user);
    expect(inOne.user.organization).toEqual({ id: first.id, name: first.name });
    await joinNewOrganization(user);
    await settled();
    expect((await tokensOf(user)).user).not.toHaveProperty("organization");
  });

  it("keeps a refreshed session's organization", async () => {
    const user = await createUser();
    const { id, name } = await joinNewOrganization(user);
    const { refreshToken } = await tokensOf(user);
    expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toMatchObject({
      tokens: { user: { organization: { id, name } } },
    });
  });

  it("falls back on the alias, with a warning, when the name cannot be read", async () => {
    const user = await createUser();
    const { id, alias } = await joinNewOrganization(user);
    const blind = createTestProvider({
      url: keycloakUrl,
      realm,
      issuer,
      adminClient: { ...adminClient, secret: "wrong" },
      otpClient,
    });
    const outcome = await blind.provider.passwordGrant({
      client: demoApp,
      email: user.email,
      password: user.password,
      endUser,
    });
    expect(outcome).toMatchObject({ tokens: { user: { organization: { id, name: alias } } } });
    expect(blind.logged).toHaveLength(1);
    expect(logged).toEqual([]);
    await blind.provider.close();
  });
});

describe("totpGrant and exchange", () => {
  it("turns a proven factor into the app's tokens in the same session", async () => {
    const user = await createUser({ totp: true });
    const subject = await verifiedSubject(user);
    const outcome = await provider.exchange({ client: secondApp, subject, endUser });
    if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
    expect(outcome.tokens.user).toMatchObject({ userId: user.userId, email: user.email, firstName: "Jane" });
    expect(claimsOf(outcome.tokens.accessToken)).toMatchObject({
      azp: secondApp.id,
      sid: subject.sessionId,
      amr: ["pwd", "otp"],
    });
    expect(await sessionsOf(user)).toMatchObject([{ id: subject.sessionId, ipAddress: endUser.ipAddress }]);
    const refreshed = await provider.refresh({
      client: secondApp,
      refreshToken: outcome.tokens.refreshToken,
      endUser,
    });
    expect(refreshed).toMatchObject({ kind: "tokens", tokens: { user: { userId: user.userId } } });
  });

  // Threat: a code that was seen once, on the wire or over a shoulder, is used again.
  it("accepts a code once", async () => {
    const user = await createUser({ totp: true });
    const code = totpCode(user.totpSecret);
    const grant = () => provider.totpGrant({ username: user.email, code, endUser });
    expect((await grant()).kind).toBe("verified");
    await settled();
    expect(await grant()).toEqual({ kind: "rejected" });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  it("refuses a wrong code, a code from outside the window, another user's code and a disabled user", async () => {
    const [user, other, disabled] = await Promise.all([
      createUser({ totp: true }),
      createUser({ totp: true }),
      createUser({ totp: true, enabled: false }),
    ]);
    const grant = async (username: string, code: string) => {
      await settled();
      return provider.totpGrant({ username, code, endUser });
    };
    const rejected = { kind: "rejected" };
    expect(await grant(user.email, "abcdef")).toEqual(rejected);
    expect(await grant(user.email, totpCode(user.totpSecret, -4))).toEqual(rejected);
    expect(await grant(user.email, totpCode(user.totpSecret, 4))).toEqual(rejected);
    expect(await grant(user.email, totpCode(other.totpSecret))).toEqual(rejected);
    expect(["rejected", "disabled"]).toContain((await grant(disabled.email, totpCode(disabled.totpSecret))).kind);
    expect(await sessionsOf(user)).toEqual([]);
    expect(await sessionsOf(disabled)).toEqual([]);
  });

  it("refuses to exchange for a wrong client, a broken subject and an ended session", async () => {
    const user = await createUser({ totp: true });
    const subject = await verifiedSubject(user);
    expect(await provider.exchange({ client: wrongSecret, subject, endUser })).toEqual({ kind: "clientRejected" });
    const broken = { ...subject, accessToken: `${subject.accessToken.slice(0, -8)}AAAAAAAA` };
    expect(await provider.exchange({ client: demoApp, subject: broken, endUser })).toEqual({ kind: "rejected" });
    await provider.endSession(subject.sessionId);
    expect(await provider.exchange({ client: demoApp, subject, endUser })).toEqual({ kind: "rejected" });
  });

  it("refuses to exchange for a user who was disabled meanwhile", async () => {
    const user = await createUser({ totp: true });
    const subject = await verifiedSubject(user);
    await adminCall("PUT", `/users/${user.userId}`, { enabled: false });
    expect(await provider.exchange({ client: demoApp, subject, endUser })).toEqual({ kind: "rejected" });
  });

  // Threat: an access token of one app is passed off as the proof of a second factor to get tokens of another app.
  it("does not exchange an app's own access token at another app", async () => {
    const user = await createUser();
    const { accessToken } = await tokensOf(user);
    const { sid, sub } = claimsOf(accessToken);
    const subject = { accessToken, sessionId: String(sid), userId: String(sub) };
    // The realm names no audience for it: Keycloak's "access_denied" would be a fault of the realm's mappers elsewhere.
    await expect(provider.exchange({ client: secondApp, subject, endUser })).rejects.toMatchObject({
      fate: "noVerdict",
      cause: { message: "access_denied Client is not within the token audience" },
    });
    expect(await sessionsOf(user)).toMatchObject([{ id: subject.sessionId }]);
  });
});

describe("mintGrant", () => {
  const mint = (username: string) => provider.mintGrant({ username, endUser });

  it("opens a session that can be exchanged for an app's tokens", async () => {
    const user = await createUser({ totp: true });
    const minted = await mint(user.email);
    if (minted.kind !== "verified") throw new Error(`Expected a subject, got ${minted.kind}`);
    const outcome = await provider.exchange({ client: demoApp, subject: minted.subject, endUser });
    if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
    expect(outcome.tokens).toMatchObject({
      sessionId: minted.subject.sessionId,
      user: { userId: user.userId, email: user.email },
    });
    expect(claimsOf(outcome.tokens.accessToken)).toMatchObject({ azp: demoApp.id, amr: ["pwd", "mfa"] });
    expect(await sessionsOf(user)).toMatchObject([{ id: minted.subject.sessionId, ipAddress: endUser.ipAddress }]);
  });

  // Threat: whoever holds the gateway's secrets mints an administrator's session and owns the realm.
  it("rejects administrators, unknown and disabled users, and service accounts", async () => {
    const administrator = await createUser();
    const [{ id }] = await adminCall("GET", "/clients?clientId=realm-management");
    const role = await adminCall("GET", `/clients/${id}/roles/view-users`);
    await adminCall("POST", `/users/${administrator.userId}/role-mappings/clients/${id}`, [role]);
    const disabled = await createUser({ enabled: false });
    for (const username of [
      administrator.email,
      disabled.email,
      `nobody-${randomUUID()}@example.com`,
      `service-account-${adminClient.id}`,
    ])
      expect([username, await mint(username)]).toEqual([username, { kind: "rejected" }]);
    expect(await sessionsOf(administrator)).toEqual([]);
  });

  it.each([
    ["an unverified address", { emailVerified: false }],
    ["a required action", { requiredActions: ["UPDATE_PASSWORD"] }],
  ])("opens no session for a user with %s", async (_why, wanted) => {
    const user = await createUser(wanted);
    expect(await mint(user.email)).toEqual({ kind: "accountIncomplete" });
    expect(await sessionsOf(user)).toEqual([]);
  });
});

describe("refresh", () => {
  it("rotates the refresh token", async () => {
    const first = await tokensOf(await createUser());
    const second = await provider.refresh({ client: demoApp, refreshToken: first.refreshToken, endUser });
    expect(second.kind === "tokens" && second.tokens.refreshToken).not.toBe(first.refreshToken);
  });

  // Threat: a stolen refresh token is used after, or before, its owner used it.
  it("ends the family when a token is used twice", async () => {
    const first = await tokensOf(await createUser());
    const refresh = (refreshToken: string) => provider.refresh({ client: demoApp, refreshToken, endUser });
    const second = await refresh(first.refreshToken);
    if (second.kind !== "tokens") throw new Error("Expected tokens");
    expect(await refresh(first.refreshToken)).toEqual({ kind: "rejected" });
    expect(await refresh(second.tokens.refreshToken)).toEqual({ kind: "rejected" });
  });

  it("refuses garbage, an access token, another app's token and a wrong client", async () => {
    const { refreshToken, accessToken, idToken } = await tokensOf(await createUser());
    const refresh = (client: typeof demoApp, token: string) =>
      provider.refresh({ client, refreshToken: token, endUser });
    for (const token of ["garbage", accessToken, idToken])
      expect(await refresh(demoApp, token)).toEqual({ kind: "rejected" });
    expect(await refresh(secondApp, refreshToken)).toEqual({ kind: "rejected" });
    expect(await refresh(wrongSecret, refreshToken)).toEqual({ kind: "clientRejected" });
    expect(await refresh(unknownApp, refreshToken)).toEqual({ kind: "clientRejected" });
    expect((await refresh(demoApp, refreshToken)).kind).toBe("tokens");
  });

  it("refuses a token of a disabled user", async () => {
    const user = await createUser();
    const { refreshToken } = await tokensOf(user);
    await adminCall("PUT", `/users/${user.userId}`, { enabled: false });
    expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toEqual({ kind: "rejected" });
  });

  it("shows a licence that was taken away", async () => {
    const user = await createUser({ licenses: ["cca_a", licensedApp.id] });
    const { refreshToken } = await tokensOf(user);
    const record = await adminCall("GET", `/users/${user.userId}`);
    await adminCall("PUT", `/users/${user.userId}`, { ...record, attributes: { licenses: ["cca_a"] } });
    expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toMatchObject({
      tokens: { user: { licenses: ["cca_a"] } },
    });
  });
});
