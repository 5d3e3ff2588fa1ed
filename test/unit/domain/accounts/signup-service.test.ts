import { describe, expect, test } from "vitest";
import { createSignupService } from "../../../../src/domain/accounts/signup-service.ts";
import { StoreUnavailable } from "../../../../src/domain/ports/faults.ts";
import type { PasswordCapacity } from "../../../../src/domain/ports/password-capacity.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, clientOf, createGatewayWorld } from "../../../fakes/gateway-world.ts";
import { fullCapacity } from "../../../fakes/system.ts";

const email = "Jane@Example.com";

function setUp(options: { hideExisting?: boolean; capacity?: PasswordCapacity } = {}) {
  const world = { ...createGatewayWorld(), ...(options.capacity && { capacity: options.capacity }) };
  const { directory: accounts } = world;
  const service = createSignupService({ ...world, accounts, hideExisting: options.hideExisting ?? false });
  const signup = (change: { email?: string; password?: string; firstName?: string } = {}) =>
    service.signup({
      client: clientOf(appOne),
      email,
      password: "correct horse",
      firstName: "Jane",
      lastName: "Doe",
      limits: limitsOf(appOne.id),
      ...change,
    });
  return { ...world, signup };
}

const verificationJob = { type: "request", purpose: "verify-email", email: "jane@example.com", appId: appOne.id };

describe("signup", () => {
  test("creates the account and has the verification mail sent", async () => {
    const { signup, directory, outbox } = setUp();
    const { userId, ...rest } = await signup();
    expect(rest).toEqual({
      email: "jane@example.com",
      firstName: "Jane",
      lastName: "Doe",
      emailVerificationRequired: true,
    });
    expect(directory.user(userId).password).toBe("correct horse");
    expect(outbox.jobs).toEqual([verificationJob]);
  });

  test("is refused while no more passwords can be hashed, and creates and sends nothing", async () => {
    const { signup, directory, outbox } = setUp({ capacity: fullCapacity });
    await expect(signup()).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: 2 });
    expect(await directory.findUserByEmail(email)).toBeUndefined();
    expect(outbox.jobs).toEqual([]);
  });

  test("refuses a registered address, in whatever case, and sends nothing", async () => {
    const { signup, directory, outbox } = setUp();
    directory.add({});
    await expect(signup()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(outbox.jobs).toEqual([]);
  });

  test("names the field and the rule that the realm's refusal names", async () => {
    const { signup, directory, outbox } = setUp();
    const issues = [{ path: "password", message: "must not be a common password" }];
    directory.refusePassword = () => issues;
    await expect(signup()).rejects.toMatchObject({
      code: "VALIDATION_ERROR",
      message: "password: must not be a common password",
      issues,
    });
    expect(outbox.jobs).toEqual([]);
  });

  test("of parallel signups with one address, one succeeds", async () => {
    const { signup } = setUp();
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => signup()));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  // Threat: a signup that is acknowledged while its mail was lost leaves a user who waits for ever.
  test("is not acknowledged when the mail could not be written down; the account can then ask for it", async () => {
    const { signup, directory, outbox } = setUp();
    const fault = new StoreUnavailable("away");
    outbox.faults.failNext("add", fault);
    await expect(signup()).rejects.toBe(fault);
    expect(await directory.findUserByEmail(email)).toMatchObject({ emailVerified: false });
  });

  test("makes no account when the limits cannot be charged", async () => {
    const { signup, admission, directory } = setUp();
    admission.reachable = false;
    await expect(signup()).rejects.toBeInstanceOf(StoreUnavailable);
    expect(directory.faults.calls).toEqual([]);
  });

  test("is limited per address, so that it cannot be used to fill a mailbox or to keep the realm hashing", async () => {
    const { signup, directory } = setUp();
    directory.add({});
    for (let round = 0; round < 20; round += 1) await expect(signup()).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(signup()).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await expect(signup({ email: " JANE@example.com" })).rejects.toMatchObject({ code: "RATE_LIMITED" });
    await expect(signup({ email: "joe@example.com" })).resolves.toMatchObject({ email: "joe@example.com" });
  });
});

// Threat: the answer to a signup, or the time that it takes, tells who has an account.
describe("signup that hides existing accounts", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  test("answers the same either way, with an id of nobody", async () => {
    const known = setUp({ hideExisting: true });
    const owner = known.directory.add({});
    const unknown = setUp({ hideExisting: true });
    const [forKnown, forUnknown] = [await known.signup(), await unknown.signup()];
    expect(forKnown).toEqual({ ...forUnknown, userId: forKnown.userId });
    for (const [{ directory }, { userId }] of [[known, forKnown] as const, [unknown, forUnknown] as const]) {
      expect(userId).toMatch(uuid);
      expect(await directory.getUser(userId)).toBeUndefined();
    }
    expect(forKnown.userId).not.toBe(owner.record.userId);
    expect(unknown.outbox.jobs).toEqual([verificationJob]);
    expect(known.outbox.jobs).toEqual([
      { type: "notify", kind: "account-exists", email: "jane@example.com", appId: appOne.id },
    ]);
  });

  test("gives every signup another id", async () => {
    const { signup, directory } = setUp({ hideExisting: true });
    directory.add({});
    expect((await signup()).userId).not.toBe((await signup()).userId);
  });

  test("takes the same time for a fast refusal and a slow creation", async () => {
    const took = async (creationMs: number, exists: boolean) => {
      const { signup, clock, directory } = setUp({ hideExisting: true });
      if (exists) directory.add({});
      const { createUser } = directory;
      directory.createUser = async (account) => {
        clock.advance(creationMs);
        return createUser(account);
      };
      const startedAt = clock.now();
      await signup();
      return clock.now() - startedAt;
    };
    expect(await took(5, true)).toBe(1_000);
    expect(await took(180, false)).toBe(1_000);
    expect(await took(1_180, false)).toBe(2_000);
  });

  test.each([
    ["the password rules", { password: "short" }, "password"],
    ["what names may hold", { firstName: "a#" }, "firstName"],
  ])("applies %s to registered addresses too, and takes as long for it", async (_what, field, path) => {
    const refusal = async (exists: boolean) => {
      const { signup, directory, clock } = setUp({ hideExisting: true });
      if (exists) directory.add({});
      const error: unknown = await signup(field).catch((thrown: unknown) => thrown);
      return { error, slept: clock.sleeps, called: directory.faults.calls };
    };
    const known = await refusal(true);
    expect(known.error).toMatchObject({ code: "VALIDATION_ERROR", issues: [{ path }] });
    expect(known).toEqual(await refusal(false));
    expect(known.called).not.toContain("createUser");
    expect(known.slept).toEqual([1_000]);
  });
});
