import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CalimaticAuthError, HeadlessAuthClient, type RequestOptions } from "../../src/sdk/index.ts";
import {
  credentials,
  json,
  lockoutStatus,
  mfaChallenge,
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

const { userId } = tokenSet.user;

describe("what goes over the wire", () => {
  it.each([
    {
      method: "auth.login",
      call: () => client.auth.login({ email: "jane@example.com", password: " p\u00e4ss " }),
      request: ["POST", "/login", { email: "jane@example.com", password: " p\u00e4ss " }],
      answer: tokenSet,
      result: tokenSet,
    },
    {
      method: "auth.login with a second factor",
      call: () => client.auth.login({ email: "jane@example.com", password: "p" }),
      request: ["POST", "/login", { email: "jane@example.com", password: "p" }],
      answer: mfaChallenge,
      result: mfaChallenge,
    },
    {
      method: "auth.refresh",
      call: () => client.auth.refresh({ refreshToken: "r" }),
      request: ["POST", "/refresh", { refreshToken: "r" }],
      answer: tokenSet,
      result: tokenSet,
    },
    {
      method: "auth.logout",
      call: () => client.auth.logout({ refreshToken: "r" }),
      request: ["POST", "/logout", { refreshToken: "r" }],
      answer: {},
      result: undefined,
    },
    {
      method: "mfa.verify",
      call: () => client.mfa.verify({ mfaToken: "mfa_t", code: "123456", method: "totp" }),
      request: ["POST", "/mfa/verify", { mfaToken: "mfa_t", code: "123456", method: "totp" }],
      answer: tokenSet,
      result: tokenSet,
    },
    {
      method: "security.lockoutStatus",
      call: () => client.security.lockoutStatus({ userId: "a b&c=/../d" }),
      request: ["GET", "/security/lockout-status?userId=a+b%26c%3D%2F..%2Fd", undefined],
      answer: lockoutStatus,
      result: lockoutStatus,
    },
    {
      method: "security.unlock",
      call: () => client.security.unlock({ userId }),
      request: ["POST", "/security/unlock", { userId }],
      answer: lockoutStatus,
      result: lockoutStatus,
    },
  ])("$method", async ({ call, request: [method, path, body], answer, result }) => {
    gateway.answerWith(json(200, answer));
    expect(await call()).toEqual(result);
    expect(gateway.received).toHaveLength(1);
    const [received] = gateway.received;
    expect(received?.method).toBe(method);
    expect(received?.url).toBe(`/api/v1/auth/headless${path}`);
    expect(received?.headers).toMatchObject({
      accept: "application/json",
      "x-client-id": credentials.clientId,
      "x-client-secret": credentials.clientSecret,
    });
    expect(received?.headers["content-type"]).toBe(body === undefined ? undefined : "application/json");
    expect(received?.body === "" ? undefined : JSON.parse(received?.body ?? "")).toEqual(body);
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
