import { afterAll, describe, expect, test } from "vitest";
import { AuthError } from "../../src/contract/errors.ts";
import { expectError } from "./common-suite.ts";
import { type Gateway, sampleOf, send, startGateway, tokens, unlocked, wireTokens } from "./harness.ts";

// Threat: a later change hands an internal record to the wire, and a secret leaves with it.
const strict = await startGateway({ responseGuard: "strict" });
const strip = await startGateway({ responseGuard: "strip" });
afterAll(() => Promise.all([strict.stop(), strip.stop()]));

const login = sampleOf("login");
const leakyUser = { userId: "u", email: "e", firstName: "f", passwordHash: "marker-leak" };
const leakyChallenge = async () => ({
  kind: "mfaRequired" as const,
  mfaToken: "mfa_abc",
  expiresInSeconds: 300,
  methods: ["totp"] as const,
  user: leakyUser,
});
const wireChallenge = {
  mfaRequired: true,
  mfaToken: "mfa_abc",
  expiresIn: 300,
  methods: ["totp"],
  user: { userId: "u", email: "e", firstName: "f" },
};

const guardLines = (gateway: Gateway) =>
  gateway.logLines().filter(({ err }) => (err as { type?: string } | undefined)?.type === "UndeclaredResponse");

describe("an undeclared field", () => {
  test("strict: INTERNAL_ERROR, the field named in the log", async () => {
    strict.behaviour.login = leakyChallenge;
    const answer = await send(strict, login);
    expectError(answer, "INTERNAL_ERROR");
    expect(answer.text).not.toContain("marker-leak");
    expect(guardLines(strict)).toHaveLength(1);
    expect(guardLines(strict)[0]).toMatchObject({
      err: { message: "login: the answer holds undeclared fields: user.passwordHash" },
    });
    expect(strict.rawLog()).not.toContain("marker-leak");
  });

  test("strip: sent without it, and logged", async () => {
    strip.behaviour.login = leakyChallenge;
    const answer = await send(strip, login);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(wireChallenge);
    expect(guardLines(strip)).toHaveLength(1);
    expect(guardLines(strip)[0]).toMatchObject({
      level: "error",
      requestId: answer.headers.get("x-request-id"),
      err: { message: "login: the answer holds undeclared fields: user.passwordHash" },
    });
    expect(strip.rawLog()).not.toContain("marker-leak");
  });
});

test.each([strict, strip])("an answer that breaks its schema is not sent in either mode: %#", async (gateway) => {
  gateway.behaviour.lockoutStatus = async () => ({ ...unlocked, attemptsRemaining: -1 });
  expectError(await send(gateway, sampleOf("lockoutStatus")), "INTERNAL_ERROR");
  expect(gateway.rawLog()).toContain("the answer breaks its schema at attemptsRemaining");
});

test("strip: an undeclared error is sent and logged", async () => {
  strip.behaviour.login = async () => {
    throw new AuthError("MFA_NOT_ENROLLED");
  };
  expectError(await send(strip, login), "MFA_NOT_ENROLLED");
  expect(strip.rawLog()).toContain("login: this error of status 400 is not declared");
});

test.each([strict, strip])("an error that lacks its details is INTERNAL_ERROR in either mode: %#", async (gateway) => {
  gateway.behaviour.login = async () => {
    throw new AuthError("ACCOUNT_LOCKED");
  };
  expectError(await send(gateway, login), "INTERNAL_ERROR");
});

test("optional fields that are undefined are no violation", async () => {
  strict.behaviour.login = async () => ({
    kind: "tokens",
    tokens: { ...tokens, user: { ...tokens.user, licenses: [] } },
  });
  const { body } = await send(strict, login);
  expect(body).toEqual({ ...wireTokens, user: { ...wireTokens.user, licenses: [] } });
});
