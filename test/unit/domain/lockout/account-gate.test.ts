import { describe, expect, test } from "vitest";
import { chargeLimits } from "../../../../src/domain/lockout/charge-limits.ts";
import { StoreUnavailable } from "../../../../src/domain/ports/faults.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { createGatewayWorld, passwordBudget } from "../../../fakes/gateway-world.ts";

describe("the account's gate for changes", () => {
  test("lets one in at a time, whatever the one before came to", async () => {
    const { gate, admission } = createGatewayWorld();
    let inside = 0;
    const work = async (fails: boolean) => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((turn) => setImmediate(turn));
      inside -= 1;
      if (fails) throw new Error("the work failed");
      return "done";
    };
    const outcomes = await Promise.allSettled(
      [true, false, true, false].map((fails) => gate.run("a", () => work(fails))),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
    expect(admission.inside).toBe(0);
  });

  // Threat: changes that need no password clear the count of wrong ones, or a lock keeps the owner from a reset.
  test("neither counts nor clears, and a lock does not matter", async () => {
    const { gate, admission } = createGatewayWorld();
    const guess = async () => {
      const entry = await admission.enterAccount({ account: "a", attempt: passwordBudget }, []);
      if (entry.kind === "admitted") await admission.settleAccount(entry.ticket, "failed", passwordBudget);
    };
    await guess();
    await gate.run("a", async () => undefined);
    expect((await admission.lockoutState("a")).passwordAttempts).toBe(1);
    await guess();
    await guess();
    expect(await gate.run("a", async () => "done")).toBe("done");
    expect((await admission.lockoutState("a")).lockedUntil).toBeDefined();
  });

  test("is not entered when the store is away", async () => {
    const { gate, admission } = createGatewayWorld();
    admission.reachable = false;
    await expect(gate.run("a", () => Promise.reject(new Error("must not run")))).rejects.toBeInstanceOf(
      StoreUnavailable,
    );
  });

  test("keeps what was done when the store goes away meanwhile: the lease ends the gate", async () => {
    const { gate, admission } = createGatewayWorld();
    const work = async () => {
      admission.reachable = false;
      return "done";
    };
    expect(await gate.run("a", work)).toBe("done");
  });

  test("tells a crowded account as too many requests", async () => {
    const { gate, admission } = createGatewayWorld();
    admission.enterAccount = async () => ({ kind: "busy", retryAfterSeconds: 10, buckets: [] });
    await expect(gate.run("a", async () => undefined)).rejects.toMatchObject({
      code: "RATE_LIMITED",
      retryAfterSeconds: 10,
    });
  });
});

describe("charging the limits of a request", () => {
  test("takes all buckets in one trip, once, and reports them", async () => {
    const { admission } = createGatewayWorld();
    const limits = limitsOf("cca_one");
    await chargeLimits(admission, limits, limits.account("a"));
    await chargeLimits(admission, limits);
    expect(admission.charges.map((buckets) => buckets.map(({ policy }) => policy))).toEqual([["client", "account"]]);
    expect(limits.reported.map(({ policy }) => policy)).toEqual(["client", "account"]);
  });

  test("refuses, and reports, when one is empty", async () => {
    const { admission } = createGatewayWorld();
    const bucket = { policy: "account", subject: "a", limit: 1, windowSeconds: 60 };
    await chargeLimits(admission, limitsOf("cca_one"), bucket);
    const limits = limitsOf("cca_one");
    await expect(chargeLimits(admission, limits, bucket)).rejects.toMatchObject({ code: "RATE_LIMITED" });
    expect(limits.reported).toHaveLength(2);
  });
});
