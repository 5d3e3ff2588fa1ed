import { describe, expect, test } from "vitest";
import { createEmailService } from "../../../../src/domain/email/email-service.ts";
import { accountName } from "../../../../src/domain/lockout/account-name.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, appTwo, clientOf, createGatewayWorld } from "../../../fakes/gateway-world.ts";

function setUp() {
  const world = createGatewayWorld();
  const service = createEmailService({ ...world, accounts: world.directory });
  const user = world.directory.add({ record: { emailVerified: false } });
  const { userId, email } = user.record;
  return {
    ...world,
    user,
    issue: (purpose: "verify-email" | "reset-password" = "verify-email", ttlSeconds = 600) =>
      world.tokens.issue({ purpose, userId, email, appId: appOne.id }, ttlSeconds),
    request: (address: string) =>
      service.requestVerification({ client: clientOf(appOne), email: address, limits: limitsOf(appOne.id) }),
    confirm: (token: string, app = appOne) =>
      service.confirmVerification({ client: clientOf(app), token, limits: limitsOf(app.id) }),
  };
}

describe("asking for the mail", () => {
  // Threat: verify-send tells who has an account, by its answer, its time or what it makes the gateway do.
  test("is one charge and one job, and no look at the account, whether there is one or not", async () => {
    const { request, directory, outbox, admission } = setUp();
    await request("jane@example.com");
    await request("nobody@example.com");
    expect(directory.faults.calls).toEqual([]);
    expect(outbox.jobs).toEqual(
      ["jane@example.com", "nobody@example.com"].map((email) => ({
        type: "request",
        purpose: "verify-email",
        email,
        appId: appOne.id,
      })),
    );
    const shapes = admission.charges.map((buckets) => buckets.map(({ policy, limit }) => ({ policy, limit })));
    expect(shapes).toHaveLength(2);
    expect(shapes[0]).toEqual(shapes[1]);
  });

  test("is refused, not dropped, when it cannot be written down", async () => {
    const { request, outbox } = setUp();
    outbox.faults.failNext("add", new StoreUnavailable("away"));
    await expect(request("jane@example.com")).rejects.toBeInstanceOf(StoreUnavailable);
  });

  // Threat: a mailbox is flooded in somebody else's name; or the limit itself tells which addresses have accounts.
  test.each(["jane@example.com", "nobody@example.com"])(
    "is limited for %s, variants of it included, and answers as ever",
    async (address) => {
      const { request, outbox } = setUp();
      for (let round = 0; round < 10; round += 1) await request(address);
      await expect(request(address)).resolves.toBeUndefined();
      await expect(request(` ${address.toUpperCase()}`)).resolves.toBeUndefined();
      expect(outbox.jobs).toHaveLength(10);
    },
  );

  // Threat: look-alikes, which are looked up as other addresses, use up the mails of the one that they look like.
  test("is not limited by look-alikes of the address", async () => {
    const { request, outbox } = setUp();
    for (let round = 0; round < 10; round += 1) await request("j\u00e1ne@example.com");
    await request("jane@example.com");
    expect(outbox.jobs.at(-1)).toMatchObject({ email: "jane@example.com" });
  });
});

describe("confirming", () => {
  test("marks the address as verified", async () => {
    const { confirm, issue, user } = setUp();
    expect(await confirm(await issue())).toEqual({ userId: user.record.userId, email: "jane@example.com" });
    expect(user.record.emailVerified).toBe(true);
  });

  test("the store never sees the token", async () => {
    const { issue, tokenStore } = setUp();
    const token = await issue();
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(tokenStore.names.join()).not.toContain(token);
  });

  test("of parallel confirmations with one token, one succeeds", async () => {
    const { confirm, issue } = setUp();
    const token = await issue();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => confirm(token)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "INVALID_TOKEN" });
    }
  });

  // Threat: a token is used again, for something else, at another app, too late, or after a newer one was sent.
  test("refuses a token that was used", async () => {
    const { confirm, issue } = setUp();
    const token = await issue();
    await confirm(token);
    await expect(confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });

  test("refuses made-up tokens, and those that have run out", async () => {
    const { confirm, issue, clock } = setUp();
    await expect(confirm("made-up")).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    const token = await issue("verify-email", 600);
    clock.advance(600_000);
    await expect(confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });

  test("refuses a reset token, without using it up", async () => {
    const { confirm, issue, tokens } = setUp();
    const token = await issue("reset-password");
    await expect(confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(await tokens.take(token, "reset-password", appOne.id)).toBeDefined();
  });

  test("refuses another app, without using the token up", async () => {
    const { confirm, issue } = setUp();
    const token = await issue();
    await expect(confirm(token, appTwo)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(confirm(token)).resolves.toBeDefined();
  });

  test("refuses an older token once a newer one was issued", async () => {
    const { confirm, issue } = setUp();
    const older = await issue();
    const newer = await issue();
    await expect(confirm(older)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(confirm(newer)).resolves.toBeDefined();
  });

  test("refuses when the user has another address now, or is gone", async () => {
    const { confirm, issue, user, directory } = setUp();
    const token = await issue();
    user.record = { ...user.record, email: "other@example.com" };
    await expect(confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(user.record.emailVerified).toBe(false);
    const another = await issue();
    directory.remove(user.record.userId);
    await expect(confirm(another)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });

  test("gives the token back when the identity provider fails", async () => {
    const { confirm, issue, directory, admission } = setUp();
    const token = await issue();
    const fault = new UpstreamUnavailable("away", "unknown");
    directory.faults.failNext("markEmailVerified", fault);
    await expect(confirm(token)).rejects.toBe(fault);
    expect(admission.inside).toBe(0);
    await expect(confirm(token)).resolves.toBeDefined();
  });

  test("waits for its turn at the account's gate, for it rewrites the user record", async () => {
    const { confirm, issue, gate, hash, user } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    const other = gate.run(accountName(hash, "JANE@example.com"), () => promise);
    const confirming = confirm(await issue());
    await new Promise((turn) => setImmediate(turn));
    expect(user.record.emailVerified).toBe(false);
    resolve();
    await Promise.all([other, confirming]);
    expect(user.record.emailVerified).toBe(true);
  });
});
