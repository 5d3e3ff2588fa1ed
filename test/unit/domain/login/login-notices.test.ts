import { describe, expect, test } from "vitest";
import { createLoginService } from "../../../../src/domain/login/login-service.ts";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import type { Challenge } from "../../../../src/domain/ports/challenge-store.ts";
import { StoreUnavailable } from "../../../../src/domain/ports/faults.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, caller, clientOf, createGatewayWorld, passwordBudget } from "../../../fakes/gateway-world.ts";

function setUp() {
  const world = createGatewayWorld();
  const stored: Challenge[] = [];
  const store = {
    put: async (_name: string, challenge: Challenge) => void stored.push(challenge),
    get: async () => undefined,
    take: async () => undefined,
    restore: async () => undefined,
  };
  const service = createLoginService({
    ...world,
    identityProvider: world.directory,
    challenges: createChallenges({ ...world, store }),
    budget: passwordBudget,
    refusalStepMs: 500,
  });
  return {
    ...world,
    stored,
    login: (email: string, password: string, endUser = caller) =>
      service.login({ client: clientOf(appOne), email, password, endUser, limits: limitsOf(appOne.id) }),
  };
}

const lockedNotice = (email: string) => ({
  type: "notify",
  kind: "account-locked",
  email,
  appId: appOne.id,
  minutes: 10,
});

// Threat: a mail for each refused login floods the owner; or only real accounts make the gateway do more work.
describe("a lock", () => {
  test.each(["jane@example.com", "nobody@example.com"])("is told once, for %s", async (email) => {
    const { login, directory, outbox } = setUp();
    directory.add({});
    const codes: unknown[] = [];
    for (let round = 0; round < passwordBudget.maxAttempts + 3; round += 1) {
      await login(email, "wrong").catch((error: unknown) => codes.push(error));
    }
    expect(codes.map((error) => (error as { code: string }).code)).toEqual([
      "INVALID_CREDENTIALS",
      "INVALID_CREDENTIALS",
      "INVALID_CREDENTIALS",
      "ACCOUNT_LOCKED",
      "ACCOUNT_LOCKED",
      "ACCOUNT_LOCKED",
    ]);
    expect(outbox.jobs).toEqual([lockedNotice(email)]);
    expect(directory.faults.calls.filter((call) => call !== "passwordGrant")).toEqual([]);
  });

  test("by parallel guesses is told once", async () => {
    const { login, directory, outbox } = setUp();
    directory.add({});
    await Promise.allSettled(Array.from({ length: 20 }, () => login("jane@example.com", "wrong")));
    expect(outbox.jobs).toEqual([lockedNotice("jane@example.com")]);
  });

  test("that follows another one is told again", async () => {
    const { login, outbox, clock } = setUp();
    for (let lock = 0; lock < 2; lock += 1) {
      for (let round = 0; round < passwordBudget.maxAttempts; round += 1) {
        await expect(login("jane@example.com", "wrong")).rejects.toMatchObject({ code: "INVALID_CREDENTIALS" });
      }
      clock.advance(600_001);
    }
    expect(outbox.jobs).toHaveLength(2);
  });
});

describe("the user agent of a new session", () => {
  test("is remembered", async () => {
    const { login, directory, notes } = setUp();
    directory.add({});
    const outcome = await login("jane@example.com", "correct horse");
    expect(outcome.kind).toBe("tokens");
    const [sessionId] = [...directory.sessions.keys()];
    expect([...notes.agents]).toEqual([[sessionId, "Browser/1"]]);
  });

  test("that is not known is not written", async () => {
    const { login, directory, notes } = setUp();
    directory.add({});
    await login("jane@example.com", "correct horse", { ipAddress: "192.0.2.7" });
    expect(notes.faults.calls).toEqual([]);
  });

  test.each([new StoreUnavailable("away"), new Error("anything")])(
    "costs no login when it is lost: %s",
    async (fault) => {
      const { login, directory, notes } = setUp();
      directory.add({});
      notes.faults.failNext("put", fault);
      expect((await login("jane@example.com", "correct horse")).kind).toBe("tokens");
      expect(directory.sessions.size).toBe(1);
    },
  );
});

describe("the methods of a challenge", () => {
  const someCodes = { salt: "s", hashes: ["a"], total: 10 };
  test.each([
    ["TOTP and backup codes", someCodes, ["totp", "backup_code"]],
    ["no backup code that is left", { ...someCodes, hashes: [] }, ["totp"]],
    ["a TOTP that was set up at the identity provider's own pages", undefined, ["totp"]],
  ])("for a user with %s, at no further call", async (_name, backupCodes, methods) => {
    const { login, directory, stored } = setUp();
    directory.add({ totpSecret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", backupCodes });
    const outcome = await login("jane@example.com", "correct horse");
    expect(outcome).toMatchObject({ kind: "mfaRequired", methods });
    expect(stored.map((challenge) => challenge.methods)).toEqual([methods]);
    expect(directory.faults.calls).toEqual(["passwordGrant", "findUserByEmail"]);
  });
});
