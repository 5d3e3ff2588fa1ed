import { expect, test } from "vitest";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import type { Challenge } from "../../../../src/domain/ports/challenge-store.ts";
import { createFakeChallengeStore } from "../../../fakes/challenge-store.ts";
import { createCountingRandom, readableHash } from "../../../fakes/system.ts";

const opened: Omit<Challenge, "wrongCodes"> = {
  clientId: "cca_open",
  userId: "0f8fad5b-d9cb-469f-a165-70867728950e",
  username: "jane@example.com",
  account: "account:jane",
  methods: ["totp"],
  createdAt: 17,
};

function setUp() {
  const store = createFakeChallengeStore();
  return { store, challenges: createChallenges({ store, hash: readableHash, random: createCountingRandom() }) };
}

async function openOne() {
  const { store, challenges } = setUp();
  const { mfaToken, store: put } = challenges.open(opened);
  await put();
  return { store, challenges, mfaToken };
}

test("nothing is stored before it is asked for, and then under a hash, for 300 seconds", async () => {
  const { store, challenges } = setUp();
  const { mfaToken, expiresInSeconds, methods, store: put } = challenges.open(opened);
  expect([mfaToken, expiresInSeconds, methods]).toEqual(["mfa_random32-1", 300, ["totp"]]);
  expect(store.open.size).toBe(0);
  await put();
  expect([...store.open.keys()]).toEqual(["mfa-challenge:mfa_random32-1"]);
  expect(store.open.get("mfa-challenge:mfa_random32-1")).toEqual({
    challenge: { ...opened, wrongCodes: 0 },
    remainingMs: 300_000,
  });
});

test("every challenge has a token of its own", () => {
  const { challenges } = setUp();
  expect(challenges.open(opened).mfaToken).not.toBe(challenges.open(opened).mfaToken);
});

test("looking does not take, taking does", async () => {
  const { challenges, mfaToken } = await openOne();
  expect(await challenges.get(mfaToken)).toMatchObject(opened);
  expect(await challenges.get(mfaToken)).toMatchObject(opened);
  expect((await challenges.take(mfaToken))?.challenge).toMatchObject(opened);
  expect(await challenges.take(mfaToken)).toBeUndefined();
  expect(await challenges.get(mfaToken)).toBeUndefined();
});

test("a kept challenge is as it was, for the rest of its life", async () => {
  const { challenges, mfaToken, store } = await openOne();
  const before = new Map(store.open);
  await (await challenges.take(mfaToken))?.keep();
  expect(store.open).toEqual(before);
});

test("the fifth wrong code ends it", async () => {
  const { challenges, mfaToken } = await openOne();
  for (let wrongCodes = 1; wrongCodes <= 4; wrongCodes += 1) {
    await (await challenges.take(mfaToken))?.countWrongCode();
    expect(await challenges.get(mfaToken)).toMatchObject({ wrongCodes });
  }
  await (await challenges.take(mfaToken))?.countWrongCode();
  expect(await challenges.get(mfaToken)).toBeUndefined();
});

test("a token that was never handed out finds nothing", async () => {
  const { challenges } = await openOne();
  expect(await challenges.get("mfa_made-up")).toBeUndefined();
  expect(await challenges.take("mfa_made-up")).toBeUndefined();
});
