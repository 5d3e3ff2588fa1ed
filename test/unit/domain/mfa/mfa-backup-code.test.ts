import { describe, expect, test } from "vitest";
import type { MfaMethod } from "../../../../src/contract/headless.ts";
import { accountName } from "../../../../src/domain/lockout/account-name.ts";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import { createMfaService } from "../../../../src/domain/mfa/mfa-service.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { createFakeChallengeStore } from "../../../fakes/challenge-store.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, caller, clientOf, createGatewayWorld, mfaBudget } from "../../../fakes/gateway-world.ts";

const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

async function setUp() {
  const world = createGatewayWorld();
  const { directory, hash, clock, backupCodes } = world;
  const challenges = createChallenges({ ...world, store: createFakeChallengeStore() });
  const service = createMfaService({ ...world, identityProvider: directory, challenges, budget: mfaBudget });
  const { codes, stored } = await backupCodes.generate();
  const user = directory.add({ totpSecret: secret, backupCodes: stored });
  const { userId, username, email } = user.record;
  const account = accountName(hash, email);
  return {
    ...world,
    user,
    userId,
    account,
    codes,
    /** A login that waits for the second factor. */
    async challenge(methods: readonly MfaMethod[] = ["totp", "backup_code"]) {
      const opened = challenges.open({
        clientId: appOne.id,
        userId,
        username,
        account,
        methods,
        createdAt: clock.now(),
      });
      await opened.store();
      return opened.mfaToken;
    },
    verify: (mfaToken: string, code: string, method: MfaMethod = "backup_code") =>
      service.verify({
        client: clientOf(appOne),
        mfaToken,
        code,
        method,
        endUser: caller,
        limits: limitsOf(appOne.id),
      }),
  };
}

describe("a backup code", () => {
  test("completes the login with tokens of the app, in one session", async () => {
    const { challenge, verify, codes, user, userId, directory, notes } = await setUp();
    const tokens = await verify(await challenge(), codes[4] ?? "");
    expect(tokens.user.userId).toBe(userId);
    expect(user.backupCodes?.hashes).toEqual(codes.filter((_, index) => index !== 4));
    expect([...directory.sessions.values()]).toEqual([
      expect.objectContaining({ id: tokens.sessionId, clientIds: ["headless-mint", appOne.id] }),
    ]);
    expect([...notes.agents]).toEqual([[tokens.sessionId, "Browser/1"]]);
  });

  test("is spent before there is a session", async () => {
    const { challenge, verify, codes, directory, user } = await setUp();
    const { mintGrant } = directory;
    let left: number | undefined;
    directory.mintGrant = (...given) => {
      left = user.backupCodes?.hashes.length;
      return mintGrant(...given);
    };
    await verify(await challenge(), codes[0] ?? "");
    expect(left).toBe(9);
  });

  // Threat: one code is spent twice, in parallel or later, in the same login or in another one.
  test("works once, in parallel over several challenges", async () => {
    const { challenge, verify, codes, directory, user } = await setUp();
    const open = await Promise.all(Array.from({ length: 4 }, () => challenge()));
    const outcomes = await Promise.allSettled(open.map((mfaToken) => verify(mfaToken, codes[0] ?? "")));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(user.backupCodes?.hashes).toHaveLength(9);
    expect(directory.sessions.size).toBe(1);
    await expect(verify(await challenge(), codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
  });

  test("all ten work, each once, and then none does", async () => {
    const { challenge, verify, codes, user } = await setUp();
    for (const code of codes) await expect(verify(await challenge(), code)).resolves.toBeDefined();
    expect(user.backupCodes).toMatchObject({ hashes: [], total: 10 });
    await expect(verify(await challenge(), codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
  });

  test("is refused where the challenge does not offer it, as a wrong code, and is not spent", async () => {
    const { challenge, verify, codes, user, admission, account } = await setUp();
    await expect(verify(await challenge(["totp"]), codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    expect(user.backupCodes?.hashes).toHaveLength(10);
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(1);
  });

  test("that was replaced after the challenge was opened is refused", async () => {
    const { challenge, verify, codes, user, backupCodes } = await setUp();
    const mfaToken = await challenge();
    user.backupCodes = (await backupCodes.generate()).stored;
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    user.backupCodes = undefined;
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
  });

  test("is not a TOTP code, and a TOTP code is none", async () => {
    const { challenge, verify, codes, codeOf, directory } = await setUp();
    const mfaToken = await challenge();
    await expect(verify(mfaToken, codeOf(secret), "backup_code")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    await expect(verify(mfaToken, codes[0] ?? "", "totp")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    expect(directory.sessions.size).toBe(0);
  });

  // Threat: backup codes are guessed because only TOTP codes count.
  test("that is wrong counts like a TOTP code: five end a challenge, the budget locks, the owner is told once", async () => {
    const { challenge, verify, codes, outbox, directory } = await setUp();
    const mfaToken = await challenge();
    for (let round = 0; round < mfaBudget.maxAttempts; round += 1) {
      await expect(verify(mfaToken, "wrong")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toMatchObject({ code: "ACCOUNT_LOCKED" });
    await expect(verify(await challenge(), codes[0] ?? "")).rejects.toMatchObject({ code: "ACCOUNT_LOCKED" });
    expect(outbox.jobs).toEqual([
      { type: "notify", kind: "account-locked", email: "jane@example.com", appId: appOne.id, minutes: 10 },
    ]);
    expect(directory.faults.calls).not.toContain("mintGrant");
  });

  test.each<[string, (world: Awaited<ReturnType<typeof setUp>>) => void]>([
    [
      "is disabled",
      ({ user }) => {
        user.enabled = false;
      },
    ],
    [
      "is an administrator",
      ({ user }) => {
        user.administrator = true;
      },
    ],
  ])("of a user who %s gives no tokens, and does not look wrong", async (_name, change) => {
    const world = await setUp();
    const mfaToken = await world.challenge();
    change(world);
    await expect(world.verify(mfaToken, world.codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_CHALLENGE_EXPIRED" });
    expect(world.directory.sessions.size).toBe(0);
    expect((await world.admission.lockoutState(world.account)).mfaAttempts).toBe(0);
  });

  test("of a user who needs an action first says which", async () => {
    const { challenge, verify, codes, user } = await setUp();
    const mfaToken = await challenge();
    user.record = { ...user.record, requiredActions: ["UPDATE_PASSWORD"] };
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toMatchObject({ code: "ACTION_REQUIRED" });
  });

  test("opens no session for another user whose address is this one's name", async () => {
    const { challenge, verify, codes, directory } = await setUp();
    const sessionId = directory.openSession("somebody-else", "headless-mint");
    directory.mintGrant = async () => ({
      kind: "verified",
      subject: { accessToken: "proof", sessionId, userId: "somebody-else" },
    });
    await expect(verify(await challenge(), codes[0] ?? "")).rejects.toMatchObject({ code: "MFA_CHALLENGE_EXPIRED" });
    expect(directory.sessions.size).toBe(0);
  });
});

describe("faults", () => {
  test("a code that could not be written off opens nothing", async () => {
    const { challenge, verify, codes, directory } = await setUp();
    const fault = new UpstreamUnavailable("away", "unknown");
    directory.faults.failNext("writeBackupCodes", fault);
    await expect(verify(await challenge(), codes[0] ?? "")).rejects.toBe(fault);
    expect(directory.faults.calls).not.toContain("mintGrant");
    expect(directory.sessions.size).toBe(0);
  });

  test("a session that the fault left without tokens is ended, and the code stays spent", async () => {
    const { challenge, verify, codes, directory, user } = await setUp();
    const mfaToken = await challenge();
    const fault = new UpstreamUnavailable("away", "noVerdict");
    directory.faults.failNext("exchange", fault);
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toBe(fault);
    expect(directory.sessions.size).toBe(0);
    expect(user.backupCodes?.hashes).toHaveLength(9);
    await expect(verify(mfaToken, codes[1] ?? "")).resolves.toBeDefined();
  });

  test("a verdict that did not reach the store gives no tokens and leaves no session", async () => {
    const { challenge, verify, codes, directory, admission } = await setUp();
    const mfaToken = await challenge();
    const { exchange } = directory;
    directory.exchange = async (...given) => {
      const outcome = await exchange(...given);
      admission.reachable = false;
      return outcome;
    };
    await expect(verify(mfaToken, codes[0] ?? "")).rejects.toBeInstanceOf(StoreUnavailable);
    expect(directory.sessions.size).toBe(0);
  });

  test("a user agent that could not be noted costs no login", async () => {
    const { challenge, verify, codes, notes } = await setUp();
    notes.faults.failNext("put", new StoreUnavailable("away"));
    await expect(verify(await challenge(), codes[0] ?? "")).resolves.toBeDefined();
  });
});

// Threat: the code that confirmed the enrolment is replayed at a login, in whatever way it is typed.
describe("the enrolment's first code", () => {
  test("is refused at logins for as long as it could be accepted, and counts as a wrong one", async () => {
    const { challenge, verify, codeOf, usedCodes, userId, directory, admission, account } = await setUp();
    const code = codeOf(secret);
    await usedCodes.use(userId, code, 180);
    const mfaToken = await challenge();
    for (const typed of [code, ` ${code.slice(0, 3)} ${code.slice(3)}`]) {
      await expect(verify(mfaToken, typed, "totp")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    expect(directory.faults.calls).not.toContain("totpGrant");
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(2);
    await expect(verify(mfaToken, codeOf(secret, 1), "totp")).resolves.toBeDefined();
  });

  test("of one user says nothing about another's", async () => {
    const { challenge, verify, codeOf, usedCodes } = await setUp();
    await usedCodes.use("somebody-else", codeOf(secret), 180);
    await expect(verify(await challenge(), codeOf(secret), "totp")).resolves.toBeDefined();
  });
});
