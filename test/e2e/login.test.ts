import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import {
  claimsOf,
  createUser,
  demoApp,
  joinNewOrganization,
  licensedApp,
  oidc,
  sessionsOf,
} from "../support/keycloak.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let gateway: TestGateway;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ redisUrl: redis.url });
});
afterAll(async () => {
  await gateway?.stop();
  await redis?.stop();
});

const login = (body: unknown, headers: Record<string, string> = {}, app = demoApp) =>
  callApi(gateway, "/login", { body, headers, app });

describe("a user without a second factor", () => {
  test("gets tokens of the calling app, good for Keycloak", async () => {
    const user = await createUser();
    const { status, body, headers } = await login({ email: user.email, password: user.password });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(["accessToken", "expiresAt", "idToken", "refreshToken", "user"]);
    expect(body.user).toEqual({ userId: user.userId, email: user.email, firstName: "Jane", lastName: "Doe" });
    expect(claimsOf(body.accessToken)).toMatchObject({ azp: demoApp.id, sub: user.userId });
    expect(claimsOf(body.idToken)).toMatchObject({ aud: demoApp.id, sub: user.userId });
    expect(body.expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Date.parse(body.expiresAt)).toBe(Number(claimsOf(body.accessToken)["exp"]) * 1000);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("ratelimit-policy")).toContain('"client";q=');
    expect(headers.get("ratelimit")).not.toContain("account");
  });

  test("is found by any variant of the address that Keycloak takes for it", async () => {
    const user = await createUser();
    for (const email of [` ${user.email} `, user.email.toUpperCase()]) {
      const { status, body } = await login({ email, password: user.password });
      expect([status, body.user?.userId]).toEqual([200, user.userId]);
    }
  });

  test("shows up at Keycloak with the end user's address", async () => {
    const user = await createUser();
    await login({ email: user.email, password: user.password }, { "x-end-user-ip": "203.0.113.7" });
    expect((await sessionsOf(user)).map(({ ipAddress }) => ipAddress)).toEqual(["203.0.113.7"]);
  });

  test("carries the organization when there is exactly one", async () => {
    const user = await createUser();
    const first = await joinNewOrganization(user);
    const one = await login({ email: user.email, password: user.password });
    expect(one.body.user).toMatchObject({ organizationId: first.id, orgName: first.name });
    await joinNewOrganization(user);
    const two = await login({ email: user.email, password: user.password });
    expect(two.status).toBe(200);
    expect(two.body.user).not.toHaveProperty("organizationId");
    expect(two.body.user).not.toHaveProperty("orgName");
  });
});

describe("a licensed app", () => {
  test("takes a user with its licence and tells the licences", async () => {
    const user = await createUser({ licenses: [licensedApp.id] });
    const { status, body } = await login({ email: user.email, password: user.password }, {}, licensedApp);
    expect([status, body.user?.licenses]).toEqual([200, [licensedApp.id]]);
  });

  test("refuses a user without it, and leaves no session", async () => {
    const user = await createUser();
    const { status, body } = await login({ email: user.email, password: user.password }, {}, licensedApp);
    expect([status, body.code]).toEqual([403, "APP_NOT_LICENSED"]);
    expect(await sessionsOf(user)).toEqual([]);
  });

  test("refuses a user with a second factor before the challenge", async () => {
    const user = await createUser({ totp: true });
    const { status, body } = await login({ email: user.email, password: user.password }, {}, licensedApp);
    expect([status, body.code]).toEqual([403, "APP_NOT_LICENSED"]);
  });
});

describe("refusals", () => {
  const shape = ({ status, body, headers }: Awaited<ReturnType<typeof login>>) => ({
    status,
    body: { ...body, requestId: "" },
    headers: [...headers.keys()].filter((name) => !["date", "keep-alive"].includes(name)),
  });

  test("name what is missing once the password is right", async () => {
    const cases = [
      [{ emailVerified: false }, { status: 403, code: "EMAIL_NOT_VERIFIED" }],
      [
        { emailVerified: false, totp: true },
        { status: 403, code: "EMAIL_NOT_VERIFIED" },
      ],
      [
        { requiredActions: ["UPDATE_PASSWORD"] },
        { status: 403, code: "ACTION_REQUIRED", actions: ["UPDATE_PASSWORD"] },
      ],
      [
        { requiredActions: ["UPDATE_PASSWORD"], totp: true },
        { status: 403, code: "ACTION_REQUIRED", actions: ["UPDATE_PASSWORD"] },
      ],
    ] as const;
    for (const [wanted, expected] of cases) {
      const user = await createUser(wanted);
      const { status, body } = await login({ email: user.email, password: user.password });
      expect({ status, code: body.code, ...(body.details && { actions: body.details.requiredActions }) }).toEqual(
        expected,
      );
    }
  });

  test("of an app with a wrong secret, an unknown id or none are one answer", async () => {
    const user = await createUser();
    const body = { email: user.email, password: user.password };
    const answers = [
      await login(body, {}, { id: demoApp.id, secret: "ccas_wrong" }),
      await login(body, {}, { id: "cca_unknown", secret: demoApp.secret }),
      await callApi(gateway, "/login", { body, app: null }),
      await callApi(gateway, "/login", { body, app: null, headers: { "x-client-id": demoApp.id } }),
    ].map(shape);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: "INVALID_CLIENT" } });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });
});

// Threat: a holder of the app's secret skips the second factor by calling Keycloak's token endpoint.
test("Keycloak gives no tokens for a user with a second factor to a holder of the app's secret", async () => {
  const user = await createUser({ totp: true });
  const { status, body } = await oidc("token", demoApp, {
    grant_type: "password",
    username: user.email,
    password: user.password,
    scope: "openid",
  });
  expect(status).not.toBe(200);
  expect(body).not.toHaveProperty("access_token");
  expect(await sessionsOf(user)).toEqual([]);
});
