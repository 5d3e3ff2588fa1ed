// Threat: applications log their clients and errors. The app's secret, a password, a code or a token that stands in one of
// them ends up in a log store that many can read.
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeadlessAuthClient } from "../../src/sdk/index.ts";
import { accessToken, bearerOperations, operations, secrets } from "./operations.ts";
import {
  type Answer,
  credentials,
  invalidToken,
  json,
  rejection,
  type StubGateway,
  startStubGateway,
} from "./stub-gateway.ts";

let gateway: StubGateway;
beforeAll(async () => {
  gateway = await startStubGateway();
});
afterAll(async () => await gateway.close());

/** Everything that a logger could print of a value. */
function printed(value: unknown): string {
  const deep = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true };
  const error = value instanceof Error ? [value.message, value.stack, inspect(value.cause, deep)] : [];
  return [String(value), `${JSON.stringify(value)}`, inspect(value), inspect(value, deep), ...error].join("\n");
}

const freshToken = "fresh-do-not-print";
const confidential = [credentials.clientSecret, accessToken, freshToken, ...Object.values(secrets)];

function expectNothingConfidential(text: string): void {
  for (const secret of confidential) expect(text).not.toContain(secret);
}

describe("nothing confidential is printed of", () => {
  it("a client, its groups and their methods", () => {
    const client = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials });
    for (const group of [client, client.mfa, ...Object.values(client)]) {
      for (const value of [group, ...Object.values(group)]) expectNothingConfidential(printed(value));
    }
    expect(JSON.parse(JSON.stringify(client))).toEqual({
      auth: {},
      mfa: { backupCodes: {} },
      sessions: {},
      email: {},
      password: {},
      security: {},
    });
  });

  const internalError = { code: "INTERNAL_ERROR", message: "Something went wrong.", requestId: "req_1" };
  const failures: [string, Answer][] = [
    ["an error of the gateway", json(500, internalError)],
    ["an HTML error", (response) => response.writeHead(502).end("<h1>Bad gateway</h1>")],
    ["a broken connection", (response) => response.destroy()],
    ["a redirect", json(302, {}, { location: "https://auth.example.com/" })],
    ["a success of another form", json(200, {})],
    ["a time-out", () => {}],
  ];
  it.each(failures)("%s", async (_name, answer) => {
    const client = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, timeoutMs: 100 });
    gateway.answerWith(answer);
    // Those that say nothing on success take any object for one.
    const calls = operations.filter(({ result }) => result !== undefined);
    const errors = await Promise.all(calls.map(({ call }) => rejection(call(client))));
    for (const error of errors) expectNothingConfidential(printed(error));
  });

  it("a refused header value", async () => {
    const client = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials });
    const { password } = secrets;
    const endUser = { userAgent: `Agent\r\n${password}` };
    const call = client.auth.login({ email: "jane@example.com", password }, { endUser });
    expectNothingConfidential(printed(await rejection(call)));
    expectNothingConfidential(printed(await rejection(client.mfa.status({ accessToken: `${accessToken}\n` }))));
  });

  const refreshes: [string, () => unknown][] = [
    ["a refresh that does not help", () => freshToken],
    ["a refresh that gives no token", () => ({ accessToken: freshToken })],
    ["a refresh that gives no header value", () => `${freshToken}\r\n`],
    ["a refresh that hangs", () => new Promise(() => {})],
  ];
  it.each(refreshes)("%s", async (_name, onRefresh) => {
    const config = { baseUrl: gateway.baseUrl, ...credentials, timeoutMs: 500, onRefresh: onRefresh as () => string };
    gateway.answerWith(invalidToken);
    const client = new HeadlessAuthClient(config);
    const errors = await Promise.all(bearerOperations.map(({ call }) => rejection(call(client))));
    for (const value of [client, ...errors]) expectNothingConfidential(printed(value));
  });
});
