import { expect, test } from "vitest";
import type { BucketState } from "../../../src/domain/ports/admission.ts";
import { StoreUnavailable } from "../../../src/domain/ports/faults.ts";
import { defaultRatePolicies, type RatePolicies } from "../../../src/limits/policies.ts";
import { createRequestLimiter } from "../../../src/limits/request-limiter.ts";
import { createFakeAdmission } from "../../fakes/admission.ts";
import { readableHash } from "../../fakes/system.ts";
import { refusalOf, rejectionOf } from "../refusal.ts";

const policies: RatePolicies = {
  client: { limit: 100, windowSeconds: 60 },
  address: { limit: 10, windowSeconds: 30 },
  account: { limit: 5, windowSeconds: 20 },
};

const buckets = [
  { policy: "client", subject: "cca_open", limit: 100, windowSeconds: 60 },
  { policy: "address", subject: "address:192.0.2.7", limit: 10, windowSeconds: 30 },
];

function setUp(address = "192.0.2.7") {
  const admission = createFakeAdmission();
  const limiter = createRequestLimiter({ admission, hash: readableHash, policies });
  return { admission, limits: limiter.forRequest({ clientId: "cca_open", address }) };
}

test("the client's and the address's buckets are taken once", () => {
  const { limits } = setUp();
  expect(limits.take()).toEqual(buckets);
  expect(limits.take()).toEqual([]);
});

test("an IPv6 address counts as its network, under a hash", () => {
  const { limits } = setUp("2001:db8:1:2::6");
  expect(limits.take()[1]?.subject).toBe("address:2001:db8:1:2::/64");
});

test("an account's bucket is charged after the look at its lock, and can be named any time", () => {
  const { limits } = setUp();
  limits.take();
  expect(limits.account("account:jane")).toEqual({
    policy: "account",
    subject: "account:jane",
    limit: 5,
    windowSeconds: 20,
    afterLock: true,
  });
});

test("what no service has taken is charged once", async () => {
  const { admission, limits } = setUp();
  await limits.chargeRest();
  await limits.chargeRest();
  expect(admission.charges).toEqual([buckets]);
  expect(limits.take()).toEqual([]);
});

// Threat: one request is charged twice, or not at all.
test("what a service has taken is not charged again", async () => {
  const { admission, limits } = setUp();
  limits.take();
  await limits.chargeRest();
  expect(admission.charges).toEqual([]);
});

test("an empty bucket refuses, and the state is there for the headers", async () => {
  const { admission, limits } = setUp();
  admission.script.refusal = { kind: "limited", policy: "address", retryAfterSeconds: 7 };
  expect(await refusalOf(limits.chargeRest())).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds: 7 });
  expect(limits.states.map(({ policy }) => policy)).toEqual(["client", "address"]);
});

test("a store that does not answer refuses", async () => {
  const { admission, limits } = setUp();
  const fault = new StoreUnavailable("away");
  admission.script.entryFault = fault;
  expect(await rejectionOf(limits.chargeRest())).toBe(fault);
  expect(limits.states).toEqual([]);
});

// Threat: the state of an account's bucket tells whether the account exists, or how often it is tried.
test("the account's bucket is never among the states", () => {
  const { limits } = setUp();
  expect(limits.states).toEqual([]);
  const state: BucketState = { policy: "client", limit: 100, windowSeconds: 60, remaining: 99, resetSeconds: 1 };
  limits.report([state, { ...state, policy: "account" }, { ...state, policy: "address" }]);
  expect(limits.states.map(({ policy }) => policy)).toEqual(["client", "address"]);
});

test("a later report of the account alone leaves the headers' states", async () => {
  const { limits } = setUp();
  await limits.chargeRest();
  const before = limits.states;
  expect(before.map(({ policy }) => policy)).toEqual(["client", "address"]);
  limits.report([{ policy: "account", limit: 120, windowSeconds: 60, remaining: 119, resetSeconds: 1 }]);
  expect(limits.states).toEqual(before);
});

test("the default policies are rates that can refuse", () => {
  for (const { limit, windowSeconds } of Object.values(defaultRatePolicies)) {
    expect(limit).toBeGreaterThan(0);
    expect(windowSeconds).toBeGreaterThan(0);
  }
});
