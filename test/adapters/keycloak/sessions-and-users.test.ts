import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import type { EndUser, IssuedTokens } from "../../../src/domain/ports/identity-provider.ts";
import {
  adminCall,
  adminClient,
  claimsOf,
  createUser,
  demoApp,
  issuer,
  keycloakUrl,
  licensedApp,
  oidc,
  otpClient,
  realm,
  secondApp,
  sessionsOf,
  type TestUser,
} from "../../support/keycloak.ts";
import { createTestProvider } from "./provider.ts";

const { provider } = createTestProvider({ url: keycloakUrl, realm, issuer, adminClient, otpClient });
afterAll(() => provider.close());

const endUser: EndUser = { ipAddress: "203.0.113.7" };

async function tokensOf(user: TestUser): Promise<IssuedTokens> {
  const { email, password } = user;
  const outcome = await provider.passwordGrant({ client: demoApp, email, password, endUser });
  if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
  return outcome.tokens;
}

const logout = (refreshToken: string, client = demoApp) => provider.logout({ client, refreshToken });

describe("logout", () => {
  it("ends the session once; a second logout and a refresh are rejected", async () => {
    const user = await createUser();
    const { refreshToken, sessionId } = await tokensOf(user);
    expect(await logout(refreshToken)).toEqual({ kind: "ended", sessionId });
    expect(await sessionsOf(user)).toEqual([]);
    expect(await logout(refreshToken)).toEqual({ kind: "rejected", sessionId });
    expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toEqual({ kind: "rejected" });
  });

  // Threat: a token that somebody has made names another user's session, and it ends.
  it("rejects what Keycloak has not signed, and tells no session of it", async () => {
    const user = await createUser();
    const { refreshToken } = await tokensOf(user);
    const [header, claims, signature = ""] = refreshToken.split(".");
    const changed = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    expect(provider.userOf(`${header}.${claims}.${changed}`)).toBe(user.userId);
    expect(await logout(`${header}.${claims}.${changed}`)).toEqual({ kind: "rejected" });
    expect(await logout(`${header}.${claims}.`)).toEqual({ kind: "rejected" });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  it("rejects garbage, an access token and another app's token, and ends nothing", async () => {
    const user = await createUser();
    const { refreshToken, accessToken } = await tokensOf(user);
    expect(await logout("garbage")).toEqual({ kind: "rejected" });
    expect(await logout(accessToken)).toEqual({ kind: "rejected" });
    expect(await logout(refreshToken, secondApp)).toEqual({ kind: "rejected" });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  it("tells a wrong client, and ends nothing", async () => {
    const user = await createUser();
    const { refreshToken } = await tokensOf(user);
    for (const client of [
      { id: demoApp.id, secret: "ccas_wrong" },
      { id: demoApp.id, secret: "" },
      { id: "cca_unknown", secret: "x" },
    ])
      expect(await logout(refreshToken, client)).toEqual({ kind: "clientRejected" });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Threat: a refresh token that was rotated away is in the wrong hands, or its owner wants out with what is left.
  it("rejects a token that was rotated away and still ends its session", async () => {
    const user = await createUser();
    const first = await tokensOf(user);
    await provider.refresh({ client: demoApp, refreshToken: first.refreshToken, endUser });
    expect(await logout(first.refreshToken)).toEqual({ kind: "rejected", sessionId: first.sessionId });
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("reads a refresh token without using it up", async () => {
    const { refreshToken } = await tokensOf(await createUser());
    for (let reading = 0; reading < 3; reading += 1) {
      const answer = await oidc("token/introspect", demoApp, {
        token: refreshToken,
        token_type_hint: "refresh_token",
      });
      expect(answer.body.active).toBe(true);
    }
    expect((await provider.refresh({ client: demoApp, refreshToken, endUser })).kind).toBe("tokens");
  });
});

describe("the user that a refresh token names", () => {
  it("is the user of the session, before and after a refresh", async () => {
    const user = await createUser();
    const { refreshToken } = await tokensOf(user);
    expect(provider.userOf(refreshToken)).toBe(user.userId);
    const outcome = await provider.refresh({ client: demoApp, refreshToken, endUser });
    expect(outcome.kind === "tokens" && provider.userOf(outcome.tokens.refreshToken)).toBe(user.userId);
  });

  it("is nobody where it is no token with the id of a user", () => {
    const withSub = (sub: unknown) => `e30.${Buffer.from(JSON.stringify({ sub })).toString("base64url")}.e30`;
    for (const token of ["", "garbage", "a.b.c", "..", withSub(undefined), withSub(7), withSub("../users")]) {
      expect(provider.userOf(token)).toBeUndefined();
    }
    expect(provider.userOf(withSub("0F8FAD5B-D9CB-469F-A165-70867728950E"))).toBe(
      "0f8fad5b-d9cb-469f-a165-70867728950e",
    );
  });
});

describe("endSession", () => {
  it("ends a session and takes one that is gone already for done", async () => {
    const user = await createUser();
    const sessionId = String(claimsOf((await tokensOf(user)).accessToken)["sid"]);
    await provider.endSession(sessionId);
    expect(await sessionsOf(user)).toEqual([]);
    await provider.endSession(sessionId);
  });

  // What the gateway relies on to end a session for good; see docs/keycloak.md. The races themselves: test/attack.
  it("ends a session that came back beside its end, whatever it was that ended it first", async () => {
    let cameBack = 0;
    for (let round = 0; round < 60 && cameBack < 3; round++) {
      const user = await createUser();
      const { accessToken, refreshToken, sessionId } = await tokensOf(user);
      const listing = async () => {
        for (let look = 0; look < 8; look++) await provider.listSessions(user.userId);
      };
      const ending = [
        () => logout(refreshToken),
        () => provider.endSession(sessionId),
        () => provider.endAllSessions(user.userId),
      ][round % 3];
      await Promise.all([listing(), ending?.()]);
      if (!(await provider.isLive(accessToken))) continue;
      cameBack++;
      expect(await provider.listSessions(user.userId)).toEqual([]);
      await provider.endSession(sessionId);
      expect(await provider.isLive(accessToken)).toBe(false);
      expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toEqual({ kind: "rejected" });
    }
    // A Keycloak in which none comes back makes all of this needless.
    expect(cameBack).toBeGreaterThan(0);
  });

  // Threat: an id becomes a path and deletes something else.
  it.each([["../users"], [".."], [""], ["a".repeat(65)], [`${"a".repeat(24)}/x`], [`${"a".repeat(24)}\n`]])(
    "sends nothing for %j",
    async (sessionId) => {
      await expect(provider.endSession(sessionId)).rejects.toThrow(TypeError);
    },
  );
});

describe("user records", () => {
  it("finds a user by address in any case and by id, and says the same", async () => {
    const user = await createUser({ licenses: [licensedApp.id], requiredActions: ["UPDATE_PASSWORD"] });
    const record = {
      userId: user.userId,
      username: user.email,
      email: user.email,
      firstName: "Jane",
      lastName: "Doe",
      emailVerified: true,
      requiredActions: ["UPDATE_PASSWORD"],
      licenses: [licensedApp.id],
    };
    expect(await provider.findUserByEmail(user.email)).toEqual(record);
    expect(await provider.findUserByEmail(` ${user.email.toUpperCase()} `)).toEqual(record);
    expect(await provider.getUser(user.userId)).toEqual(record);
  });

  it("gives empty names for a user without any", async () => {
    const user = await createUser({ firstName: null, lastName: null, emailVerified: false });
    expect(await provider.getUser(user.userId)).toMatchObject({
      firstName: "",
      lastName: "",
      emailVerified: false,
      requiredActions: [],
      licenses: [],
    });
  });

  // Threat: a search pattern, or an address that only looks alike, finds somebody else's account.
  it.each([["*"], ["%"], ["user-*@example.com"], [""], ["\ud800"], ["jane@example.com&exact=false"], ["jane"]])(
    "finds nobody for %j",
    async (email) => {
      expect(await provider.findUserByEmail(email)).toBeUndefined();
    },
  );

  it("finds nobody for part of an address or a look-alike", async () => {
    const { email } = await createUser();
    expect(await provider.findUserByEmail(email.slice(0, -1))).toBeUndefined();
    expect(await provider.findUserByEmail(email.replace("example", "exaмple"))).toBeUndefined();
  });

  it.each([["../clients"], ["jane@example.com"], [""], [`${randomUUID()}/sessions`], [randomUUID()]])(
    "knows no user with the id %j",
    async (userId) => {
      expect(await provider.getUser(userId)).toBeUndefined();
    },
  );
});

describe("clearFailures", () => {
  const failuresOf = async (user: TestUser): Promise<number> =>
    (await adminCall("GET", `/attack-detection/brute-force/users/${user.userId}`)).numFailures;

  it("clears Keycloak's count", async () => {
    const user = await createUser();
    await provider.passwordGrant({ client: demoApp, email: user.email, password: "Wrong-password-1", endUser });
    // Keycloak writes the count a moment after its answer.
    await expect.poll(() => failuresOf(user)).toBe(1);
    await provider.clearFailures(user.userId);
    expect(await failuresOf(user)).toBe(0);
  });

  it("does nothing for users that do not exist", async () => {
    await provider.clearFailures(randomUUID());
    await provider.clearFailures("../..");
  });
});

it("answers a ping", async () => {
  await provider.ping();
});
