// The packed SDK, installed as an application would, on every runtime that it promises to work on.
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createSdkConsumer, formats, importNames, type Runtime, type SdkConsumer } from "../support/sdk-consumer.ts";
import { accessToken, operations } from "./operations.ts";
import { fetchRuntime, type NamedRuntime, runtimes } from "./runtimes.ts";
import {
  type Answer,
  bearerGateway,
  credentials,
  invalidToken,
  json,
  type StubGateway,
  startStubGateway,
  tokenSet,
} from "./stub-gateway.ts";

// Runtimes are downloaded once, programs started throughout.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 });

let consumer: SdkConsumer;
let gateway: StubGateway;
beforeAll(async () => {
  [consumer, gateway] = await Promise.all([createSdkConsumer(), startStubGateway()]);
  await writeFile(join(consumer.directory, "journey.mjs"), journey);
});
afterAll(async () => {
  await Promise.all([consumer?.remove(), gateway?.close()]);
});

const freshToken = "fresh.token";

/** Calls every method once, the bearer ones in parallel with a token that has ended, then runs into every kind of failure. */
const journey = `
import { CalimaticAuthError, HeadlessAuthClient } from "@calimatic/auth/headless";
const { BASE_URL: baseUrl, CLOSED_URL, ACCESS_TOKEN: accessToken, FRESH_TOKEN, USER_ID: userId } = process.env;
let refreshes = 0;
const onRefresh = async (stale) => {
  if (stale === accessToken) refreshes += 1;
  return FRESH_TOKEN;
};
const client = new HeadlessAuthClient({ baseUrl, onRefresh });
const { auth, mfa, sessions, email, password, security } = client;
const user = { email: "jane@example.com", password: "p", firstName: "Jane", lastName: "Doe" };
const code = "123456";
const results = {
  "auth.login": await auth.login(user),
  "auth.signup": await auth.signup(user),
  "auth.refresh": await auth.refresh({ refreshToken: "r" }),
  "auth.logout": await auth.logout({ refreshToken: "r" }),
  "mfa.verify": await mfa.verify({ mfaToken: "mfa_t", code, method: "totp" }),
  "sessions.list": await sessions.list({ userId }),
  "sessions.revoke": await sessions.revoke({ userId, sessionId: "Zk3xT0mQ9aB7_-cD1eF2gH3i" }),
  "sessions.revokeAll": await sessions.revokeAll({ userId }),
  "email.sendVerification": await email.sendVerification(user),
  "email.confirmVerification": await email.confirmVerification({ token: "t" }),
  "password.resetSend": await password.resetSend(user),
  "password.resetConfirm": await password.resetConfirm({ token: "t", newPassword: "p" }),
  "security.lockoutStatus": await security.lockoutStatus({ userId }),
  "security.passwordPolicy": await security.passwordPolicy(),
  "security.unlock": await security.unlock({ userId }),
};
const bearer = {
  "mfa.status": mfa.status({ accessToken }),
  "mfa.enroll": mfa.enroll({ accessToken }),
  "mfa.confirmEnrollment": mfa.confirmEnrollment({ accessToken, code }),
  "mfa.disable": mfa.disable({ accessToken, code }),
  "mfa.backupCodes.count": mfa.backupCodes.count({ accessToken }),
  "mfa.backupCodes.regenerate": mfa.backupCodes.regenerate({ accessToken, code }),
};
for (const [name, call] of Object.entries(bearer)) results[name] = await call;

const reason = new Error("the visitor left");
const controller = new AbortController();
setTimeout(() => controller.abort(reason), 100);
const login = (userAgent, options) => auth.login(user, { endUser: { ipAddress: "192.0.2.1", userAgent }, ...options });
const closed = new HeadlessAuthClient({ baseUrl: CLOSED_URL });
const failures = {};
for (const [name, call] of Object.entries({
  locked: () => login("locked"),
  invalidToken: () => email.confirmVerification({ token: "t" }, { endUser: { userAgent: "refused" } }),
  html: () => login("html"),
  redirect: () => login("redirect"),
  broken: () => login("broken"),
  half: () => login("half", { timeoutMs: 500 }),
  silent: () => login("silent", { timeoutMs: 500 }),
  refused: () => closed.auth.login(user),
  header: () => login("Agent\\r\\nx-evil: 1"),
  aborted: () => login("silent", { signal: controller.signal }),
})) {
  failures[name] = await call().then(() => "resolved", (error) =>
    error instanceof CalimaticAuthError
      ? [error.status, error.code, error.cause?.name === "TimeoutError", error.retryAfterSeconds ?? null]
      : [error === reason]);
}
const { Deno, Bun } = globalThis;
const runtime = Deno ? "Deno " + Deno.version.deno : Bun ? "Bun " + Bun.version : "Node " + process.versions.node;
console.log(JSON.stringify({ runtime, results, refreshes, failures }));
`;

const special: Record<string, Answer> = {
  locked: json(423, { code: "ACCOUNT_LOCKED", message: "m", requestId: "r", details: { retryAfterSeconds: 540 } }),
  refused: invalidToken,
  html: (response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>"),
  redirect: (response) => response.writeHead(307, { location: "/elsewhere" }).end(),
  broken: (response) => response.destroy(),
  half: (response) => response.writeHead(200, { "content-type": "application/json" }).write('{"accessToken":'),
  silent: () => {},
};

const answer: Answer = (response, request) => {
  const failure = special[`${request.headers["x-end-user-agent"]}`];
  if (failure !== undefined) return failure(response, request);
  const path = request.url.replace("/api/v1/auth/headless", "");
  const operation = operations.find((one) => one.method === request.method && one.path === path);
  if (operation === undefined) return json(404, { code: "NOT_FOUND", message: path })(response, request);
  const success = json(operation.status, operation.answer);
  (operation.bearer ? bearerGateway(new Set([freshToken]), success) : success)(response, request);
};

/** An address at which nobody listens. */
async function closedUrl(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

const thisNode: Pick<NamedRuntime, "name"> = { name: `Node ${process.versions.node}` };

describe.each([thisNode, ...runtimes])("on $name", (named) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = "package" in named ? await fetchRuntime(named as NamedRuntime) : { program: process.execPath, args: [] };
  });

  it.each(importNames.flatMap((importName) => formats.map((format) => ({ importName, format }))))(
    "the contract's samples run with $importName, $format",
    async (variant) => {
      gateway.answerWith((response, request) => {
        const right = JSON.parse(request.body).password === "right";
        const wrong = { code: "INVALID_CREDENTIALS", message: "m", requestId: "r" };
        (right ? json(200, tokenSet) : json(401, wrong))(response, request);
      });
      const input = { ...variant, ...credentials, baseUrl: gateway.baseUrl, email: "jane@example.com", runtime };
      expect(await consumer.runLogin({ ...input, password: "right" })).toMatchObject({ kind: "tokens" });
      expect(await consumer.runError({ ...input, password: "wrong" })).toEqual({
        kind: "handled",
        code: "INVALID_CREDENTIALS",
      });
    },
  );

  it("every method, the shared refresh and every kind of failure", async () => {
    gateway.answerWith(answer);
    const env = {
      CALIMATIC_CLIENT_ID: credentials.clientId,
      CALIMATIC_CLIENT_SECRET: credentials.clientSecret,
      BASE_URL: gateway.baseUrl,
      CLOSED_URL: await closedUrl(),
      ACCESS_TOKEN: accessToken,
      FRESH_TOKEN: freshToken,
      USER_ID: tokenSet.user.userId,
    };
    const output = JSON.parse(await consumer.runProgram("journey.mjs", { env, runtime }));
    expect(output.runtime).toBe(named.name);
    // What resolves to undefined is not in the JSON.
    const expected = operations.filter(({ name, result }) => !name.includes(" ") && result !== undefined);
    expect(output.results).toEqual(Object.fromEntries(expected.map(({ name, result }) => [name, result])));
    expect(output.refreshes).toBe(1);
    expect(output.failures).toEqual({
      locked: [423, "ACCOUNT_LOCKED", false, 540],
      invalidToken: [401, "INVALID_TOKEN", false, null],
      html: [502, "UNKNOWN", false, null],
      redirect: [307, "UNKNOWN", false, null],
      broken: [0, "UNKNOWN", false, null],
      half: [0, "UNKNOWN", true, null],
      silent: [0, "UNKNOWN", true, null],
      refused: [0, "UNKNOWN", false, null],
      header: [0, "VALIDATION_ERROR", false, null],
      aborted: [true],
    });
    const bare = operations.filter(({ result }) => result === undefined).map(({ path }) => path);
    const paths = gateway.received.map(({ url }) => url.replace("/api/v1/auth/headless", ""));
    expect(paths).toEqual(expect.arrayContaining(bare));
    for (const { headers } of gateway.received) expect(headers["x-client-id"]).toBe(credentials.clientId);
  });
});
