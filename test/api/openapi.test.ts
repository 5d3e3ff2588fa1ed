import { createConfig, lintFromString } from "@redocly/openapi-core";
import { afterAll, describe, expect, test } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { createDocumentCheck } from "./document-check.ts";
import { base, samples, startGateway, templateOf } from "./harness.ts";

const gateway = await startGateway();
afterAll(() => gateway.stop());

const { document } = gateway;
const check = createDocumentCheck(document);
const jsonType = "application/json";

interface Media {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, unknown>>;
}
interface Documented {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly content: Readonly<Record<string, Media>>; readonly headers: Readonly<Record<string, unknown>> }
    >
  >;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method,
    operation: operation as unknown as Documented,
    pointer: ["paths", path, method],
  })),
);
const headless = operations.filter(({ path }) => path.startsWith(base));
const operationOf = (operationId: string) => {
  const found = headless.find(({ operation }) => operation.operationId === operationId);
  if (found === undefined) throw new Error(`the document lacks ${operationId}`);
  return found;
};

/** The contract's table, without the errors that every operation has. */
const contract: Record<string, readonly string[]> = {
  login: ["INVALID_CREDENTIALS", "ACCOUNT_LOCKED", "EMAIL_NOT_VERIFIED", "APP_NOT_LICENSED", "ACTION_REQUIRED"],
  mfaVerify: [
    "MFA_INVALID_CODE",
    "MFA_CHALLENGE_EXPIRED",
    "ACCOUNT_LOCKED",
    "EMAIL_NOT_VERIFIED",
    "APP_NOT_LICENSED",
    "ACTION_REQUIRED",
  ],
  refresh: ["TOKEN_EXPIRED", "APP_NOT_LICENSED"],
  logout: ["TOKEN_EXPIRED"],
  signup: ["CONFLICT"],
  emailVerifySend: [],
  emailVerifyConfirm: ["INVALID_TOKEN"],
  passwordResetSend: [],
  passwordResetConfirm: ["INVALID_TOKEN"],
  passwordPolicy: [],
  mfaStatus: ["INVALID_TOKEN"],
  mfaEnroll: ["INVALID_TOKEN", "MFA_ALREADY_ENROLLED"],
  mfaEnrollConfirm: ["INVALID_TOKEN", "MFA_INVALID_CODE", "MFA_ALREADY_ENROLLED", "MFA_NOT_ENROLLED"],
  mfaDisable: [
    "INVALID_TOKEN",
    "MFA_INVALID_CODE",
    "MFA_NOT_ENROLLED",
    "ACCOUNT_LOCKED",
    "EMAIL_NOT_VERIFIED",
    "ACTION_REQUIRED",
  ],
  backupCodesCount: ["INVALID_TOKEN", "MFA_NOT_ENROLLED"],
  backupCodesRegenerate: [
    "INVALID_TOKEN",
    "MFA_INVALID_CODE",
    "MFA_NOT_ENROLLED",
    "ACCOUNT_LOCKED",
    "EMAIL_NOT_VERIFIED",
    "ACTION_REQUIRED",
  ],
  sessionsList: ["USER_NOT_FOUND"],
  sessionsRevoke: ["USER_NOT_FOUND", "CONFLICT"],
  sessionsRevokeAll: ["USER_NOT_FOUND"],
  lockoutStatus: ["USER_NOT_FOUND"],
  unlock: ["USER_NOT_FOUND"],
};
const common = ["VALIDATION_ERROR", "INVALID_CLIENT", "PAYLOAD_TOO_LARGE", "RATE_LIMITED", "INTERNAL_ERROR"];

describe("the document", () => {
  test("passes the linter's strictest rules", async () => {
    // Health checks refuse nobody; what the others refuse is compared with the contract below.
    const rules = { "operation-4xx-response": "off" } as const;
    const config = await createConfig({ extends: ["recommended-strict"], rules });
    const problems = await lintFromString({ source: JSON.stringify(document), config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([]);
  });

  test("is OpenAPI 3.1 and holds every operation of the contract once", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(headless.map(({ operation }) => operation.operationId).sort()).toEqual(Object.keys(contract).sort());
  });

  test.each(Object.entries(contract))("%s declares the contract's errors under their statuses", (operationId, own) => {
    const { operation } = operationOf(operationId);
    const body = operation.requestBody === undefined ? [] : ["UNSUPPORTED_MEDIA_TYPE"];
    const expected = Map.groupBy(
      [...common, ...own, ...body],
      (code) => errorTable[code as keyof typeof errorTable].status,
    );
    const declared = Object.entries(operation.responses)
      .filter(([status]) => Number(status) >= 400)
      .map(([status, { content }]) => [Number(status), Object.keys(content[jsonType]?.examples ?? {}).sort()] as const);
    expect(new Map(declared)).toEqual(new Map([...expected].map(([status, codes]) => [status, codes.sort()])));
  });

  test("asks for the credentials that the gateway asks for", () => {
    const client = { clientId: [], clientSecret: [] };
    for (const { operationId, auth } of samples) {
      const expected = auth === "client" ? [client] : [{ bearer: [] }, { bearer: [], ...client }];
      expect([operationId, operationOf(operationId).operation.security]).toEqual([operationId, expected]);
    }
    expect(document.components.securitySchemes).toMatchObject({
      clientId: { type: "apiKey", in: "header", name: "x-client-id" },
      clientSecret: { type: "apiKey", in: "header", name: "x-client-secret" },
      bearer: { type: "http", scheme: "bearer" },
    });
  });

  test("requires the bodies that the gateway requires", () => {
    for (const { operationId, body } of samples) {
      const { operation } = operationOf(operationId);
      expect([operationId, operation.requestBody?.required]).toEqual([
        operationId,
        body === undefined ? undefined : true,
      ]);
    }
  });

  test("has an example for every body, and each matches its schema", () => {
    const wrong: string[] = [];
    let examples = 0;
    const verify = (pointer: readonly string[], value: unknown) => {
      examples += 1;
      wrong.push(...check.problems(pointer, value).map((problem) => `${pointer.join(" ")}: ${problem}`));
    };
    for (const { pointer, operation } of headless) {
      const request = operation.requestBody?.content[jsonType];
      if (request !== undefined) verify([...pointer, "requestBody", "content", jsonType, "schema"], request.example);
      for (const [status, { content }] of Object.entries(operation.responses)) {
        const schema = [...pointer, "responses", status, "content", jsonType, "schema"];
        const media = content[jsonType];
        if (media?.example !== undefined) verify(schema, media.example);
        for (const code of Object.keys(media?.examples ?? {})) verify(schema, errorExample(code));
      }
    }
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      const { example } = schema as { example?: unknown };
      if (example !== undefined) verify(["components", "schemas", name], example);
    }
    expect(wrong).toEqual([]);
    expect(examples).toBeGreaterThan(180);
  });

  test("takes the requests that the gateway takes", () => {
    for (const sample of samples) {
      if (sample.body === undefined) continue;
      const pointer = ["paths", templateOf(sample), sample.method.toLowerCase(), "requestBody", "content", jsonType];
      expect([sample.operationId, check.problems([...pointer, "schema"], sample.body)]).toEqual([
        sample.operationId,
        [],
      ]);
    }
  });

  test("names the challenge of refused tokens and the wait of refused requests", () => {
    const { responses } = operationOf("mfaStatus").operation;
    expect(Object.keys(responses["401"]?.headers ?? {})).toContain("WWW-Authenticate");
    expect(Object.keys(responses["429"]?.headers ?? {})).toContain("Retry-After");
    expect(Object.keys(operationOf("login").operation.responses["401"]?.headers ?? {})).not.toContain(
      "WWW-Authenticate",
    );
  });

  // Threat: an example is copied, or a scanner finds a credential in the document.
  test("holds no credential", () => {
    expect(JSON.stringify(document)).not.toMatch(/ccas_[A-Za-z0-9]|eyJ[\w-]+\.[\w-]+\.[\w-]+/);
  });

  function errorExample(code: string): unknown {
    const { examples } = document.components as unknown as { examples: Record<string, { value: unknown }> };
    return examples[code]?.value;
  }
});

describe("the check of answers against the document", () => {
  const answered = { method: "POST", path: `${base}/login`, status: 200 };

  test("refuses what the document does not say", () => {
    expect(check.answerProblems({ ...answered, body: { accessToken: 1 } })).not.toEqual([]);
    expect(check.answerProblems({ ...answered, status: 418, body: {} })).toEqual(["login documents no status 418"]);
    expect(check.answerProblems({ ...answered, status: 401, body: { code: "MFA_INVALID_CODE" } })).not.toEqual([]);
  });

  test("finds operations with a path parameter", () => {
    const path = `${base}/sessions/abc?userId=x`;
    expect(check.answerProblems({ method: "DELETE", path, status: 418, body: {} })).toEqual([
      "sessionsRevoke documents no status 418",
    ]);
  });
});
