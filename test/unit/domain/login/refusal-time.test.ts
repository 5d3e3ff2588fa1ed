import { describe, expect, test } from "vitest";
import { createAttemptRunner } from "../../../../src/domain/lockout/attempt-runner.ts";
import { createLoginService } from "../../../../src/domain/login/login-service.ts";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import type { Admission } from "../../../../src/domain/ports/admission.ts";
import type { PasswordOutcome } from "../../../../src/domain/ports/identity-provider.ts";
import { createFakeAdmission } from "../../../fakes/admission.ts";
import { createFakeChallengeStore } from "../../../fakes/challenge-store.ts";
import { createGateAdmission, limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, caller, clientOf, createGatewayWorld, passwordBudget } from "../../../fakes/gateway-world.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { jane, tokensWith } from "../../../fakes/people.ts";
import { createFakeClock, type FakeClock } from "../../../fakes/system.ts";
import { codeOf } from "../../refusal.ts";

interface Scene {
  readonly outcome?: PasswordOutcome;
  /** How long the identity provider takes for a grant. */
  readonly grantMs: number;
  readonly refusalStepMs?: number;
  readonly admissionOn?: (clock: FakeClock) => Admission;
}

const rejected: PasswordOutcome = { kind: "rejected" };

/** A login service whose identity provider takes its time on the fake clock. */
function setUp({ outcome = rejected, grantMs, refusalStepMs = 500, admissionOn = createGateAdmission }: Scene) {
  const clock = createFakeClock();
  const startedAt = clock.now();
  const grantsBegan: number[] = [];
  const identityProvider = createFakeIdentityProvider({
    async passwordGrant() {
      grantsBegan.push(clock.now() - startedAt);
      clock.advance(grantMs);
      return outcome;
    },
    findUserByEmail: async () => jane,
  });
  const world = createGatewayWorld();
  const service = createLoginService({
    ...world,
    clock,
    identityProvider,
    attempts: createAttemptRunner({ admission: admissionOn(clock), clock }),
    challenges: createChallenges({ ...world, store: createFakeChallengeStore() }),
    budget: passwordBudget,
    refusalStepMs,
  });
  return {
    clock,
    identityProvider,
    /** When each grant began. */
    grantsBegan,
    /** The code of a login's refusal, `none` for a success, and when it was answered. */
    async login() {
      const code = await codeOf(
        service.login({
          client: clientOf(appOne),
          email: jane.email,
          password: "wrong",
          endUser: caller,
          limits: limitsOf(appOne.id),
        }),
      ).catch(() => "none");
      return [code, clock.now() - startedAt] as const;
    },
  };
}

const followsAnother = () => createFakeAdmission({ followsAnother: true });

// Threat: the identity provider refuses sooner where it has no hash to compare with, and the time of an answer tells an account
// without a password from the others.
describe("the answer to a wrong password", () => {
  test.each([
    [0, 500],
    [8, 500],
    [45, 500],
    [499, 500],
    [500, 1_000],
    [1_200, 1_500],
  ])("comes at the next step: a check of %i ms is answered after %i ms", async (grantMs, answeredAt) => {
    expect(await setUp({ grantMs }).login()).toEqual(["INVALID_CREDENTIALS", answeredAt]);
  });

  test.each([8, 45])("holds the repetition of a refused grant in the same step (%i ms a grant)", async (grantMs) => {
    const { login, identityProvider } = setUp({ grantMs, admissionOn: followsAnother });
    expect(await login()).toEqual(["INVALID_CREDENTIALS", 500]);
    expect(identityProvider.methods()).toEqual(["passwordGrant", "passwordGrant"]);
  });

  // Threat: parallel guesses at one account wait for each other; were the gate free before the step ends, their waits would
  // add up the differences until they show.
  test.each([8, 45, 200])("keeps the next one waiting for a whole step (%i ms a grant)", async (grantMs) => {
    const { login, grantsBegan } = setUp({ grantMs });
    const answers = await Promise.all([login(), login(), login(), login()]);
    const wrong = "INVALID_CREDENTIALS";
    expect(answers.map(([code]) => code)).toEqual([wrong, wrong, wrong, "ACCOUNT_LOCKED"]);
    expect(grantsBegan).toEqual([0, 500, 1_000]);
  });

  test("comes at once with a step of 0", async () => {
    expect(await setUp({ grantMs: 45, refusalStepMs: 0 }).login()).toEqual(["INVALID_CREDENTIALS", 45]);
  });
});

// Threat: the right password of a disabled account is found out, because its refusal is not repeated and so comes sooner.
test("the right password of a disabled account is repeated and answered like a wrong one", async () => {
  const outcomes: PasswordOutcome[] = [rejected, { kind: "disabled" }];
  for (const outcome of outcomes) {
    const { login, identityProvider, clock } = setUp({ outcome, grantMs: 45, admissionOn: followsAnother });
    expect(await login()).toEqual(["INVALID_CREDENTIALS", 500]);
    expect(identityProvider.methods()).toEqual(["passwordGrant", "passwordGrant"]);
    expect(clock.sleeps).toEqual([100, 310]);
  }
});

test.each<[string, PasswordOutcome]>([
  ["none", { kind: "tokens", tokens: tokensWith() }],
  ["none", { kind: "mfaRequired" }],
  ["ACTION_REQUIRED", { kind: "accountIncomplete" }],
])("a right password is not slowed down (%s, %j)", async (code, outcome) => {
  expect(await setUp({ outcome, grantMs: 45 }).login()).toEqual([code, 45]);
});
