import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { AuthErrorCode, CalimaticAuthError, HeadlessAuthClient } from "../../src/sdk/index.ts";
import { operations } from "./operations.ts";
import {
  type Answer,
  credentials,
  emailVerified,
  json,
  lockoutStatus,
  mfaChallenge,
  mfaConfirmed,
  passwordPolicy,
  rejection,
  type StubGateway,
  sessionList,
  signupResult,
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

async function loginError(answer: Answer): Promise<CalimaticAuthError> {
  gateway.answerWith(answer);
  const error = await rejection(client.auth.login({ email: "jane@example.com", password: "p" }));
  expect(error).toBeInstanceOf(CalimaticAuthError);
  expect(gateway.received).toHaveLength(1);
  return error as CalimaticAuthError;
}

describe("errors of the gateway", () => {
  it("AuthErrorCode has the codes of the contract's table and the SDK's own two", () => {
    expect(Object.keys(AuthErrorCode).sort()).toEqual([...Object.keys(errorTable), "MFA_REQUIRED", "UNKNOWN"].sort());
    for (const [name, value] of Object.entries(AuthErrorCode)) expect(value).toBe(name);
  });

  it.each(Object.entries(errorTable))("%s is mapped, and sent once", async (code, { status, message }) => {
    const error = await loginError(json(status, { code, message, requestId: "req_1" }));
    expect(error).toMatchObject({ name: "CalimaticAuthError", status, code, message, requestId: "req_1" });
    expect(error.retryAfterSeconds).toBeUndefined();
    expect(error.details).toBeUndefined();
  });

  it.each([
    ["VALIDATION_ERROR", [{ path: "email", message: "must be an e-mail address" }]],
    ["ACTION_REQUIRED", { requiredActions: ["UPDATE_PASSWORD"] }],
    ["ACCOUNT_LOCKED", { retryAfterSeconds: 540 }],
  ])("%s carries its details", async (code, details) => {
    const error = await loginError(json(400, { code, message: "m", requestId: "r", details }));
    expect(error.details).toEqual(details);
    expect(error.retryAfterSeconds).toBe(code === "ACCOUNT_LOCKED" ? 540 : undefined);
  });

  it.each([
    "text",
    7,
    null,
    [{ path: "email" }],
    ["email"],
    { requiredActions: "UPDATE_PASSWORD" },
    { retryAfterSeconds: "540" },
    {},
  ])("drops details of an undocumented form: %j", async (details) => {
    const error = await loginError(json(400, { code: "VALIDATION_ERROR", message: "m", requestId: "r", details }));
    expect(error).toMatchObject({ code: "VALIDATION_ERROR", details: undefined });
  });

  it("takes waiting time and request id from the headers where the body has none", async () => {
    const headers = { "retry-after": "7", "x-request-id": "req_header" };
    const error = await loginError(json(500, { code: "INTERNAL_ERROR", message: "m" }, headers));
    expect(error).toMatchObject({ retryAfterSeconds: 7, requestId: "req_header" });
  });

  it("a code of a later gateway is UNKNOWN, named in the message", async () => {
    const error = await loginError(json(418, { code: "TEAPOT", message: "Short and stout.", requestId: "req_1" }));
    expect(error).toMatchObject({ status: 418, code: "UNKNOWN", requestId: "req_1" });
    expect(error.message).toBe('Unknown error code "TEAPOT": Short and stout.');
  });

  it.each(["__proto__", "constructor", "toString"])("%s is no code", async (code) => {
    expect(await loginError(json(400, { code, message: "m" }))).toMatchObject({ code: "UNKNOWN" });
  });
});

describe("answers that are not the gateway's", () => {
  const text =
    (status: number, body: string, headers: Record<string, string> = {}): Answer =>
    (response) => {
      response.writeHead(status, { "content-type": "text/html", ...headers });
      response.end(body);
    };

  it.each([
    ["an HTML error", text(502, "<h1>Bad gateway 10.0.0.7</h1>", { "retry-after": "3" }), 502],
    ["an error without a body", text(503, "", { "retry-after": "3" }), 503],
    ["JSON without a code", json(500, { error: "10.0.0.7" }, { "retry-after": "3" }), 500],
    ["a JSON list", json(404, ["10.0.0.7"], { "retry-after": "3" }), 404],
    ["a code that is no string", json(400, { code: 7, message: "10.0.0.7" }, { "retry-after": "3" }), 400],
  ])("%s is UNKNOWN with the status, and none of its text is shown", async (_name, answer, status) => {
    const error = await loginError(answer);
    expect(error).toMatchObject({ status, code: "UNKNOWN", retryAfterSeconds: 3 });
    expect(error.message).not.toContain("10.0.0.7");
  });

  it.each([
    ["HTML", text(200, "<h1>Welcome</h1>")],
    ["nothing", text(200, "")],
    ["null", json(200, null)],
    ["an empty object", json(200, {})],
    ["tokens without a user", json(200, { ...tokenSet, user: null })],
    ["a user without an id", json(200, { ...tokenSet, user: { email: "jane@example.com" } })],
    ["a token that is no string", json(200, { ...tokenSet, accessToken: 7 })],
    ["a challenge without a token", json(200, { ...mfaChallenge, mfaToken: undefined })],
    ["tokens that also ask for a second factor", json(200, { ...tokenSet, mfaRequired: false })],
  ])("a success that holds %s does not pass for a login", async (_name, answer) => {
    expect(await loginError(answer)).toMatchObject({ status: 200, code: "UNKNOWN" });
  });

  it("a challenge does not pass for the tokens of a second factor or a refresh", async () => {
    gateway.answerWith(json(200, mfaChallenge));
    const verify = client.mfa.verify({ mfaToken: "mfa_t", code: "123456", method: "totp" });
    expect(await rejection(verify)).toMatchObject({ code: "UNKNOWN" });
    expect(await rejection(client.auth.refresh({ refreshToken: "r" }))).toMatchObject({ code: "UNKNOWN" });
  });

  // Each field that an application acts on, missing, null and of another type.
  const required: Record<string, string[]> = {
    "auth.signup": ["user", "emailVerificationRequired"],
    "mfa.status": ["enabled", "methods", "backupCodesRemaining"],
    "mfa.enroll": ["secret", "otpauthUri", "qrCode", "expiresIn"],
    "mfa.confirmEnrollment": ["enabled", "backupCodes"],
    "mfa.disable": ["enabled"],
    "mfa.backupCodes.count": ["remaining", "total"],
    "mfa.backupCodes.regenerate": ["backupCodes"],
    "sessions.list": ["sessions"],
    "sessions.revokeAll": ["revoked"],
    "email.confirmVerification": ["userId", "email", "verified"],
    "security.passwordPolicy": Object.keys(passwordPolicy),
  };
  const broken = operations.flatMap(({ name, call, answer }) =>
    (required[name] ?? []).flatMap((field) =>
      [undefined, null, { of: "another type" }, [7]].map((value) => ({
        name,
        call,
        field,
        value,
        answer: { ...answer, [field]: value },
      })),
    ),
  );
  it.each(broken)("$name refuses an answer whose $field is $value", async ({ call, answer }) => {
    gateway.answerWith(json(200, answer));
    expect(await rejection(call(client))).toMatchObject({ status: 200, code: "UNKNOWN" });
    expect(gateway.received).toHaveLength(1);
  });

  it.each([
    ["a confirmed enrolment that is off", "mfa.confirmEnrollment", { ...mfaConfirmed, enabled: false }],
    ["a second factor that is still on", "mfa.disable", { enabled: true }],
    ["an address that is not verified", "email.confirmVerification", { ...emailVerified, verified: false }],
    ["a session without an id", "sessions.list", { sessions: [{ ...sessionList.sessions[0], id: undefined }] }],
    ["a session that is none", "sessions.list", { sessions: [null] }],
    ["an account without an id", "auth.signup", { ...signupResult, user: { email: "jane@example.com" } }],
  ])("%s is UNKNOWN", async (_name, name, answer) => {
    const operation = operations.find((candidate) => candidate.name === name);
    gateway.answerWith(json(200, answer));
    expect(await rejection(operation?.call(client) ?? Promise.resolve())).toMatchObject({ code: "UNKNOWN" });
  });

  it("a lockout status without its numbers is UNKNOWN", async () => {
    gateway.answerWith(json(200, { ...lockoutStatus, attemptsRemaining: null }));
    expect(await rejection(client.security.lockoutStatus({ userId: "u" }))).toMatchObject({ code: "UNKNOWN" });
  });

  // Threat: a server that is not the gateway, or a proxy gone wild, sends without end and fills the application's memory.
  it("an answer without end is cut off after a mebibyte", async () => {
    let connectionClosed: Promise<void> | undefined;
    const error = await loginError((response) => {
      connectionClosed = new Promise((resolve) => response.once("close", () => resolve()));
      response.writeHead(200, { "content-type": "application/json" });
      const pump = (): void => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
      };
      response.on("drain", pump);
      pump();
    });
    expect(error).toMatchObject({ status: 200, code: "UNKNOWN" });
    await connectionClosed;
  });
});

describe("no answer", () => {
  it("a refused connection is UNKNOWN with status 0 and keeps its cause", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const lonely = new HeadlessAuthClient({ baseUrl: `http://127.0.0.1:${port}`, ...credentials });
    const error = await rejection(lonely.auth.login({ email: "jane@example.com", password: "p" }));
    expect(error).toBeInstanceOf(CalimaticAuthError);
    expect(error).toMatchObject({
      status: 0,
      code: "UNKNOWN",
      message: expect.stringContaining("could not be reached"),
    });
    expect((error as Error).cause).toBeInstanceOf(Error);
  });

  it.each([
    ["before the answer", (): Answer => (response) => response.destroy()],
    [
      "within the body",
      (): Answer => (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
        response.write('{"accessToken":', () => response.destroy());
      },
    ],
  ])("a connection that breaks %s is UNKNOWN with status 0, and not tried again", async (_name, answer) => {
    expect(await loginError(answer())).toMatchObject({ status: 0, code: "UNKNOWN" });
  });

  it("a fetch that throws at once is UNKNOWN with status 0", async () => {
    const broken = new HeadlessAuthClient({
      baseUrl: gateway.baseUrl,
      ...credentials,
      fetch: () => {
        throw new Error("no network");
      },
    });
    expect(await rejection(broken.auth.logout({ refreshToken: "r" }))).toMatchObject({ status: 0, code: "UNKNOWN" });
  });
});

// Threat: whoever can answer once with a redirect (an open redirect, a hijacked name) would have the app's credentials and the
// user's password sent to a place of their choice.
describe("redirects", () => {
  it.each([301, 302, 303, 307, 308])("%i is not followed", async (status) => {
    const elsewhere = await startStubGateway();
    try {
      const error = await loginError(json(status, {}, { location: `${elsewhere.baseUrl}/login` }));
      expect(error).toMatchObject({ status, code: "UNKNOWN", message: expect.stringContaining("redirect") });
      expect(elsewhere.received).toHaveLength(0);
    } finally {
      await elsewhere.close();
    }
  });
});

describe("CalimaticAuthError", () => {
  const init = { status: 401, code: AuthErrorCode.INVALID_CREDENTIALS, message: "m" };

  it("is an Error with a name and a stack", () => {
    const error = new CalimaticAuthError({ ...init, cause: "why" });
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe("CalimaticAuthError: m");
    expect(error.stack).toContain("errors.test.ts");
    expect(error.cause).toBe("why");
    expect("cause" in new CalimaticAuthError(init)).toBe(false);
  });

  it("instanceof tells subclasses and strangers apart", () => {
    class Special extends CalimaticAuthError {}
    expect(new Special(init)).toBeInstanceOf(CalimaticAuthError);
    expect(new Special(init)).toBeInstanceOf(Special);
    expect(new CalimaticAuthError(init)).not.toBeInstanceOf(Special);
    for (const stranger of [new Error("m"), { ...init }, null, undefined, "m"]) {
      expect(stranger).not.toBeInstanceOf(CalimaticAuthError);
    }
  });
});
