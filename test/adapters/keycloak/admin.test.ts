import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createTestProvider } from "./provider.ts";
import { type Behaviour, json, startUpstream } from "./upstream.ts";

/** The service account's token: fetched rarely, never used past its end, replaced when Keycloak forgets it. */

const userId = "0b6f3c52-7c1c-4c44-9d0c-0f3a5b7f6a01";
const user = { id: userId, username: "jane@example.com", email: "jane@example.com" };
let now = 0;
let issued = 0;
let revoked = new Set<string>();

const keycloak: Behaviour = (request, response) => {
  if (request.path.endsWith("/token")) {
    issued += 1;
    return json(200, { access_token: `token-${issued}`, token_type: "Bearer", expires_in: 900 })(request, response);
  }
  const known = request.headers.authorization?.startsWith("Bearer token-") ?? false;
  if (!known || revoked.has(request.headers.authorization ?? ""))
    return json(401, { error: "HTTP 401 Unauthorized" })(request, response);
  return json(200, user)(request, response);
};

const upstream = await startUpstream(keycloak);
const createProvider = () =>
  createTestProvider({
    url: upstream.url,
    realm: "headgate",
    issuer: `${upstream.url}/realms/headgate`,
    adminClient: { id: "headless-gateway", secret: "s" },
    otpClient: { id: "headless-otp", secret: "s" },
    clock: { now: () => now, sleep: () => new Promise(() => {}) },
  }).provider;
let provider = createProvider();

beforeEach(async () => {
  await provider.close();
  provider = createProvider();
  upstream.behave = keycloak;
  upstream.seen.length = 0;
  now = 1_000_000;
  issued = 0;
  revoked = new Set();
});
afterAll(async () => {
  await provider.close();
  await upstream.stop();
});

describe("the service account's token", () => {
  it("is fetched once for calls in parallel and kept for later ones", async () => {
    await Promise.all(Array.from({ length: 20 }, () => provider.getUser(userId)));
    await provider.getUser(userId);
    expect(issued).toBe(1);
    expect(upstream.seen).toHaveLength(22);
  });

  it("is renewed 30 seconds before its end, not earlier", async () => {
    await provider.getUser(userId);
    now += 869_999;
    await provider.getUser(userId);
    expect(issued).toBe(1);
    now += 1;
    await provider.getUser(userId);
    expect(issued).toBe(2);
  });

  it("is replaced once for all when Keycloak no longer takes it", async () => {
    await provider.getUser(userId);
    revoked.add("Bearer token-1");
    const records = await Promise.all(Array.from({ length: 10 }, () => provider.getUser(userId)));
    expect(records.every((record) => record?.userId === userId)).toBe(true);
    expect(issued).toBe(2);
  });

  it("is asked for again only once when Keycloak refuses the new one too", async () => {
    upstream.behave = (request, response) =>
      request.path.endsWith("/token") ? keycloak(request, response) : json(401, {})(request, response);
    await expect(provider.getUser(userId)).rejects.toMatchObject({ fate: "noVerdict" });
    expect(upstream.seen).toHaveLength(4);
  });

  it("can be had again after a fetch that failed", async () => {
    upstream.behave = json(401, { error: "unauthorized_client", error_description: "Invalid client credentials" });
    await expect(provider.getUser(userId)).rejects.toMatchObject({ fate: "noVerdict" });
    upstream.behave = keycloak;
    expect(await provider.getUser(userId)).toMatchObject({ userId });
  });
});

describe("admin calls", () => {
  const answer =
    (behaviour: Behaviour): Behaviour =>
    (request, response) =>
      (request.path.endsWith("/token") ? keycloak : behaviour)(request, response);

  it("repeat a read once when the connection is lost, and a deletion never", async () => {
    await provider.getUser(userId);
    upstream.seen.length = 0;
    upstream.behave = (_request, response) => {
      upstream.behave = keycloak;
      response.destroy();
    };
    expect(await provider.getUser(userId)).toMatchObject({ userId });
    expect(upstream.seen).toHaveLength(2);
    upstream.seen.length = 0;
    upstream.behave = (_request, response) => response.destroy();
    await expect(provider.clearFailures(userId)).rejects.toMatchObject({ fate: "unknown" });
    expect(upstream.seen).toHaveLength(1);
  });

  // Threat: a password is set, or a user created, a second time behind the caller's back.
  it("send a change once, whatever becomes of it, but for a token that Keycloak no longer takes", async () => {
    const account = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
    await provider.getUser(userId);
    upstream.seen.length = 0;
    upstream.behave = (_request, response) => response.destroy();
    await expect(provider.createUser(account)).rejects.toMatchObject({ fate: "unknown" });
    await expect(provider.setPassword(userId, "p")).rejects.toMatchObject({ fate: "unknown" });
    expect(upstream.seen.map(({ method }) => method)).toEqual(["POST", "PUT"]);

    upstream.seen.length = 0;
    revoked.add("Bearer token-1");
    upstream.behave = (request, response) =>
      request.path.endsWith("/reset-password") && !revoked.has(request.headers.authorization ?? "")
        ? response.writeHead(204).end()
        : keycloak(request, response);
    expect(await provider.setPassword(userId, "p")).toEqual({ kind: "done" });
    expect(upstream.seen.map(({ method }) => method)).toEqual(["PUT", "POST", "PUT"]);
  });

  // Threat: the address changes between reading and writing, and one that nobody has proven becomes a verified one; or a
  // user who is disabled at that moment is enabled again.
  it("mark the very address that was proven as verified, and send nothing of the record back", async () => {
    let change: Behaviour = (_request, response) => response.writeHead(204).end();
    upstream.behave = (request, response) => (request.method === "PUT" ? change : keycloak)(request, response);
    expect(await provider.markEmailVerified(userId, "jane@example.com")).toBe(true);
    const [sent] = upstream.seen.filter(({ method }) => method === "PUT");
    expect(JSON.parse(sent?.body ?? "")).toEqual({ email: "jane@example.com", emailVerified: true });
    change = json(409, { errorMessage: "User exists with same email" });
    expect(await provider.markEmailVerified(userId, "jane@example.com")).toBe(false);
    change = json(404, { error: "User not found" });
    expect(await provider.markEmailVerified(userId, "jane@example.com")).toBe(false);
  });

  it("refuse a new user whose id is not told", async () => {
    const account = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
    for (const location of ["", "http://localhost/admin/realms/headgate/users/", "x/../clients"]) {
      upstream.behave = answer((_request, response) => response.writeHead(201, { location }).end());
      await expect(provider.createUser(account)).rejects.toMatchObject({ fate: "noVerdict" });
    }
  });

  it("take a missing role for a fault, not for a missing user", async () => {
    upstream.behave = answer(json(403, { error: "HTTP 403 Forbidden" }));
    await expect(provider.getUser(userId)).rejects.toMatchObject({ fate: "noVerdict" });
  });

  it.each([["Realm not found."], ["HTTP 404 Not Found."], ["Unable to find matching target resource method"]])(
    "take a 404 that says %j for a fault, not for a missing user",
    async (error) => {
      upstream.behave = answer(json(404, { error }));
      await expect(provider.getUser(userId)).rejects.toMatchObject({ fate: "noVerdict" });
    },
  );

  // Threat: a search that matches more than it was asked for logs somebody into, or resets, another account.
  it("refuse a search with two hits and ignore hits with another address", async () => {
    upstream.behave = answer(json(200, [user, { ...user, id: "0b6f3c52-7c1c-4c44-9d0c-0f3a5b7f6a02" }]));
    await expect(provider.findUserByEmail("jane@example.com")).rejects.toMatchObject({ fate: "noVerdict" });
    upstream.behave = answer(json(200, [{ ...user, email: "jane@example.com.evil.example" }]));
    expect(await provider.findUserByEmail("jane@example.com")).toBeUndefined();
  });

  it("refuse a record without an id and a list that is none", async () => {
    upstream.behave = answer(json(200, { username: "jane@example.com" }));
    await expect(provider.getUser(userId)).rejects.toMatchObject({ fate: "noVerdict" });
    upstream.behave = answer(json(200, {}));
    await expect(provider.findUserByEmail("jane@example.com")).rejects.toMatchObject({ fate: "noVerdict" });
  });

  // Threat: what a record does not say is read as "no", and a user who has a TOTP is given another one without a code.
  it("refuse a record that does not say whether there is a TOTP", async () => {
    for (const totp of [undefined, null, "true", 1]) {
      upstream.behave = answer(json(200, { ...user, totp }));
      await expect(provider.hasTotp(userId)).rejects.toMatchObject({ fate: "noVerdict" });
    }
    upstream.behave = answer(json(200, { ...user, totp: true }));
    expect(await provider.hasTotp(userId)).toBe(true);
  });

  // Fault: without the role view-realm Keycloak shows a part of the realm, which has no policy.
  it("refuse a part of the realm as a realm without a policy", async () => {
    upstream.behave = answer(json(200, { realm: "headgate" }));
    await expect(provider.passwordPolicy()).rejects.toMatchObject({ fate: "noVerdict" });
    upstream.behave = answer(json(200, { realm: "headgate", enabled: true, passwordPolicy: "length(9)" }));
    expect(await provider.passwordPolicy()).toMatchObject({ minLength: 9 });
  });

  // Threat: an intruder opens so many sessions that the owner's reset, which reads them, can never end them.
  it("read the list of ten thousand sessions, and no other answer of that length", async () => {
    const sessions = Array.from({ length: 10_000 }, (_, index) => ({
      id: `session-${index}`.padEnd(24, "x"),
      username: user.username,
      userId,
      ipAddress: "203.0.113.7",
      start: 1_000,
      lastAccess: 1_000 + index,
      clients: { "5f1dcdbd-6ec4-4f1c-9b3e-2a5a3d6f0a11": "cca_demo" },
    }));
    upstream.behave = answer(json(200, sessions));
    const listed = await provider.listSessions(userId);
    expect(listed).toHaveLength(10_000);
    expect(listed[0]).toMatchObject({ clientIds: ["cca_demo"], lastActiveAt: 10_999 });
    await expect(provider.findUserByEmail("jane@example.com")).rejects.toThrow("too large");
  });
});
