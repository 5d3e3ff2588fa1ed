import { expect, test } from "vitest";
import { createLockoutService } from "../../../../src/domain/lockout/lockout-service.ts";
import type { LockoutState } from "../../../../src/domain/ports/admission.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type { IdentityProvider } from "../../../../src/domain/ports/identity-provider.ts";
import { createFakeAdmission } from "../../../fakes/admission.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { jane } from "../../../fakes/people.ts";
import { readableHash } from "../../../fakes/system.ts";
import { codeOf, rejectionOf } from "../../refusal.ts";

const open: LockoutState = { lockedUntil: undefined, lockRemainingMs: 0, passwordAttempts: 0, mfaAttempts: 0 };

function setUp(lockout: LockoutState = open, behaviour: Partial<IdentityProvider> = {}) {
  const admission = createFakeAdmission({ lockout });
  const identityProvider = createFakeIdentityProvider({
    getUser: async (userId) => (userId === jane.userId ? jane : undefined),
    clearFailures: async () => undefined,
    ...behaviour,
  });
  const service = createLockoutService({
    admission,
    identityProvider,
    hash: readableHash,
    budget: { counter: "password", maxAttempts: 5, lockSeconds: 600 },
  });
  return { service, admission, identityProvider };
}

test.each<[string, Partial<LockoutState>, object]>([
  ["untouched", {}, { locked: false, lockedUntil: undefined, remainingSeconds: undefined, attemptsRemaining: 5 }],
  ["three attempts made", { passwordAttempts: 3 }, { locked: false, attemptsRemaining: 2 }],
  ["more attempts than there are", { passwordAttempts: 9 }, { locked: false, attemptsRemaining: 0 }],
  ["wrong codes do not show in the passwords left", { mfaAttempts: 4 }, { attemptsRemaining: 5 }],
  [
    "locked",
    { lockedUntil: 1_800_000_000_000, lockRemainingMs: 539_001, passwordAttempts: 5 },
    { locked: true, lockedUntil: 1_800_000_000_000, remainingSeconds: 540, attemptsRemaining: 0 },
  ],
  [
    "locked by codes",
    { lockedUntil: 1_800_000_000_000, lockRemainingMs: 1, mfaAttempts: 10 },
    { locked: true, remainingSeconds: 1, attemptsRemaining: 0 },
  ],
])("status of an account: %s", async (_name, state, expected) => {
  const { service, admission } = setUp({ ...open, ...state });
  expect(await service.status(jane.userId)).toMatchObject({ ...expected, maxAttempts: 5, lockSeconds: 600 });
  expect(admission.unlocked).toEqual([]);
});

test("the account is the one that logins by e-mail count for", async () => {
  const { service, admission } = setUp(open, { getUser: async () => ({ ...jane, email: "Jàne@Example.com" }) });
  await service.unlock(jane.userId);
  expect(admission.unlocked).toEqual(["account:jane@example.com"]);
});

test("a user without an e-mail is counted by the user name", async () => {
  const { service, admission } = setUp(open, { getUser: async () => ({ ...jane, email: "", username: "jane" }) });
  await service.unlock(jane.userId);
  expect(admission.unlocked).toEqual(["account:jane"]);
});

// Threat: an id that is no UUID becomes part of a path of the admin API.
test.each(["", "jane", "../users", `${jane.userId}/logout`, `${jane.userId}\n`, "0f8fad5bd9cb469fa16570867728950e"])(
  "the id %j is nobody's, and is not asked for",
  async (userId) => {
    const { service, identityProvider } = setUp();
    expect(await codeOf(service.status(userId))).toBe("USER_NOT_FOUND");
    expect(await codeOf(service.unlock(userId))).toBe("USER_NOT_FOUND");
    expect(identityProvider.calls).toEqual([]);
  },
);

test("an unknown user is not unlocked", async () => {
  const { service, admission, identityProvider } = setUp();
  const unknown = "11111111-1111-4111-8111-111111111111";
  expect(await codeOf(service.status(unknown))).toBe("USER_NOT_FOUND");
  expect(await codeOf(service.unlock(unknown))).toBe("USER_NOT_FOUND");
  expect(identityProvider.methods()).toEqual(["getUser", "getUser"]);
  expect(admission.unlocked).toEqual([]);
});

test("an id in upper case is the same user", async () => {
  const { service } = setUp();
  expect(await service.status(jane.userId.toUpperCase())).toMatchObject({ locked: false });
});

test("unlock clears both counts and shows what is then", async () => {
  const { service, admission, identityProvider } = setUp();
  expect(await service.unlock(jane.userId)).toMatchObject({ locked: false, attemptsRemaining: 5 });
  expect(identityProvider.methods()).toEqual(["getUser", "clearFailures"]);
  expect(identityProvider.calls.at(-1)?.request).toBe(jane.userId);
  expect(admission.unlocked).toEqual(["account:jane@example.com"]);
});

test("nothing is unlocked here while the identity provider cannot be reached", async () => {
  const fault = new UpstreamUnavailable("down", "unsent");
  const { service, admission } = setUp(open, { clearFailures: () => Promise.reject(fault) });
  expect(await rejectionOf(service.unlock(jane.userId))).toBe(fault);
  expect(admission.unlocked).toEqual([]);
});

test("a store that does not answer is a fault, not an open account", async () => {
  const { service, admission } = setUp();
  const fault = new StoreUnavailable("away");
  admission.script.entryFault = fault;
  expect(await rejectionOf(service.status(jane.userId))).toBe(fault);
  expect(await rejectionOf(service.unlock(jane.userId))).toBe(fault);
});
