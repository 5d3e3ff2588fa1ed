import { afterAll, beforeEach, expect, test } from "vitest";
import { AuthError } from "../../../src/contract/errors.ts";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("signup");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "CONFLICT" }]);

const signup = (change: Record<string, unknown>) => send(gateway, sample, { body: { ...sample.body, ...change } });

test("hands the service what was sent, e-mail and names trimmed, the password as it is, and a signal", async () => {
  await signup({
    email: " Jane@Example.com\n",
    password: "  päss wörd  ",
    firstName: " Zoë ",
    lastName: "O'Neill-Łuk ",
  });
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    email: "Jane@Example.com",
    password: "  päss wörd  ",
    firstName: "Zoë",
    lastName: "O'Neill-Łuk",
    limits: expect.any(Object),
    signal: expect.any(AbortSignal),
  });
});

test("answers what the service says, not what was sent", async () => {
  gateway.behaviour.signup = async () => ({
    userId: "9b2e1c1e-8a57-4d0f-9a51-b6d0b2c7f111",
    email: "jane@example.org",
    firstName: "J",
    lastName: "D",
    emailVerificationRequired: false,
  });
  expect((await send(gateway, sample)).body).toEqual({
    user: { userId: "9b2e1c1e-8a57-4d0f-9a51-b6d0b2c7f111", email: "jane@example.org", firstName: "J", lastName: "D" },
    emailVerificationRequired: false,
  });
});

test("a password that breaks the realm's policy names its field and every rule", async () => {
  const issues = [
    { path: "password", message: "must be at least 8 characters long" },
    { path: "password", message: "must not be the e-mail address" },
  ];
  gateway.behaviour.signup = async () => {
    throw new AuthError("VALIDATION_ERROR", { message: "password: must be at least 8 characters long", issues });
  };
  const answer = await send(gateway, sample);
  expectError(answer, "VALIDATION_ERROR", { message: "password: must be at least 8 characters long", details: issues });
});

test("charges the limits in the service's own store trip", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "signup", "charged in service"]);
});

// Threat: a name becomes part of a mail; a line break in it would write the mail's headers.
test.each(["firstName", "lastName"])("%s: 1 to 100 characters without control characters", async (field) => {
  expect((await signup({ [field]: "ä".repeat(100) })).status).toBe(201);
  for (const bad of ["", "  ", "ä".repeat(101)]) {
    expectError(await signup({ [field]: bad }), "VALIDATION_ERROR", issue(field, "must be 1 to 100 characters long"));
  }
  for (const bad of ["Jane\r\nBcc: x@example.com", "Ja\u0000ne", "Ja\u0085ne"]) {
    expectError(
      await signup({ [field]: bad }),
      "VALIDATION_ERROR",
      issue(field, "must not contain control characters"),
    );
  }
});

test.each(["jane", "jane@", "@example.com", "jane doe@example.com", "jane@example.com\u0000x", "a@b@c"])(
  "'%s' is no e-mail address",
  async (email) => {
    expectError(await signup({ email }), "VALIDATION_ERROR", issue("email", "must be an e-mail address"));
  },
);

test("e-mail and password have the contract's lengths", async () => {
  const tooLong = `${"a".repeat(251)}@b.c`;
  expectError(await signup({ email: tooLong }), "VALIDATION_ERROR", issue("email", "must be 1 to 254 characters long"));
  expect((await signup({ password: "p".repeat(128) })).status).toBe(201);
  for (const password of ["", "p".repeat(129)]) {
    const answer = await signup({ password });
    expectError(answer, "VALIDATION_ERROR", issue("password", "must be 1 to 128 characters long"));
  }
});
