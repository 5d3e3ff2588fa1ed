import { describe, expect, test, vi } from "vitest";
import {
  type AttemptContext,
  type AttemptVerdict,
  createAttemptRunner,
  refusalError,
} from "../../../../src/domain/lockout/attempt-runner.ts";
import type { AttemptBudget, AttemptResult, Refused } from "../../../../src/domain/ports/admission.ts";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { type AdmissionScript, createFakeAdmission, createFakeLimits, storeTime } from "../../../fakes/admission.ts";
import { inTurn } from "../../../fakes/identity-provider.ts";
import { createFakeClock } from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const budget: AttemptBudget = { counter: "password", maxAttempts: 5, lockSeconds: 600 };

function setUp(script: AdmissionScript = {}) {
  const admission = createFakeAdmission(script);
  const clock = createFakeClock();
  const limits = createFakeLimits();
  const runner = createAttemptRunner({ admission, clock });
  const request = { account: "account:jane", budget, limits };
  return {
    admission,
    clock,
    limits,
    request,
    runner,
    run: <T>(attempt: (context: AttemptContext) => Promise<AttemptVerdict<T>>) => runner.run(request, attempt),
    results: () => admission.settledAttempts.map(({ result }) => result),
  };
}

describe("entry", () => {
  test("charges the request's buckets and the account's in the same step, and reports what they hold", async () => {
    const { admission, limits, run } = setUp();
    await run(async () => ({ result: "complete", value: 1 }));
    expect(admission.entries).toHaveLength(1);
    expect(admission.entries[0]?.entry).toEqual({ account: "account:jane", attempt: budget });
    expect(admission.entries[0]?.buckets.map(({ policy }) => policy)).toEqual(["client", "account"]);
    expect(limits.reported.map((states) => states.map(({ policy }) => policy))).toEqual([["client", "account"]]);
    expect(limits.take()).toEqual([]);
  });

  test("says since when the account must not have been invalidated", async () => {
    const { admission, runner, request } = setUp();
    await runner.run({ ...request, notInvalidatedSince: 17 }, async () => ({ result: "complete", value: 1 }));
    expect(admission.entries[0]?.entry.notInvalidatedSince).toBe(17);
  });

  test("hands the store's time to the attempt", async () => {
    const { run } = setUp();
    const { value } = await run(async (context) => ({ result: "complete", value: context.storeTime }));
    expect(value).toBe(storeTime);
  });

  test.each([
    [{ kind: "limited", policy: "client", retryAfterSeconds: 7 }, "RATE_LIMITED", 7],
    [{ kind: "busy", retryAfterSeconds: 2 }, "RATE_LIMITED", 2],
    [{ kind: "locked", retryAfterSeconds: 540 }, "ACCOUNT_LOCKED", 540],
    [{ kind: "invalidated" }, "MFA_CHALLENGE_EXPIRED", undefined],
  ] as const)("refused as %j: %s, nothing is tried and nothing settled", async (refusal, code, retryAfterSeconds) => {
    const { admission, limits, run } = setUp({ refusal });
    const attempt = vi.fn();
    const error = await refusalOf(run(attempt));
    expect(error).toMatchObject({ code, retryAfterSeconds });
    expect(refusalError(refusal satisfies Refused)).toMatchObject({ code, retryAfterSeconds });
    expect(attempt).not.toHaveBeenCalled();
    expect(admission.settledAttempts).toEqual([]);
    expect(limits.reported).toHaveLength(1);
  });

  test("fails closed when the store does not answer", async () => {
    const entryFault = new StoreUnavailable("away");
    const { run } = setUp({ entryFault });
    const attempt = vi.fn();
    expect(await rejectionOf(run(attempt))).toBe(entryFault);
    expect(attempt).not.toHaveBeenCalled();
  });
});

describe("verdict", () => {
  test.each<AttemptResult>(["complete", "returned", "failed", "unknown"])("%s settles exactly once", async (result) => {
    const settled = { locked: result === "failed", consecutiveReturns: 3 };
    const { admission, run } = setUp({ settled });
    const undo = vi.fn(async () => undefined);
    expect(await run(async () => ({ result, value: "the value", undo }))).toEqual({
      ...settled,
      value: "the value",
    });
    expect(admission.settledAttempts).toEqual([{ ticketId: "ticket-1", result, budget }]);
    expect(undo).not.toHaveBeenCalled();
  });

  test("what goes alongside is awaited", async () => {
    const { run } = setUp();
    const order: string[] = [];
    await run(async () => ({
      result: "returned",
      value: 1,
      async alongside() {
        await new Promise(setImmediate);
        order.push("stored");
      },
    }));
    order.push("answered");
    expect(order).toEqual(["stored", "answered"]);
  });
});

// Threat: a fault that an attacker can cause, or wait for, gives guesses back.
describe("an attempt without a verdict", () => {
  test.each<[UpstreamFate, AttemptResult]>([
    ["unsent", "returned"],
    ["noVerdict", "returned"],
    ["unknown", "unknown"],
  ])("fate %s settles exactly once, as %s", async (fate, result) => {
    const { run, results } = setUp();
    const fault = new UpstreamUnavailable("down", fate);
    expect(await rejectionOf(run(() => Promise.reject(fault)))).toBe(fault);
    expect(results()).toEqual([result]);
  });

  test.each([new StoreUnavailable("away"), new TypeError("a bug")])("%s keeps it counted", async (fault) => {
    const { run, results } = setUp();
    expect(await rejectionOf(run(() => Promise.reject(fault)))).toBe(fault);
    expect(results()).toEqual(["unknown"]);
  });

  test("the fault is told even when settling fails too", async () => {
    const { run, results } = setUp({ settleFault: new StoreUnavailable("away") });
    const fault = new UpstreamUnavailable("down", "unknown");
    expect(await rejectionOf(run(() => Promise.reject(fault)))).toBe(fault);
    expect(results()).toEqual(["unknown"]);
  });
});

// Threat: a session stays open whose login was never counted as complete.
describe("a verdict that does not reach the store", () => {
  const fault = new StoreUnavailable("away");

  test("is undone, and the fault told", async () => {
    const { run, results } = setUp({ settleFault: fault });
    const undo = vi.fn(async () => undefined);
    expect(await rejectionOf(run(async () => ({ result: "complete", value: 1, undo })))).toBe(fault);
    expect(undo).toHaveBeenCalledTimes(1);
    expect(results()).toEqual(["complete"]);
  });

  test("is undone when what goes alongside fails, without a second settling", async () => {
    const { run, results } = setUp();
    const undo = vi.fn(async () => undefined);
    const alongside = () => Promise.reject(fault);
    expect(await rejectionOf(run(async () => ({ result: "returned", value: 1, alongside, undo })))).toBe(fault);
    expect(undo).toHaveBeenCalledTimes(1);
    expect(results()).toEqual(["returned"]);
  });

  test("tells the store's fault even when the undoing fails", async () => {
    const { run } = setUp({ settleFault: fault });
    const undo = () => Promise.reject(new UpstreamUnavailable("down", "unsent"));
    expect(await rejectionOf(run(async () => ({ result: "complete", value: 1, undo })))).toBe(fault);
  });
});

// Threat: a repetition that counts as an attempt of its own locks honest users out; one that comes without need, or that can be
// provoked to go uncounted, gives an attacker more guesses.
describe("repetition of a grant", () => {
  const rejected = { kind: "rejected" } as const;
  const tokens = { kind: "tokens" } as const;

  /** Runs an attempt whose grants give these results. */
  async function grants(followsAnother: boolean, ...outcomes: readonly ({ kind: string } | Error)[]) {
    const set = setUp({ followsAnother });
    const call = vi.fn(inTurn<{ readonly kind: string }>(...outcomes));
    const running = set.run(async (context) => {
      const { kind } = await context.grant(call);
      return { result: kind === "rejected" ? "failed" : "complete", value: kind };
    });
    const outcome = await running.then(
      ({ value }) => value,
      (error: unknown) => error,
    );
    return { outcome, calls: call.mock.calls.length, sleeps: set.clock.sleeps, results: set.results() };
  }

  test("a refusal that follows another grant is tried once more after a pause, as the same attempt", async () => {
    expect(await grants(true, rejected, tokens)).toEqual({
      outcome: "tokens",
      calls: 2,
      sleeps: [100],
      results: ["complete"],
    });
  });

  test("a second refusal is final", async () => {
    expect(await grants(true, rejected, rejected, tokens)).toEqual({
      outcome: "rejected",
      calls: 2,
      sleeps: [100],
      results: ["failed"],
    });
  });

  test("without another grant before it, a refusal is final", async () => {
    expect(await grants(false, rejected, tokens)).toEqual({
      outcome: "rejected",
      calls: 1,
      sleeps: [],
      results: ["failed"],
    });
  });

  test.each(["tokens", "mfaRequired", "accountIncomplete", "disabled", "clientRejected"])(
    "%s is never repeated",
    async (kind) => {
      const { outcome, calls } = await grants(true, { kind }, tokens);
      expect([outcome, calls]).toEqual([kind, 1]);
    },
  );

  test("a fault of the first grant is not repeated", async () => {
    const fault = new UpstreamUnavailable("down", "unsent");
    const { outcome, calls, results } = await grants(true, fault, tokens);
    expect([outcome, calls, results]).toEqual([fault, 1, ["returned"]]);
  });

  test.each<UpstreamFate>(["unsent", "noVerdict", "unknown"])(
    "after a refusal, a fault with fate %s keeps the attempt counted: the first grant was a guess",
    async (fate) => {
      const fault = new UpstreamUnavailable("down", fate);
      const { outcome, calls, results } = await grants(true, rejected, fault);
      expect(outcome).toBeInstanceOf(UpstreamUnavailable);
      expect(outcome).toMatchObject({ fate: "unknown", cause: fault });
      expect([calls, results]).toEqual([2, ["unknown"]]);
    },
  );

  test("another error of the repetition is passed on as it is", async () => {
    const bug = new TypeError("a bug");
    const { outcome, results } = await grants(true, rejected, bug);
    expect([outcome, results]).toEqual([bug, ["unknown"]]);
  });
});

test("a refusal is an error that the domain throws on purpose", async () => {
  const { run } = setUp({ refusal: { kind: "invalidated" } });
  expect(await codeOf(run(async () => ({ result: "complete", value: 1 })))).toBe("MFA_CHALLENGE_EXPIRED");
});
