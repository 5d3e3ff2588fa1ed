import { expect, test } from "vitest";
import { expectError, issue } from "./common-suite.ts";
import { client, type Gateway, type Sample, send } from "./harness.ts";

/** What every operation that names its user in the query does. */
export function testUserIdQuery(gateway: () => Gateway, sample: Sample): void {
  const path = sample.path.replace(/\?.*/, "");
  const ask = (query: string) => send(gateway(), { ...sample, path: `${path}${query}` });

  test("charges the limits before the look-up", async () => {
    gateway().events.splice(0);
    await send(gateway(), sample);
    expect(gateway().events).toEqual(["client", `limits ${client.id} 127.0.0.1`, "charged rest", sample.operationId]);
  });

  test.each(["not-a-uuid", "../../etc/passwd", "a%00b", ""])(
    "hands '%s' to the service: it knows no such user",
    async (id) => {
      await ask(`?userId=${id}`);
      expect(gateway().lastRequest()["userId"]).toBe(decodeURIComponent(id));
    },
  );

  test.each(["", "?", "?user=1", "?userid=1", "?__proto__=1&constructor=2"])("'%s' has no userId", async (query) => {
    expectError(await ask(query), "VALIDATION_ERROR", issue("userId", "is required"));
  });

  test.each(["?userId=a&userId=b", "?userId=a&userId=", "?userId=a&%75serId=b"])("'%s' has two", async (query) => {
    expectError(await ask(query), "VALIDATION_ERROR", issue("userId", "must be a string"));
  });

  test("limits come before the query's check", async () => {
    gateway().behaviour.limitsExhausted = true;
    expectError(await ask(""), "RATE_LIMITED", { details: { retryAfterSeconds: 7 } });
  });
}
