import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttemptBudget, AttemptResult } from "../../src/domain/ports/admission.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";
import { attempt } from "./lockout-suite.ts";

type Step =
  | { readonly kind: "attempt"; readonly counter: AttemptBudget["counter"]; readonly result: AttemptResult }
  | { readonly kind: "unlock" };

const budgets: Record<AttemptBudget["counter"], AttemptBudget> = {
  password: { counter: "password", maxAttempts: 3, lockSeconds: 600 },
  mfa: { counter: "mfa", maxAttempts: 4, lockSeconds: 600 },
};

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("attempt" as const),
      counter: fc.constantFrom("password" as const, "mfa" as const),
      result: fc.constantFrom<AttemptResult>("complete", "returned", "failed", "failed", "failed", "unknown"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "unlock" as const }) },
);

/** What the lockout must do, without time, gate or store. */
function createModel() {
  let counts = { password: 0, mfa: 0 };
  let locked = false;
  let returns = 0;
  return {
    unlock() {
      counts = { password: 0, mfa: 0 };
      locked = false;
    },
    attempt({ counter, result }: Extract<Step, { kind: "attempt" }>) {
      const { maxAttempts } = budgets[counter];
      locked ||= counts[counter] >= maxAttempts;
      if (locked) return { kind: "locked", locked: undefined, consecutiveReturns: undefined };
      if (result === "complete") counts = { password: 0, mfa: 0 };
      else if (result !== "returned") counts[counter] += 1;
      if (result === "complete") returns = 0;
      if (result === "returned") returns += 1;
      locked = result === "failed" && counts[counter] >= maxAttempts;
      return { kind: "admitted", locked, consecutiveReturns: returns };
    },
    state: () => ({ locked, passwordAttempts: counts.password, mfaAttempts: counts.mfa }),
  };
}

/** Any sequence of attempts and unlocks ends as the model says. */
export function modelSuite(engine: string, start: StartEngine): void {
  describe(`the lockout's model on ${engine}`, () => {
    const store = useEngine(start);

    test("agrees with the store after every step", async () => {
      const one = await store.instance();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          const account = freshName();
          const model = createModel();
          for (const next of steps) {
            if (next.kind === "unlock") {
              model.unlock();
              await one.admission.unlock(account);
            } else {
              expect(await attempt(one, account, next.result, budgets[next.counter])).toEqual(model.attempt(next));
            }
            const { lockedUntil, passwordAttempts, mfaAttempts } = await one.admission.lockoutState(account);
            expect({ locked: lockedUntil !== undefined, passwordAttempts, mfaAttempts }).toEqual(model.state());
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
