import { afterAll, expect, test } from "vitest";
import { AuthError } from "../../src/contract/errors.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../src/domain/ports/faults.ts";
import { accessToken, base, client, type Gateway, samples, send, startGateway, tokens } from "./harness.ts";

// Threat: passwords, codes, tokens and addresses of users end up in the log, through whatever path a request takes.
const gateway: Gateway = await startGateway({ timeouts: { headersMs: 200, requestMs: 400 } });
afterAll(() => gateway.stop());

const mark = (name: string) => `marker-${name}`;
const marked: Record<string, string> = {
  email: `${mark("email")}@example.com`,
  password: mark("password"),
  refreshToken: mark("refresh"),
  mfaToken: mark("mfa-token"),
  code: mark("code"),
  method: "totp",
  userId: mark("user-id"),
  token: mark("mail-token"),
  newPassword: mark("new-password"),
  firstName: mark("first-name"),
  lastName: mark("last-name"),
};
const plainHeaders = {
  "x-end-user-agent": mark("agent"),
  cookie: `session=${mark("cookie")}`,
  "user-agent": mark("peer-agent"),
};

const markedHeadersOf = {
  client: { ...plainHeaders, "x-client-secret": client.secret, authorization: `Bearer ${mark("bearer")}` },
  bearer: { ...plainHeaders, authorization: `Bearer ${accessToken}` },
};

const faults: (() => unknown)[] = [
  () => new AuthError("INVALID_CREDENTIALS"),
  () => new AuthError("TOKEN_EXPIRED"),
  () => new AuthError("USER_NOT_FOUND"),
  () => new UpstreamUnavailable("token endpoint", "noVerdict", { body: mark("upstream-body"), ...marked }),
  () =>
    new StoreUnavailable(
      "no answer",
      Object.assign(new Error("timed out"), { command: { args: Object.values(marked) } }),
    ),
  () => Object.assign(new Error("surprise"), { request: marked, headers: plainHeaders }),
  () => {
    try {
      return JSON.parse(mark("json-text"));
    } catch (error) {
      return error;
    }
  },
  () => mark("thrown-string"),
];

test("a request of every kind leaves no marked secret in the log", async () => {
  for (const sample of samples) {
    const markedHeaders: Record<string, string> = markedHeadersOf[sample.auth];
    const path = sample.path.replace(/userId=.*/, `userId=${mark("query-user")}`);
    const body = sample.body && Object.fromEntries(Object.keys(sample.body).map((key) => [key, marked[key]]));
    const good = { ...sample, path, ...(body === undefined ? {} : { body }) };

    await send(gateway, good, { headers: markedHeaders });
    for (const fault of faults) {
      const fail = async () => {
        throw fault();
      };
      Object.assign(gateway.behaviour, { [sample.operationId]: fail });
      await send(gateway, good, { headers: markedHeaders });
    }
    await send(gateway, good, {
      headers: { ...markedHeaders, "x-client-id": mark("id"), "x-client-secret": mark("secret") },
    });
    await send(gateway, good, { headers: { ...markedHeaders, "x-end-user-ip": mark("ip") } });
    await send(gateway, good, { headers: { ...markedHeaders, authorization: `Bearer ${mark("wrong-bearer")}` } });
    await send(gateway, good, {
      headers: { ...markedHeaders, "x-request-id": `${mark("request-id")} ${mark("forged")}` },
    });
    await send(gateway, { ...good, path: `${path.split("?")[0]}/${mark("path")}?token=${mark("query")}` });
    await send(gateway, { ...good, method: "PUT" }, { headers: markedHeaders });
    if (body !== undefined) {
      const json = JSON.stringify(body);
      const jsonHeaders = { ...markedHeaders, "content-type": "application/json" };
      await send(gateway, good, { rawBody: `${json},`, headers: jsonHeaders });
      await send(gateway, good, { rawBody: json, headers: { ...markedHeaders, "content-type": mark("type") } });
      await send(gateway, good, { rawBody: json + " ".repeat(20_000), headers: jsonHeaders });
      for (const key of Object.keys(body)) {
        await send(gateway, good, { headers: markedHeaders, body: { ...body, [key]: [mark("array")] } });
        await send(gateway, good, { headers: markedHeaders, body: { ...body, [key]: mark("x").repeat(2_000) } });
      }
    }
  }
  await fetch(`${gateway.url}/%ff${mark("path")}`);

  const log = gateway.rawLog();
  expect(gateway.logLines().length).toBeGreaterThan(samples.length * 12);
  expect(log).not.toContain("marker-");
  expect(log).not.toContain(client.secret);
  expect(log).not.toContain(accessToken);
  // What enrolment has shown once.
  for (const secret of ["JBSWY3DPEHPK3PXP", "otpauth:", "data:image", "code-1"]) expect(log).not.toContain(secret);
  for (const token of [tokens.accessToken, tokens.refreshToken, tokens.idToken]) expect(log).not.toContain(token);
  expect(log).not.toContain("jane@example.com");
});

test("no refusal echoes what was sent", async () => {
  const login = `${base}/login`;
  const answers = await Promise.all([
    send(gateway, { method: "POST", path: login, body: { email: mark("email"), password: mark("x").repeat(100) } }),
    send(gateway, { method: "POST", path: login, body: { email: [mark("email")], password: { a: mark("b") } } }),
    send(gateway, { method: "POST", path: `${login}/${mark("path")}` }, { body: {} }),
    send(
      gateway,
      { method: "POST", path: login },
      { rawBody: mark("text"), headers: { "content-type": "application/json" } },
    ),
    send(gateway, { method: "POST", path: login, body: {} }, { headers: { "content-type": mark("type") } }),
    send(gateway, { method: "POST", path: login, body: {} }, { headers: { "x-client-id": mark("id") } }),
    send(gateway, { method: "POST", path: login, body: {} }, { headers: { "x-end-user-ip": mark("ip") } }),
  ]);
  for (const { status, text, headers } of answers) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text + JSON.stringify([...headers])).not.toContain("marker-");
  }
});
