import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { expectCommonHeaders, expectError } from "./common-suite.ts";
import { base, client, sampleOf, samples, send, startGateway } from "./harness.ts";

const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

const login = sampleOf("login");

describe("unknown paths", () => {
  test.each([
    "/",
    "/login",
    base,
    `${base}/`,
    `${base}/login/`,
    `${base}/Login`,
    `${base}//login`,
    `${base}/login%2F`,
    `${base}/login%00`,
    `${base}/%2e%2e/headless/login%2f..`,
    `${base}/signup/x`,
    `${base}/sessions/`,
    `${base}/sessions/a/b`,
    "/openapi.json/",
    "/docs/",
    "/docs/../.env",
    "/.env",
  ])("%s", async (path) => {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      gateway.events.splice(0);
      expectError(await send(gateway, { method, path }), "NOT_FOUND");
      expect(gateway.events).toEqual([]);
    }
  });

  test("are logged without the path: it may hold a token", async () => {
    await send(gateway, { method: "GET", path: "/reset/marker-path?token=marker-query" });
    expect(gateway.rawLog()).not.toContain("marker-");
    expect(gateway.logLines().at(-1)).toMatchObject({ route: null, status: 404, errorCode: "NOT_FOUND" });
  });
});

test("HEAD of an unknown path and of a POST endpoint has the status and no body", async () => {
  const unknown = await send(gateway, { method: "HEAD", path: "/nowhere" });
  expect([unknown.status, unknown.text]).toEqual([404, ""]);
  const known = await send(gateway, { method: "HEAD", path: login.path });
  expect([known.status, known.text, known.headers.get("allow")]).toEqual([405, "", "POST"]);
});

test("a browser's preflight gets no permission of any kind", async () => {
  const answer = await send(
    gateway,
    { method: "OPTIONS", path: login.path },
    { headers: { origin: "https://evil.example", "access-control-request-method": "POST" } },
  );
  expectError(answer, "METHOD_NOT_ALLOWED");
  expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
});

describe("request id", () => {
  const answeredId = async (id: string) => {
    const { headers, body } = await send(
      gateway,
      { method: "GET", path: "/nowhere" },
      { headers: { "x-request-id": id } },
    );
    expect(body["requestId"]).toBe(headers.get("x-request-id"));
    return headers.get("x-request-id");
  };

  test.each(["a", "req_1.2-3", "A".repeat(64)])("%s is echoed", async (id) => {
    expect(await answeredId(id)).toBe(id);
  });

  // Threat: forged log lines, split headers, or a log that is searched for somebody else's request.
  test.each(["", "a b", "a".repeat(65), 'a","level":"fatal', "a/b", "é", "a, b", "../a", "<script>"])(
    "'%s' is replaced",
    async (id) => {
      expect(await answeredId(id)).toMatch(/^req_[A-Za-z0-9_-]{22}$/);
    },
  );

  test("is new for every request", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => send(gateway, { method: "GET", path: "/nowhere" })));
    expect(new Set(ids.map(({ headers }) => headers.get("x-request-id"))).size).toBe(3);
  });

  test("is on every answer and its log lines, errors included", async () => {
    gateway.behaviour.login = async () => {
      throw new Error("surprise");
    };
    await send(gateway, login, { headers: { "x-request-id": "seen-twice" } });
    const lines = gateway.logLines().filter(({ requestId }) => requestId === "seen-twice");
    expect(lines.map(({ msg, errorCode }) => [msg, errorCode])).toEqual([
      ["request failed", "INTERNAL_ERROR"],
      ["request", "INTERNAL_ERROR"],
    ]);
  });
});

test("a stack, a path or a version is in no answer", async () => {
  gateway.behaviour.login = async () => {
    throw new TypeError("Cannot read properties of undefined (reading 'marker')");
  };
  const { text, headers } = await send(gateway, login);
  expect(text + JSON.stringify([...headers])).not.toMatch(/marker|TypeError|node_modules|\.ts|hono|node\//i);
});

test("a second client header does not replace the first", async () => {
  const response = await fetch(`${gateway.url}${login.path}`, {
    method: "POST",
    headers: [
      ["content-type", "application/json"],
      ["x-client-id", client.id],
      ["x-client-id", "cca_other"],
      ["x-client-secret", client.secret],
    ],
    body: JSON.stringify(login.body),
  });
  expect(response.status).toBe(errorTable.INVALID_CLIENT.status);
});

test("every operation has a sample here", async () => {
  for (const sample of samples) expectCommonHeaders(await send(gateway, sample));
  const documented = Object.entries(gateway.document.paths)
    .filter(([path]) => path.startsWith(base))
    .flatMap(([_path, operations]) => Object.values(operations).map(({ operationId }) => operationId));
  expect(samples.map(({ operationId }) => operationId).sort()).toEqual(documented.sort());
  expect(documented).toHaveLength(21);
});
