import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CalimaticAuthError, HeadlessAuthClient, type RequestOptions } from "../../src/sdk/index.ts";
import { accessToken, operations } from "./operations.ts";
import {
  credentials,
  json,
  lockoutStatus,
  passwordPolicy,
  rejection,
  type StubGateway,
  startStubGateway,
  tokenSet,
} from "./stub-gateway.ts";

let gateway: StubGateway;
let client: HeadlessAuthClient;
beforeAll(async () => {
  gateway = await startStubGateway();
  client = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials });
});
afterAll(async () => await gateway.close());

const endUser = { ipAddress: "192.0.2.1", userAgent: "Agent/1.0" };

describe("what goes over the wire", () => {
  it.each(operations)("$name", async ({ call, method, path, body, bearer, status, answer, result }) => {
    gateway.answerWith(json(status, answer));
    expect(await call(client, { endUser })).toEqual(result);
    expect(gateway.received).toHaveLength(1);
    const [received] = gateway.received;
    expect(received?.method).toBe(method);
    expect(received?.url).toBe(`/api/v1/auth/headless${path}`);
    expect(received?.headers).toMatchObject({
      accept: "application/json",
      "x-client-id": credentials.clientId,
      "x-client-secret": credentials.clientSecret,
      "x-end-user-ip": endUser.ipAddress,
      "x-end-user-agent": endUser.userAgent,
    });
    expect(received?.headers.authorization).toBe(bearer ? `Bearer ${accessToken}` : undefined);
    expect(received?.headers["content-type"]).toBe(body === undefined ? undefined : "application/json");
    expect(received?.body === "" ? undefined : JSON.parse(received?.body ?? "")).toEqual(body);
  });

  it("are all endpoints of the API, and no other", () => {
    const endpoints = new Set(operations.map(({ method, path }) => `${method} ${path.replace(/\?.*/, "")}`));
    expect(endpoints.size).toBe(21);
  });

  it("every method of the client is in the list", () => {
    const methods = (value: object, prefix = ""): string[] =>
      Object.entries(value).flatMap(([name, member]) =>
        typeof member === "function" ? [prefix + name] : methods(member, `${prefix}${name}.`),
      );
    const listed = new Set(operations.map(({ name }) => name.split(" ")[0]));
    expect(methods(client).sort()).toEqual([...listed].sort());
  });

  it("the password policy needs no argument", async () => {
    gateway.answerWith(json(200, passwordPolicy));
    expect(await client.security.passwordPolicy()).toEqual(passwordPolicy);
  });

  it("an id cannot add to a query", async () => {
    gateway.answerWith(json(200, lockoutStatus));
    await client.security.lockoutStatus({ userId: "a b&c=/../d" });
    expect(gateway.received[0]?.url).toBe("/api/v1/auth/headless/security/lockout-status?userId=a+b%26c%3D%2F..%2Fd");
  });

  it("a password is sent as it is", async () => {
    gateway.answerWith(json(200, tokenSet));
    const password = " p\u00e4ss ";
    await client.auth.login({ email: "jane@example.com", password });
    expect(JSON.parse(gateway.received[0]?.body ?? "")).toMatchObject({ password });
  });

  it("sends only the documented fields of a request", async () => {
    gateway.answerWith(json(200, tokenSet));
    const form = { email: "jane@example.com", password: "p", cardNumber: "4111" };
    await client.auth.login(form);
    expect(JSON.parse(gateway.received[0]?.body ?? "")).toEqual({ email: "jane@example.com", password: "p" });
  });

  it("methods work detached from their group", async () => {
    gateway.answerWith(json(200, tokenSet));
    const { login } = client.auth;
    expect(await login({ email: "jane@example.com", password: "p" })).toEqual(tokenSet);
  });

  it("lets fields of a later gateway through", async () => {
    const later = { ...tokenSet, scope: "openid" };
    gateway.answerWith(json(200, later));
    expect(await client.auth.refresh({ refreshToken: "r" })).toEqual(later);
  });
});

// Threat: the application passes on what a browser sent. A line break in it would add headers of the attacker's choice to a
// request that carries the app's credentials (response splitting's sibling), and a forged address would dodge the limits.
describe("the end user's address and browser", () => {
  async function headersFor(endUser: RequestOptions["endUser"]) {
    gateway.answerWith(json(200, tokenSet));
    await client.auth.login({ email: "jane@example.com", password: "p" }, { endUser });
    const headers = gateway.received[0]?.headers;
    return [headers?.["x-end-user-ip"], headers?.["x-end-user-agent"]];
  }

  it("go into their headers", async () => {
    const ipAddress = "2001:db8::1";
    expect(await headersFor({ ipAddress, userAgent: " Agent/1.0 (\u00e9) " })).toEqual([
      ipAddress,
      "Agent/1.0 (\u00e9)",
    ]);
  });

  it("are left out when they are not known", async () => {
    for (const endUser of [undefined, {}, { ipAddress: undefined, userAgent: undefined }, { userAgent: " " }]) {
      expect(await headersFor(endUser)).toEqual([undefined, undefined]);
    }
  });

  it("a browser's name longer than 512 characters is cut", async () => {
    const [, userAgent] = await headersFor({ userAgent: "a".repeat(5000) });
    expect(userAgent).toBe("a".repeat(512));
  });

  it.each([
    ["endUser.userAgent", { userAgent: "Agent\r\nx-client-id: cca_other" }],
    ["endUser.userAgent", { userAgent: "Agent\nx-evil: 1" }],
    ["endUser.userAgent", { userAgent: "Agent\u0000" }],
    ["endUser.userAgent", { userAgent: "Agent \ud83d\ude00" }],
    ["endUser.userAgent", { userAgent: ["Agent"] as unknown as string }],
    ["endUser.ipAddress", { ipAddress: "192.0.2.1\r\nx-end-user-ip: 198.51.100.1" }],
    ["endUser.ipAddress", { ipAddress: "192.0.2.1, 198.51.100.1" }],
    ["endUser.ipAddress", { ipAddress: "" }],
  ])("%s is refused before anything is sent: %j", async (path, endUser) => {
    gateway.answerWith(json(200, tokenSet));
    const error = await rejection(client.auth.login({ email: "jane@example.com", password: "p" }, { endUser }));
    expect(error).toBeInstanceOf(CalimaticAuthError);
    expect(error).toMatchObject({ status: 0, code: "VALIDATION_ERROR", details: [{ path }] });
    expect(gateway.received).toHaveLength(0);
  });
});

// Threat: the session id comes from a form. An empty one would turn "end this session" into "end all sessions", and one with
// a path in it would call another endpoint with the app's credentials.
describe("a session's id", () => {
  it.each(["", ".", "..", "../security/unlock", "a/b", "a?userId=b", "a#b", "%2e%2e", "a b", "\ud800", undefined, 7])(
    "%j is refused before anything is sent",
    async (sessionId) => {
      gateway.answerWith(json(200, {}));
      const call = client.sessions.revoke({ sessionId: sessionId as string, userId: "u" });
      expect(await rejection(call)).toMatchObject({
        status: 0,
        code: "VALIDATION_ERROR",
        details: [{ path: "sessionId" }],
      });
      expect(gateway.received).toHaveLength(0);
    },
  );
});

// Threat: the access token comes from a cookie. A line break in it would add headers to a request that carries the app's
// credentials.
describe("an access token", () => {
  it.each(["", "a b", "token\r\nx-client-id: cca_other", "t\u00f6ken", undefined, null, ["token"]])(
    "%j is refused before anything is sent or refreshed",
    async (wrong) => {
      let refreshes = 0;
      const onRefresh = () => {
        refreshes += 1;
        return accessToken;
      };
      gateway.answerWith(json(200, {}));
      for (const options of [{}, { onRefresh }]) {
        const strict = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, ...options });
        expect(await rejection(strict.mfa.status({ accessToken: wrong as string }))).toMatchObject({
          status: 0,
          code: "VALIDATION_ERROR",
          details: [{ path: "accessToken" }],
        });
      }
      expect([gateway.received.length, refreshes]).toEqual([0, 0]);
    },
  );
});
