import { afterAll, beforeEach, expect, test } from "vitest";
import { expectError, issue, testEveryOperation } from "../common-suite.ts";
import { client, sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("passwordResetSend");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, []);

test("hands the service the app and the trimmed address, and nothing that could name a link", async () => {
  const body = { email: " Jane@Example.com ", redirectUri: "https://evil.example", link: "https://evil.example" };
  await send(gateway, sample, {
    body,
    headers: { "x-forwarded-host": "evil.example", origin: "https://evil.example" },
  });
  expect(gateway.lastRequest()).toEqual({
    client: { app: expect.objectContaining({ id: client.id }), credentials: client },
    email: "Jane@Example.com",
    limits: expect.any(Object),
  });
});

test("charges the limits in the service's own store trip", async () => {
  gateway.events.splice(0);
  await send(gateway, sample);
  expect(gateway.events).toEqual([
    "client",
    `limits ${client.id} 127.0.0.1`,
    "passwordResetSend",
    "charged in service",
  ]);
});

test.each(["jane", "jane@", "jane@example.com, eve@example.com", "jane@example.com\r\nBcc: eve@example.com"])(
  "'%s' is no e-mail address",
  async (email) => {
    const answer = await send(gateway, sample, { body: { email } });
    expectError(answer, "VALIDATION_ERROR", issue("email", "must be an e-mail address"));
  },
);
