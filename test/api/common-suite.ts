import { describe, expect, test } from "vitest";
import { AuthError, type ErrorCode, errorTable } from "../../src/contract/errors.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../src/domain/ports/faults.ts";
import {
  type Answer,
  accessToken,
  client,
  demoApp,
  type Gateway,
  type Sample,
  samples,
  send,
  templateOf,
} from "./harness.ts";

/** Expects an error of the contract, whole body and headers. */
export function expectError(answer: Answer, code: ErrorCode, more: { message?: string; details?: unknown } = {}): void {
  const details = more.details === undefined ? {} : { details: more.details };
  expect(answer.body).toEqual({
    code,
    message: more.message ?? errorTable[code].message,
    requestId: answer.headers.get("x-request-id"),
    ...details,
  });
  expect(answer.status).toBe(errorTable[code].status);
  expectCommonHeaders(answer);
}

/** What is on every response, whatever it is. */
export function expectCommonHeaders(answer: Answer): void {
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(answer.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  expect(answer.headers.get("x-powered-by")).toBeNull();
  expect(answer.headers.get("server")).toBeNull();
}

export const issue = (path: string, message: string) => ({
  message: `${path === "" ? "body" : path}: ${message}`,
  details: [{ path, message }],
});

const clientHeaders = { "x-client-id": client.id, "x-client-secret": client.secret };

/** An error that an operation's service may throw; what the domain gives it is what `details` shows. */
export interface ServiceError {
  readonly code: ErrorCode;
  readonly details?: { readonly retryAfterSeconds: number } | { readonly requiredActions: readonly string[] };
}

export const lockedError: ServiceError = { code: "ACCOUNT_LOCKED", details: { retryAfterSeconds: 540 } };
export const actionError: ServiceError = { code: "ACTION_REQUIRED", details: { requiredActions: ["UPDATE_PASSWORD"] } };

/** Makes the operation's service throw. */
function failWith(gateway: Gateway, { operationId }: Sample, thrown: unknown): void {
  const fail = async () => {
    throw thrown;
  };
  Object.assign(gateway.behaviour, { [operationId]: fail });
}

/**
 * What every operation must do, whatever else it does.
 *
 * @param errors of the operation's own, that its service may throw
 */
export function testEveryOperation(gateway: () => Gateway, sample: Sample, errors: readonly ServiceError[]): void {
  const events = () => gateway().events.splice(0);
  const fail = (thrown: unknown) => failWith(gateway(), sample, thrown);
  const success = sample.status ?? 200;

  describe("the answer", () => {
    test("is the declared one, with the common headers", async () => {
      const answer = await send(gateway(), sample);
      expect(answer.body).toEqual(sample.answer);
      expect(answer.status).toBe(success);
      expectCommonHeaders(answer);
    });

    test("carries the client and address limits, never the account's", async () => {
      const answer = await send(gateway(), sample);
      expect(answer.headers.get("ratelimit-policy")).toBe('"client";q=6000;w=60, "address";q=600;w=60');
      expect(answer.headers.get("ratelimit")).toBe('"client";r=5999;t=1, "address";r=599;t=1');
    });

    test("is logged as one line with the route's template", async () => {
      const requestId = `line-${sample.operationId}`;
      await send(gateway(), sample, { headers: { "x-request-id": requestId } });
      const lines = gateway()
        .logLines()
        .filter((line) => line["requestId"] === requestId);
      expect(lines).toEqual([
        {
          level: "info",
          time: expect.any(String),
          requestId,
          method: sample.method,
          route: templateOf(sample),
          status: success,
          durationMs: expect.any(Number),
          clientId: client.id,
          msg: "request",
        },
      ]);
    });
  });

  describe("errors of the service", () => {
    const all: readonly ServiceError[] = [
      ...errors,
      { code: "INVALID_CLIENT" },
      { code: "RATE_LIMITED", details: { retryAfterSeconds: 3 } },
      { code: "INTERNAL_ERROR" },
    ];
    test.each(all)("$code", async ({ code, details }) => {
      fail(new AuthError(code, details));
      const answer = await send(gateway(), sample);
      expectError(answer, code, { details });
      const retryAfter =
        details !== undefined && "retryAfterSeconds" in details ? details.retryAfterSeconds : undefined;
      expect(answer.headers.get("retry-after")).toBe(retryAfter === undefined ? null : String(retryAfter));
    });

    test.each([
      ["the identity provider", new UpstreamUnavailable("token endpoint: marker-upstream", "unknown")],
      ["the store", new StoreUnavailable("marker-store")],
    ])("%s cannot be reached: INTERNAL_ERROR with Retry-After, the cause in the log only", async (_who, fault) => {
      fail(fault);
      const answer = await send(gateway(), sample);
      expectError(answer, "INTERNAL_ERROR");
      expect(answer.headers.get("retry-after")).toBe("5");
      const requestId = answer.headers.get("x-request-id");
      const logged = gateway()
        .logLines()
        .filter((line) => line["requestId"] === requestId && line["level"] === "error");
      expect(logged).toHaveLength(1);
      expect(logged[0]).toMatchObject({ msg: "request failed", err: { type: fault.name, message: fault.message } });
    });

    test.each([
      ["an error", new TypeError("marker-bug")],
      ["a string", "marker-bug"],
      ["undefined", undefined],
    ])("%s thrown by surprise: INTERNAL_ERROR without a trace of it", async (_what, thrown) => {
      fail(thrown);
      const requestId = `surprise-${sample.operationId}-${typeof thrown}`;
      const answer = await send(gateway(), sample, { headers: { "x-request-id": requestId } });
      expectError(answer, "INTERNAL_ERROR");
      expect(answer.headers.get("retry-after")).toBeNull();
      expect(answer.text).not.toContain("marker-bug");
      const lines = gateway()
        .logLines()
        .filter((line) => line["requestId"] === requestId);
      expect(lines.map(({ msg }) => msg)).toEqual(["request failed", "request"]);
    });

    test("an error that the operation does not declare becomes INTERNAL_ERROR in strict mode", async () => {
      // Other codes of the same status may well be declared.
      const code = sample.auth === "client" ? "MFA_ALREADY_ENROLLED" : "MFA_CHALLENGE_EXPIRED";
      fail(new AuthError(code));
      expectError(await send(gateway(), sample), "INTERNAL_ERROR");
      const { status } = errorTable[code];
      expect(gateway().rawLog()).toContain(`${sample.operationId}: this error of status ${status} is not declared`);
    });
  });

  if (sample.auth === "client") testClientAuthentication(gateway, sample);
  else testBearerAuthentication(gateway, sample);

  describe("rate limits", () => {
    test("used up: 429 with Retry-After, the same in details, and the headers", async () => {
      gateway().behaviour.limitsExhausted = true;
      const answer = await send(gateway(), sample);
      expectError(answer, "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
      expect(answer.headers.get("retry-after")).toBe("7");
      expect(answer.headers.get("ratelimit")).toBe('"client";r=0;t=7, "address";r=0;t=7');
    });

    test("are charged exactly once", async () => {
      events();
      await send(gateway(), sample);
      expect(events().filter((event) => event.startsWith("charged"))).toHaveLength(1);
    });

    test("are charged when the service throws before it has taken them", async () => {
      events();
      fail(new AuthError("INTERNAL_ERROR"));
      const answer = await send(gateway(), sample);
      expect(events().filter((event) => event.startsWith("charged"))).toEqual(["charged rest"]);
      expect(answer.headers.get("ratelimit")).toBe('"client";r=5999;t=1, "address";r=599;t=1');
    });

    test("used up, and a fault before the service has taken them: the 429's headers, not the fault's", async () => {
      gateway().behaviour.limitsExhausted = true;
      fail(new UpstreamUnavailable("token endpoint", "unsent"));
      const answer = await send(gateway(), sample);
      expectError(answer, "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
      expect(answer.headers.get("retry-after")).toBe("7");
    });

    test("come before the end-user headers' check", async () => {
      gateway().behaviour.limitsExhausted = true;
      const headers = { ...clientHeaders, "x-end-user-ip": "nonsense" };
      expectError(await send(gateway(), sample, { headers }), "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
    });
  });

  testEndUser(gateway, sample);

  test("other methods: 405 with Allow, without a look at the client", async () => {
    const siblings = samples.filter((other) => templateOf(other) === templateOf(sample)).map(({ method }) => method);
    const allowed = [...siblings, ...(siblings.includes("GET") ? ["HEAD"] : [])].sort();
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      if (allowed.includes(method)) continue;
      events();
      const answer = await send(gateway(), { ...sample, method }, { body: undefined });
      expectError(answer, "METHOD_NOT_ALLOWED");
      expect(answer.headers.get("allow")?.split(", ").sort()).toEqual(allowed);
      expect(events()).toEqual([]);
    }
  });

  if (sample.body !== undefined) testJsonBody(gateway, { ...sample, body: sample.body });
}

// Threat: an unauthenticated caller learns anything, or costs anything, beyond the refusal itself.
function testClientAuthentication(gateway: () => Gateway, sample: Sample): void {
  describe("app client authentication", () => {
    const refused: [string, Record<string, string | undefined>][] = [
      ["no headers", { "x-client-id": undefined, "x-client-secret": undefined }],
      ["no id", { "x-client-id": undefined }],
      ["no secret", { "x-client-secret": undefined }],
      ["an empty secret", { "x-client-secret": "" }],
      ["an unknown id", { "x-client-id": "cca_other" }],
      ["a wrong secret", { "x-client-secret": "ccas_wrong" }],
      [
        "HTTP Basic instead",
        { "x-client-secret": undefined, authorization: `Basic ${btoa("cca_demo:ccas_demo-secret")}` },
      ],
    ];
    test.each(refused)("%s: one answer, and nothing further is looked at", async (_what, headers) => {
      gateway().events.splice(0);
      const answer = await send(gateway(), sample, { headers });
      expectError(answer, "INVALID_CLIENT");
      expect(answer.headers.get("ratelimit")).toBeNull();
      expect(gateway().events.splice(0)).toEqual(["client"]);
    });

    test("comes before limits, end-user headers, content type and schema", async () => {
      gateway().behaviour.limitsExhausted = true;
      const answer = await send(gateway(), sample, {
        headers: { "x-client-id": "cca_other", "content-type": "text/plain", "x-end-user-ip": "nonsense" },
      });
      expectError(answer, "INVALID_CLIENT");
    });
  });
}

// Threats: whoever has seen a token anywhere uses it; a token of one app is used by another; a refusal tells why.
function testBearerAuthentication(gateway: () => Gateway, sample: Sample): void {
  const events = () => gateway().events.splice(0);
  const success = sample.status ?? 200;

  function expectChallenge(answer: Answer, challenge: string): void {
    expectError(answer, "INVALID_TOKEN");
    expect(answer.headers.get("www-authenticate")).toBe(challenge);
    expect(answer.headers.get("ratelimit")).toBeNull();
  }

  describe("bearer authentication", () => {
    test("without anything: a challenge that names no error", async () => {
      events();
      const answer = await send(gateway(), sample, { headers: { authorization: undefined } });
      expectChallenge(answer, 'Bearer realm="headless"');
      expect(events()).toEqual(["bearer"]);
    });

    test.each([
      ["another token", "Bearer other"],
      ["no token", "Bearer"],
      ["a blank token", "Bearer  "],
      ["another scheme", `Basic ${btoa("cca_demo:ccas_demo-secret")}`],
      ["the bare token", accessToken],
      ["two tokens", `Bearer ${accessToken} ${accessToken}`],
      ["two headers in one", `Bearer ${accessToken}, Bearer ${accessToken}`],
      ["a tab between", `Bearer\t${accessToken}`],
      ["quotes", `Bearer "${accessToken}"`],
      ["characters that no token has", `Bearer ${accessToken}é`],
      ["padding in the middle", `Bearer =${accessToken}`],
      ["more than 4096 characters", `Bearer ${accessToken.padEnd(4097, "a")}`],
      ["far more than 4096 characters", `Bearer ${accessToken.padEnd(12_000, "a")}`],
    ])("with %s: one answer, and nothing further is looked at", async (_what, authorization) => {
      events();
      const answer = await send(gateway(), sample, { headers: { authorization } });
      expectChallenge(answer, 'Bearer realm="headless", error="invalid_token"');
      expect(events()).toEqual(["bearer"]);
    });

    test("of 4096 characters is checked", async () => {
      const longest = accessToken.padEnd(4096, "a");
      let checked: string | undefined;
      gateway().behaviour.authenticateBearer = async (presented) => {
        checked = presented.accessToken;
        throw new AuthError("INVALID_TOKEN");
      };
      await send(gateway(), sample, { headers: { authorization: `Bearer ${longest}` } });
      expect(checked).toBe(longest);
    });

    test.each([`bearer ${accessToken}`, `BEARER ${accessToken}`, `Bearer   ${accessToken}`])(
      "'%s' is taken: the scheme has no case",
      async (authorization) => {
        expect((await send(gateway(), sample, { headers: { authorization } })).status).toBe(success);
      },
    );

    test("by query or by client headers alone is none", async () => {
      const path = `${sample.path}?access_token=${accessToken}`;
      const answer = await send(
        gateway(),
        { ...sample, path },
        { headers: { authorization: undefined, ...clientHeaders } },
      );
      expectChallenge(answer, 'Bearer realm="headless"');
    });

    test("comes before limits, content type and schema", async () => {
      gateway().behaviour.limitsExhausted = true;
      const answer = await send(gateway(), sample, {
        headers: { authorization: "Bearer other", "content-type": "text/plain", "x-end-user-ip": "nonsense" },
      });
      expectError(answer, "INVALID_TOKEN");
    });

    // Threat: a token of an ended session, or a good one, is sent over and over: each time costs a call upstream.
    test("limits stand between the token and the look-up of its session", async () => {
      const looked: string[] = [];
      gateway().behaviour.authenticateBearer = async ({ admit }) => {
        await admit?.(demoApp);
        looked.push("session");
        throw new AuthError("INVALID_TOKEN");
      };
      const ended = await send(gateway(), sample);
      expectError(ended, "INVALID_TOKEN");
      expect(ended.headers.get("ratelimit")).toBe('"client";r=5999;t=1, "address";r=599;t=1');
      expect(looked).toEqual(["session"]);
      gateway().behaviour.limitsExhausted = true;
      expectError(await send(gateway(), sample), "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
      expect(looked).toEqual(["session"]);
    });

    test("a session that ends during the call is refused with the challenge as well", async () => {
      failWith(gateway(), sample, new AuthError("INVALID_TOKEN"));
      const answer = await send(gateway(), sample);
      expectError(answer, "INVALID_TOKEN");
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="headless", error="invalid_token"');
    });

    test("other refusals carry no challenge", async () => {
      gateway().behaviour.limitsExhausted = true;
      expect((await send(gateway(), sample)).headers.get("www-authenticate")).toBeNull();
    });
  });

  describe("client headers of a bearer call", () => {
    test("are handed to the check of the token, which comes after theirs", async () => {
      events();
      const answer = await send(gateway(), sample, { headers: clientHeaders });
      expect(answer.status).toBe(success);
      expect(events().slice(0, 3)).toEqual(["client", "bearer", `limits ${client.id} 127.0.0.1`]);
      let seen: string | undefined;
      gateway().behaviour.authenticateBearer = async (presented) => {
        seen = presented.client?.app.id;
        throw new AuthError("INVALID_CLIENT");
      };
      expectError(await send(gateway(), sample, { headers: clientHeaders }), "INVALID_CLIENT");
      expect(seen).toBe(client.id);
    });

    test.each([
      ["a wrong secret", { ...clientHeaders, "x-client-secret": "ccas_wrong" }],
      ["an id alone", { "x-client-id": client.id }],
      ["a secret alone", { "x-client-secret": client.secret }],
      ["empty ones", { "x-client-id": "", "x-client-secret": "" }],
    ])("that are not right (%s) are refused, whatever the token", async (_what, headers) => {
      events();
      const answer = await send(gateway(), sample, { headers });
      expectError(answer, "INVALID_CLIENT");
      expect(answer.headers.get("www-authenticate")).toBeNull();
      expect(events()).toEqual(["client"]);
    });

    test("may be left out: then the end-user headers are nobody's word and ignored", async () => {
      for (const address of ["203.0.113.9", "nonsense"]) {
        events();
        const headers = { "x-end-user-ip": address, "x-end-user-agent": "a".repeat(600) };
        expect((await send(gateway(), sample, { headers })).status).toBe(success);
        expect(events()).toContain(`limits ${client.id} 127.0.0.1`);
      }
    });
  });
}

// Threat: whoever sends a request writes its headers. An address that is believed from anyone makes limits worthless.
function testEndUser(gateway: () => Gateway, sample: Sample): void {
  const events = () => gateway().events.splice(0);
  const success = sample.status ?? 200;

  describe("end user", () => {
    const limitedAddress = async (headers: Record<string, string>) => {
      events();
      const answer = await send(gateway(), sample, { headers: { ...clientHeaders, ...headers } });
      return { answer, limits: events().find((event) => event.startsWith("limits ")) };
    };

    test("is the peer without headers, whatever X-Forwarded-For and its kin say", async () => {
      const { answer, limits } = await limitedAddress({
        "x-forwarded-for": "203.0.113.9",
        "x-real-ip": "203.0.113.9",
        "cf-connecting-ip": "203.0.113.9",
        forwarded: "for=203.0.113.9",
      });
      expect(answer.status).toBe(success);
      expect(limits).toBe(`limits ${client.id} 127.0.0.1`);
    });

    test.each([
      ["203.0.113.9", "203.0.113.9"],
      ["2001:db8::1", "2001:db8::1"],
      ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
      ["::ffff:203.0.113.9", "203.0.113.9"],
      ["::ffff:cb00:7109", "203.0.113.9"],
    ])("%s is taken as %s", async (sent, taken) => {
      const { answer, limits } = await limitedAddress({ "x-end-user-ip": sent });
      expect(answer.status).toBe(success);
      expect(limits).toBe(`limits ${client.id} ${taken}`);
    });

    test.each([
      "",
      "localhost",
      "203.0.113.9, 127.0.0.1",
      "203.0.113.9:443",
      "[2001:db8::1]",
      "fe80::1%eth0",
      "0203.0.113.9",
      "203.0.113",
      "3405803785",
      "2001:db8::1/64",
    ])("'%s' is refused, and charged to the peer", async (sent) => {
      const { answer, limits } = await limitedAddress({ "x-end-user-ip": sent });
      expectError(answer, "VALIDATION_ERROR", issue("x-end-user-ip", "must be one IPv4 or IPv6 address"));
      expect(limits).toBe(`limits ${client.id} 127.0.0.1`);
      expect(events()).not.toContain(sample.operationId);
    });

    const withAgent = (length: number) =>
      send(gateway(), sample, { headers: { ...clientHeaders, "x-end-user-agent": "a".repeat(length) } });

    test("agent: 512 characters are taken, 513 refused", async () => {
      expect((await withAgent(512)).status).toBe(success);
      const answer = await withAgent(513);
      expectError(answer, "VALIDATION_ERROR", issue("x-end-user-agent", "must be at most 512 characters long"));
    });
  });
}

/** What every operation with a JSON body must refuse. Threats: attacks on parsers, and two readings of one request. */
function testJsonBody(gateway: () => Gateway, sample: Sample & { body: Readonly<Record<string, unknown>> }): void {
  const success = sample.status ?? 200;

  describe("the body", () => {
    const refused = async (change: Parameters<typeof send>[2]) => {
      gateway().events.splice(0);
      const answer = await send(gateway(), sample, change);
      // Charged after all: the limits stand before the schema.
      expect(gateway().events.filter((event) => event.startsWith("charged"))).toEqual(["charged rest"]);
      expect(answer.headers.get("ratelimit")).toBe('"client";r=5999;t=1, "address";r=599;t=1');
      expect(gateway().events).not.toContain(sample.operationId);
      return answer;
    };

    test.each([
      undefined,
      "",
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/vnd.api+json",
      "application/jsonp",
      "application/json, text/plain",
      "application/json; charset=utf-16",
      "application",
    ])("with content type %s: 415", async (type) => {
      // Bytes, so that fetch does not add a type of its own.
      const rawBody = new TextEncoder().encode(JSON.stringify(sample.body));
      expectError(await refused({ rawBody, headers: { "content-type": type } }), "UNSUPPORTED_MEDIA_TYPE");
    });

    test.each([
      "application/json",
      "application/json; charset=utf-8",
      'application/json;charset="UTF-8"',
      "APPLICATION/JSON",
    ])("with content type %s is taken", async (type) => {
      expect((await send(gateway(), sample, { headers: { "content-type": type } })).status).toBe(success);
    });

    test("compressed: 415, unread", async () => {
      expectError(await refused({ headers: { "content-encoding": "gzip" } }), "UNSUPPORTED_MEDIA_TYPE", {
        message: "The request body must be sent without compression.",
      });
    });

    test.each(["", " ", "{", '{"email":', "{}{}", "nul", "'{}'", '{"a":1,}', "\u0000"])(
      "'%s': malformed",
      async (rawBody) => {
        const answer = await refused({ rawBody, headers: { "content-type": "application/json" } });
        expectError(answer, "VALIDATION_ERROR", issue("", "must be valid JSON"));
      },
    );

    test("that is not UTF-8 is refused, not repaired: repaired, two passwords would be one", async () => {
      const rawBody = Buffer.concat([Buffer.from('{"password":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
      const answer = await refused({ rawBody, headers: { "content-type": "application/json" } });
      expectError(answer, "VALIDATION_ERROR", issue("", "must be UTF-8"));
    });

    test.each([null, [], ["x"], "text", 1, true])("%j is no object", async (body) => {
      const answer = await refused({ rawBody: JSON.stringify(body), headers: { "content-type": "application/json" } });
      expectError(answer, "VALIDATION_ERROR", issue("", "must be a JSON object"));
    });

    const fields = Object.keys(sample.body);
    const required = fields.filter((field) => sample.optional?.includes(field) !== true);
    test.each(required)("without %s", async (field) => {
      const answer = await refused({ body: { ...sample.body, [field]: undefined } });
      const message = field === "method" ? 'must be "totp" or "backup_code"' : "is required";
      expectError(answer, "VALIDATION_ERROR", issue(field, message));
    });

    const wrongTypes = [null, 1, true, ["marker-value"], { marker: "marker-value" }, [[["marker-value"]]]];
    test.each(fields.flatMap((field) => wrongTypes.map((value) => [field, value] as const)))(
      "with %s as %j: refused without an echo",
      async (field, value) => {
        const answer = await refused({ body: { ...sample.body, [field]: value } });
        const message = field === "method" ? 'must be "totp" or "backup_code"' : "must be a string";
        expectError(answer, "VALIDATION_ERROR", issue(field, message));
        expect(answer.text).not.toContain("marker-value");
      },
    );

    if (required.length > 0)
      test("with all fields wrong: each is in details, the first in the message", async () => {
        const answer = await refused({ body: {} });
        expect(answer.body["details"]).toEqual(required.map((path) => ({ path, message: expect.any(String) })));
        expect(answer.body["message"]).toMatch(new RegExp(`^${required[0]}: `));
      });

    test("with unknown fields, __proto__ among them: they are ignored", async () => {
      const more = '"extra":{"a":[1]},"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}';
      const rawBody = JSON.stringify(sample.body).replace("{", `{${more}${fields.length > 0 ? "," : ""}`);
      const answer = await send(gateway(), sample, { rawBody, headers: { "content-type": "application/json" } });
      expect(answer.status).toBe(success);
      const handed = gateway().lastRequest();
      for (const name of ["extra", "admin"]) expect(name in handed).toBe(false);
      expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    });

    if (required.length > 0)
      test("with its fields only inside __proto__: they are missing", async () => {
        const answer = await refused({
          rawBody: `{"__proto__":${JSON.stringify(sample.body)}}`,
          headers: { "content-type": "application/json" },
        });
        expect(answer.body["details"]).toHaveLength(required.length);
      });

    if (fields.length > 0)
      test("with a field twice: the last one counts, for the check and for the service alike", async () => {
        const [field = ""] = fields;
        const last = JSON.stringify(sample.body);
        const rawBody = last.replace("{", `{${JSON.stringify(field)}:["first"],`);
        const answer = await send(gateway(), sample, { rawBody, headers: { "content-type": "application/json" } });
        expect(answer.status).toBe(success);
        expect(gateway().lastRequest()[field]).toBe(sample.body[field]);
      });

    test("nested as deep as its size allows is refused like any other", async () => {
      const deep = `${"[".repeat(8_000)}${"]".repeat(8_000)}`;
      const answer = await refused({ rawBody: deep, headers: { "content-type": "application/json" } });
      expectError(answer, "VALIDATION_ERROR", issue("", "must be a JSON object"));
    });

    test("over 16 KiB: 413, declared before the client is looked at, chunked when the size is reached", async () => {
      const rawBody = JSON.stringify({ ...sample.body, padding: "x".repeat(16 * 1024) });
      gateway().events.splice(0);
      expectError(
        await send(gateway(), sample, { rawBody, headers: { "content-type": "application/json" } }),
        "PAYLOAD_TOO_LARGE",
      );
      expect(gateway().events).toEqual([]);
      const chunked = new Blob([rawBody]).stream();
      expectError(
        await send(gateway(), sample, { rawBody: chunked, headers: { "content-type": "application/json" } }),
        "PAYLOAD_TOO_LARGE",
      );
      expect(gateway().events).not.toContain(sample.operationId);
    });

    test("of exactly 16 KiB is taken, declared and chunked", async () => {
      const bare = JSON.stringify({ ...sample.body, padding: "" });
      const rawBody = bare.replace(/""}$/, `"${"x".repeat(16 * 1024 - bare.length)}"}`);
      expect(rawBody).toHaveLength(16 * 1024);
      const headers = { "content-type": "application/json" };
      expect((await send(gateway(), sample, { rawBody, headers })).status).toBe(success);
      const chunked = new Blob([rawBody]).stream();
      expect((await send(gateway(), sample, { rawBody: chunked, headers })).status).toBe(success);
    });

    test.each([
      ["malformed JSON", { rawBody: "{", headers: { "content-type": "application/json" } }],
      ["a broken schema", { body: [] }],
      ["a wrong content type", { headers: { "content-type": "text/plain" } }],
    ])("limits come first: with %s and used-up limits it is a 429", async (_what, change) => {
      gateway().behaviour.limitsExhausted = true;
      const answer = await send(gateway(), sample, change);
      expectError(answer, "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
      expect(answer.headers.get("retry-after")).toBe("7");
      expect(answer.headers.get("ratelimit")).toBe('"client";r=0;t=7, "address";r=0;t=7');
    });
  });
}
