import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { actionError, expectError, issue, lockedError, testEveryOperation } from "../common-suite.ts";
import { base, client, type Gateway, sampleOf, send, startGateway, tokens, userId } from "../harness.ts";

const sample = sampleOf("login");
const gateway: Gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [
  { code: "INVALID_CREDENTIALS" },
  lockedError,
  { code: "EMAIL_NOT_VERIFIED" },
  { code: "APP_NOT_LICENSED" },
  actionError,
]);

const login = (body: unknown) => send(gateway, sample, { body });

test("hands the service what was sent, for whom, and a signal", async () => {
  await send(gateway, sample, {
    headers: { "x-end-user-ip": "203.0.113.9", "x-end-user-agent": "Mozilla/5.0" },
  });
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    email: "jane@example.com",
    password: "correct horse",
    endUser: { ipAddress: "203.0.113.9", userAgent: "Mozilla/5.0" },
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test("charges the limits in the service's own store trip", async () => {
  gateway.events.splice(0);
  await login(sample.body);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "login", "charged in service"]);
});

test("organization and licences are there when the claims are", async () => {
  gateway.behaviour.login = async () => ({
    kind: "tokens",
    tokens: { ...tokens, user: { ...tokens.user, organization: { id: "o-1", name: "Acme" }, licenses: ["cca_demo"] } },
  });
  const { body } = await login(sample.body);
  expect(body["user"]).toEqual({ ...tokens.user, organizationId: "o-1", orgName: "Acme", licenses: ["cca_demo"] });
});

test("a challenge is a 200 without a token of the identity provider", async () => {
  gateway.behaviour.login = async () => ({
    kind: "mfaRequired",
    mfaToken: "mfa_abc",
    expiresInSeconds: 300,
    methods: ["totp"],
    user: { userId, email: "jane@example.com", firstName: "Jane" },
  });
  const answer = await login(sample.body);
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    mfaRequired: true,
    mfaToken: "mfa_abc",
    expiresIn: 300,
    methods: ["totp"],
    user: { userId, email: "jane@example.com", firstName: "Jane" },
  });
});

// Threat: what reaches the counters and what reaches the identity provider differ, so that guesses go uncounted.
describe("e-mail", () => {
  test.each([
    ["  jane@example.com\t\n", "jane@example.com"],
    ["Jane@Example.com", "Jane@Example.com"],
    ["jané@exämple.com", "jané@exämple.com"],
    ["o'hara+x@example.com", "o'hara+x@example.com"],
    [`${"a".repeat(242)}@example.com`, `${"a".repeat(242)}@example.com`],
    [`${"😀".repeat(242)}@example.com`, `${"😀".repeat(242)}@example.com`],
  ])("%j is taken", async (email, handed) => {
    expect((await login({ ...sample.body, email })).status).toBe(200);
    expect(gateway.lastRequest()["email"]).toBe(handed);
  });

  test.each([
    "jane",
    "@example.com",
    "jane@",
    "jane@@example.com",
    "a@b@example.com",
    "jane doe@example.com",
    "jane\u0000@example.com",
    "jane@example.com\u0000",
    "jane@example.com\u0000 ",
    "jane\r\nX-Evil: 1@example.com",
    "jane\u007f@example.com",
    "jane\u0085@example.com",
    "jane\u2028@example.com",
  ])("%j is refused", async (email) => {
    const answer = await login({ ...sample.body, email });
    expectError(answer, "VALIDATION_ERROR", issue("email", "must be an e-mail address"));
  });

  test.each(["", "   ", `${"a".repeat(243)}@example.com`, "a".repeat(10_000)])(
    "its length is bounded: %#",
    async (email) => {
      const answer = await login({ ...sample.body, email });
      expectError(answer, "VALIDATION_ERROR", issue("email", "must be 1 to 254 characters long"));
    },
  );

  test.each(["jane\ud800@example.com", "\udc00jane@example.com"])("a lone surrogate is refused: %#", async (email) => {
    const answer = await login({ ...sample.body, email });
    expectError(answer, "VALIDATION_ERROR", issue("email", "must be well-formed Unicode"));
  });
});

describe("password", () => {
  test.each([
    "x",
    " leading and trailing ",
    "\t",
    "é".repeat(128),
    "😀".repeat(128),
    "a".repeat(128),
    "\u0000",
    "p\u0000q",
  ])("%j is handed on as it is", async (password) => {
    expect((await login({ ...sample.body, password })).status).toBe(200);
    expect(gateway.lastRequest()["password"]).toBe(password);
  });

  test.each(["", "a".repeat(129), "😀".repeat(129)])("its length is bounded, never cut: %#", async (password) => {
    const answer = await login({ ...sample.body, password });
    expectError(answer, "VALIDATION_ERROR", issue("password", "must be 1 to 128 characters long"));
  });

  test("a lone surrogate is refused: upstream it would become another password", async () => {
    const answer = await login({ ...sample.body, password: "pass\ud800word" });
    expectError(answer, "VALIDATION_ERROR", issue("password", "must be well-formed Unicode"));
  });
});

test("a caller that hangs up aborts the service's signal and leaves no error in the log", async () => {
  const reached = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  gateway.behaviour.login = ({ signal }) => {
    reached.resolve();
    return new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => {
        aborted.resolve();
        reject(new Error("aborted"));
      });
    });
  };
  const caller = new AbortController();
  const call = fetch(`${gateway.url}${base}/login`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-client-id": client.id,
      "x-client-secret": client.secret,
      "x-request-id": "hung-up",
    },
    body: JSON.stringify(sample.body),
    signal: caller.signal,
  });
  await reached.promise;
  caller.abort();
  await expect(call).rejects.toThrow();
  await aborted.promise;
  await expect.poll(() => gateway.logLines().filter((line) => line["requestId"] === "hung-up")).toHaveLength(2);
  const lines = gateway.logLines().filter((line) => line["requestId"] === "hung-up");
  expect(lines.map(({ level, msg, callerGone }) => ({ level, msg, callerGone }))).toEqual([
    { level: "warn", msg: "request refused", callerGone: undefined },
    { level: "info", msg: "request", callerGone: true },
  ]);
});
