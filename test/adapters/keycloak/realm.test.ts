import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  adminCall,
  adminCallWith,
  adminClient,
  claimsOf,
  createUser,
  demoApp,
  licensedApp,
  mintClient,
  oidc,
  otpClient,
  sessionsOf,
  type TestCredential,
  type TestUser,
  totpCode,
} from "../../support/keycloak.ts";

/**
 * Threat: whoever holds an app's secret speaks to Keycloak's token endpoint directly, past the gateway, to skip the second
 * factor; or a client of the gateway turns out to be worth more than its task. The realm itself has to hold.
 */

const passwordGrant = (user: TestUser, more: Record<string, string> = {}) =>
  oidc("token", demoApp, { grant_type: "password", username: user.email, password: user.password, ...more });

const webAuthn: TestCredential = {
  type: "webauthn",
  userLabel: "Key",
  secretData: "{}",
  credentialData: JSON.stringify({
    aaguid: "00000000-0000-0000-0000-000000000000",
    credentialId: "AAAA",
    counter: 0,
    attestationStatementFormat: "none",
    credentialPublicKey: "AAAA",
    transports: [],
  }),
};

const recoveryCodes: TestCredential = {
  type: "recovery-authn-codes",
  userLabel: "Recovery codes",
  secretData: JSON.stringify({ codes: [{ number: 1, encodedHashedValue: "AAAA" }] }),
  credentialData: JSON.stringify({ hashIterations: 1, algorithm: "SHA-512", totalCodes: 1, remainingCodes: 1 }),
};

describe("the password flow of an app", () => {
  it.each([
    ["a TOTP", { totp: true }, "mfa_required"],
    ["a security key", { credentials: [webAuthn] }, "mfa_required_webauthn"],
    ["recovery codes", { credentials: [recoveryCodes] }, "mfa_required_recovery_codes"],
    ["a security key and recovery codes", { credentials: [webAuthn, recoveryCodes] }, "mfa_required_webauthn"],
    ["a TOTP and both others", { totp: true, credentials: [webAuthn, recoveryCodes] }, "mfa_required"],
  ])("refuses a user with %s, names the factor and opens no session", async (_factor, wanted, error) => {
    const user = await createUser(wanted);
    const answer = await passwordGrant(user);
    expect(answer.body).toEqual({ error });
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("refuses a user with TOTP even when the right code comes along", async () => {
    const user = await createUser({ totp: true });
    const code = totpCode(user.totpSecret);
    const answer = await passwordGrant(user, { totp: code, otp: code, scope: "openid" });
    expect(answer.body).toEqual({ error: "mfa_required" });
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("does not tell of a second factor without the right password", async () => {
    const user = await createUser({ totp: true });
    const answer = await passwordGrant({ ...user, password: randomUUID() });
    expect(answer.body).toEqual({ error: "invalid_grant", error_description: "Invalid user credentials" });
  });

  it("gives no session that outlives the realm's limits", async () => {
    const user = await createUser();
    const answer = await passwordGrant(user, { scope: "openid offline_access" });
    expect(answer.body.error).toBe("invalid_scope");
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("gives tokens of 15 minutes and 7 days that carry the user's licences, also after a refresh", async () => {
    const user = await createUser({ licenses: [licensedApp.id, "cca_other"] });
    const granted = await passwordGrant(user, { scope: "openid" });
    expect(granted.body).toMatchObject({ expires_in: expect.any(Number), token_type: "Bearer" });
    expect(granted.body.expires_in).toBeGreaterThan(890);
    expect(granted.body.expires_in).toBeLessThanOrEqual(900);
    expect(granted.body.refresh_expires_in).toBeGreaterThan(604_790);
    const refreshed = await oidc("token", demoApp, {
      grant_type: "refresh_token",
      refresh_token: granted.body.refresh_token,
    });
    for (const tokens of [granted.body, refreshed.body])
      for (const token of [tokens.access_token, tokens.id_token])
        expect(claimsOf(token)).toMatchObject({
          azp: demoApp.id,
          licenses: [licensedApp.id, "cca_other"],
          amr: ["pwd"],
        });
  });
});

describe("the OTP client", () => {
  it("opens a session whose tokens no one can refresh and that show no admin role", async () => {
    const user = await createUser({ totp: true });
    const { body } = await oidc("token", otpClient, {
      grant_type: "password",
      username: user.email,
      totp: totpCode(user.totpSecret),
    });
    expect(body.refresh_token).toBeUndefined();
    expect(body.expires_in).toBeLessThanOrEqual(60);
    expect(claimsOf(body.access_token)["aud"]).toEqual(
      expect.arrayContaining(["cca_demo", "cca_demo_two", "cca_demo_licensed"]),
    );
    expect((await adminCallWith(body.access_token, "GET", "/users")).status).toBe(403);
  });

  it("lets no user in who has no TOTP", async () => {
    const user = await createUser();
    const answer = await oidc("token", otpClient, {
      grant_type: "password",
      username: user.email,
      password: user.password,
      totp: "000000",
    });
    expect(answer.status).not.toBe(200);
    expect(answer.body.access_token).toBeUndefined();
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("is of no use with another client's secret", async () => {
    const user = await createUser({ totp: true });
    const answer = await oidc(
      "token",
      { id: otpClient.id, secret: demoApp.secret },
      { grant_type: "password", username: user.email, totp: totpCode(user.totpSecret) },
    );
    expect(answer.body.access_token).toBeUndefined();
  });
});

describe("the mint client", () => {
  const mint = (user: TestUser) => oidc("token", mintClient, { grant_type: "password", username: user.email });

  async function realmManagement(): Promise<{ id: string; roles: { id: string; name: string }[] }> {
    const [client] = await adminCall("GET", "/clients?clientId=realm-management");
    return { id: client.id, roles: await adminCall("GET", `/clients/${client.id}/roles`) };
  }

  it("mints for a user", async () => {
    const user = await createUser();
    expect((await mint(user)).body).toMatchObject({ access_token: expect.any(String) });
  });

  it("refuses the holder of any role of the realm's administration", async () => {
    const { id, roles } = await realmManagement();
    expect(roles.length).toBeGreaterThan(15);
    for (const role of roles) {
      const user = await createUser();
      await adminCall("POST", `/users/${user.userId}/role-mappings/clients/${id}`, [role]);
      expect([role.name, (await mint(user)).body]).toEqual([role.name, { error: "not_mintable" }]);
      expect(await sessionsOf(user)).toEqual([]);
    }
  }, 60_000);

  it("refuses an administrator by a group's role", async () => {
    const { id, roles } = await realmManagement();
    const user = await createUser();
    const location: string = await adminCall("POST", "/groups", { name: `group-${randomUUID()}` });
    const group = location.slice(location.lastIndexOf("/") + 1);
    await adminCall(
      "POST",
      `/groups/${group}/role-mappings/clients/${id}`,
      roles.filter((role) => role.name === "manage-users"),
    );
    await adminCall("PUT", `/users/${user.userId}/groups/${group}`);
    expect((await mint(user)).body).toEqual({ error: "not_mintable" });
  });
});

describe("the gateway's service account", () => {
  const token = async () =>
    (await oidc("token", adminClient, { grant_type: "client_credentials" })).body.access_token as string;

  it("cannot read the secret of any client", async () => {
    const bearer = await token();
    const [client] = await adminCall("GET", `/clients?clientId=${demoApp.id}`);
    expect((await adminCallWith(bearer, "GET", "/clients")).status).toBe(403);
    expect((await adminCallWith(bearer, "GET", `/clients/${client.id}`)).status).toBe(403);
    expect((await adminCallWith(bearer, "GET", `/clients/${client.id}/client-secret`)).status).toBe(403);
  });

  it("cannot change the realm or its organizations", async () => {
    const bearer = await token();
    expect((await adminCallWith(bearer, "PUT", "", { displayName: "changed" })).status).toBe(403);
    expect((await adminCallWith(bearer, "POST", "/organizations", { name: "x", alias: "x" })).status).toBe(403);
  });
});

describe("licences", () => {
  it("can be read and written by administrators only", async () => {
    const profile = await adminCall("GET", "/users/profile");
    const licenses = profile.attributes.find((attribute: { name: string }) => attribute.name === "licenses");
    expect(licenses.permissions).toEqual({ view: ["admin"], edit: ["admin"] });
    // Nothing undeclared may be written by a user either.
    expect(profile.unmanagedAttributePolicy).toBeUndefined();
  });
});
