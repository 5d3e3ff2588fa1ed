import { describe, expect, test } from "vitest";
import type { MfaMethod } from "../../../../src/contract/headless.ts";
import type { Bearer } from "../../../../src/domain/clients/bearer-authenticator.ts";
import { accountName } from "../../../../src/domain/lockout/account-name.ts";
import { createEnrolmentService } from "../../../../src/domain/mfa/enrolment-service.ts";
import { createProvenChange } from "../../../../src/domain/mfa/proven-change.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, caller, createGatewayWorld, mfaBudget } from "../../../fakes/gateway-world.ts";

const away = new UpstreamUnavailable("away", "unknown");

function setUp() {
  const world = createGatewayWorld();
  const { directory, hash, outbox } = world;
  const ports = { ...world, secondFactors: directory, identityProvider: directory, sessions: directory };
  const provenChange = createProvenChange({ ...ports, budget: mfaBudget });
  const service = createEnrolmentService({ ...ports, provenChange, totpIssuer: "Acme" });
  const user = directory.add({});
  const { userId, email } = user.record;
  const sessionId = directory.openSession(userId, appOne.id);
  const bearer: Bearer = { claims: { userId, email, azp: appOne.id, sessionId }, app: appOne };
  const proof = (code: string) => ({ code, limits: limitsOf(appOne.id), endUser: caller });
  return {
    ...world,
    service,
    user,
    userId,
    bearer,
    account: accountName(hash, email),
    confirm: (code: string) => service.confirm(bearer, { code }),
    disable: (code: string, method: MfaMethod = "totp") => service.disable(bearer, { ...proof(code), method }),
    regenerate: (code: string) => service.regenerateBackupCodes(bearer, proof(code)),
    notices: () => outbox.jobs.map((job) => (job.type === "notify" ? job.kind : job.type)),
  };
}

/** A user with TOTP and backup codes, at a moment at which no code was used yet. */
async function setUpEnrolled() {
  const world = setUp();
  const { secret } = await world.service.enroll(world.bearer);
  const { backupCodes } = await world.confirm(world.codeOf(secret));
  world.clock.advance(300_000);
  return { ...world, secret, given: backupCodes, code: (steps = 0) => world.codeOf(secret, steps) };
}

/** A user who set TOTP up at Keycloak's own pages. */
function setUpElsewhere() {
  const world = setUp();
  world.user.totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
  return { ...world, code: (steps = 0) => world.codeOf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", steps) };
}

const fulfilled = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
  outcomes.filter(({ status }) => status === "fulfilled").length;

describe("status and count", () => {
  test("of a user without a second factor", async () => {
    const { service, bearer } = setUp();
    expect(await service.status(bearer)).toEqual({ enabled: false, methods: [], backupCodesRemaining: 0 });
    await expect(service.countBackupCodes(bearer)).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
  });

  test("of a user with both", async () => {
    const { service, bearer } = await setUpEnrolled();
    const methods = ["totp", "backup_code"];
    expect(await service.status(bearer)).toEqual({ enabled: true, methods, backupCodesRemaining: 10 });
    expect(await service.countBackupCodes(bearer)).toEqual({ remaining: 10, total: 10 });
  });

  test("of a user who has spent every code", async () => {
    const { service, bearer, user } = await setUpEnrolled();
    user.backupCodes = { salt: "s", hashes: [], total: 10 };
    expect(await service.status(bearer)).toEqual({ enabled: true, methods: ["totp"], backupCodesRemaining: 0 });
    expect(await service.countBackupCodes(bearer)).toEqual({ remaining: 0, total: 10 });
  });

  test("of a user who enrolled at Keycloak's own pages", async () => {
    const { service, bearer } = setUpElsewhere();
    expect(await service.status(bearer)).toEqual({ enabled: true, methods: ["totp"], backupCodesRemaining: 0 });
    expect(await service.countBackupCodes(bearer)).toEqual({ remaining: 0, total: 0 });
  });

  test("codes that are left of a TOTP that was removed at Keycloak's own pages are none", async () => {
    const { service, bearer, user } = await setUpEnrolled();
    user.totpSecret = undefined;
    expect(await service.status(bearer)).toEqual({ enabled: false, methods: [], backupCodesRemaining: 0 });
  });
});

describe("enrolling", () => {
  test("gives a secret and its URI, and changes nothing yet", async () => {
    const { service, bearer, user, notices } = setUp();
    const { secret, otpauthUri, expiresInSeconds } = await service.enroll(bearer);
    expect(otpauthUri).toBe(`otpauth://totp/Acme:jane%40example.com?secret=${secret}&issuer=Acme`);
    expect(expiresInSeconds).toBe(600);
    expect(user.totpSecret).toBeUndefined();
    expect(notices()).toEqual([]);
  });

  test("is refused while TOTP is on, wherever it was turned on", async () => {
    for (const { service, bearer } of [await setUpEnrolled(), setUpElsewhere()]) {
      await expect(service.enroll(bearer)).rejects.toMatchObject({ code: "MFA_ALREADY_ENROLLED" });
    }
  });

  test("is refused to a user who is gone", async () => {
    const { service, bearer, directory, userId } = setUp();
    directory.remove(userId);
    await expect(service.enroll(bearer)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(service.confirm(bearer, { code: "123456" })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });
});

describe("confirming", () => {
  test("turns the factor on, gives ten codes and tells the owner", async () => {
    const { service, bearer, confirm, user, codeOf, outbox } = setUp();
    const { secret } = await service.enroll(bearer);
    const { backupCodes } = await confirm(codeOf(secret));
    expect(user.totpSecret).toBe(secret);
    expect(backupCodes).toHaveLength(10);
    expect(user.backupCodes?.hashes).toHaveLength(10);
    expect(outbox.jobs).toEqual([{ type: "notify", kind: "mfa-enabled", email: "jane@example.com", appId: appOne.id }]);
  });

  test("without an enrolment, or too late, is refused", async () => {
    const { service, bearer, confirm, codeOf, clock, user } = setUp();
    await expect(confirm("123456")).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
    const { secret } = await service.enroll(bearer);
    clock.advance(600_000);
    await expect(confirm(codeOf(secret))).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
    expect(user.totpSecret).toBeUndefined();
  });

  test("takes only the newest secret", async () => {
    const { service, bearer, confirm, codeOf } = setUp();
    const older = await service.enroll(bearer);
    const newer = await service.enroll(bearer);
    await expect(confirm(codeOf(older.secret))).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    await expect(confirm(codeOf(newer.secret))).resolves.toBeDefined();
  });

  test("five wrong codes end the enrolment, whatever they look like", async () => {
    const { service, bearer, confirm, codeOf, user } = setUp();
    const { secret } = await service.enroll(bearer);
    const right = codeOf(secret);
    const wrong = right === "000000" ? "000001" : "000000";
    for (const code of [wrong, "12345", "abcdef", `${right}0`, wrong]) {
      await expect(confirm(code)).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    await expect(confirm(right)).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
    expect(user.totpSecret).toBeUndefined();
  });

  test("four wrong codes do not, and do not make the enrolment last longer", async () => {
    const { service, bearer, confirm, codeOf, clock } = setUp();
    const { secret } = await service.enroll(bearer);
    clock.advance(590_000);
    for (let round = 0; round < 4; round += 1) {
      await expect(confirm("abcdef")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    await expect(confirm(codeOf(secret))).resolves.toBeDefined();
    const again = setUp();
    const enrolment = await again.service.enroll(again.bearer);
    again.clock.advance(590_000);
    await expect(again.confirm("abcdef")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    again.clock.advance(10_000);
    await expect(again.confirm(again.codeOf(enrolment.secret))).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
  });

  test("of parallel confirmations, one succeeds and the others find the factor on", async () => {
    const { service, bearer, confirm, codeOf, user } = setUp();
    const { secret } = await service.enroll(bearer);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => confirm(codeOf(secret))));
    expect(fulfilled(outcomes)).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "MFA_ALREADY_ENROLLED" });
    }
    const winner = outcomes.find((outcome) => outcome.status === "fulfilled");
    expect(winner?.value.backupCodes).toEqual(user.backupCodes?.hashes);
  });

  test("finds a factor that was turned on at Keycloak's own pages in the meantime", async () => {
    const { service, bearer, confirm, codeOf, user } = setUp();
    const { secret } = await service.enroll(bearer);
    user.totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    await expect(confirm(codeOf(secret))).rejects.toMatchObject({ code: "MFA_ALREADY_ENROLLED" });
    expect(user.totpSecret).toBe("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    expect(user.backupCodes).toBeUndefined();
  });

  // Threat: whoever looks over a shoulder at the enrolment's first code uses it again: Keycloak has not seen it.
  test("uses its code up, before there is a factor that it could answer", async () => {
    const { service, bearer, confirm, disable, codeOf, usedCodes, userId, directory, user } = setUp();
    const { secret } = await service.enroll(bearer);
    const code = codeOf(secret);
    const { addTotp } = directory;
    let usedBefore = false;
    directory.addTotp = async (...given) => {
      usedBefore = await usedCodes.isUsed(userId, code);
      return addTotp(...given);
    };
    await confirm(code);
    expect(usedBefore).toBe(true);
    for (const typed of [code, ` ${code}`, `${code.slice(0, 3)} ${code.slice(3)}`]) {
      await expect(disable(typed)).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    expect(user.totpSecret).toBe(secret);
    expect(directory.faults.calls).not.toContain("totpGrant");
  });

  // Threat: a crash between two steps leaves a factor that nobody can answer, or codes without a factor.
  test.each(["hasTotp", "writeBackupCodes", "addTotp"] as const)(
    "a fault of %s leaves the factor off and the enrolment open",
    async (method) => {
      const { service, bearer, confirm, codeOf, directory, user, admission, clock, notices } = setUp();
      const { secret } = await service.enroll(bearer);
      directory.faults.failNext(method, away);
      if (method === "hasTotp") {
        await expect(confirm(codeOf(secret))).rejects.toBe(away);
      } else {
        await expect(confirm(codeOf(secret))).rejects.toBe(away);
        // The code is used up all the same; the next one does.
        await expect(confirm(codeOf(secret))).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
      }
      expect(user.totpSecret).toBeUndefined();
      expect(admission.inside).toBe(0);
      expect(notices()).toEqual([]);
      clock.advance(30_000);
      await confirm(codeOf(secret));
      expect(user.totpSecret).toBe(secret);
      expect(user.backupCodes?.hashes).toHaveLength(10);
    },
  );

  test("the factor is never on without its backup codes", async () => {
    const { service, bearer, confirm, codeOf, directory, user } = setUp();
    const { secret } = await service.enroll(bearer);
    const { addTotp } = directory;
    directory.addTotp = (...given) => {
      expect(user.backupCodes?.hashes).toHaveLength(10);
      return addTotp(...given);
    };
    await confirm(codeOf(secret));
  });

  test("is not acknowledged when the notice could not be written down", async () => {
    const { service, bearer, confirm, codeOf, outbox } = setUp();
    const { secret } = await service.enroll(bearer);
    const fault = new StoreUnavailable("away");
    outbox.faults.failNext("add", fault);
    await expect(confirm(codeOf(secret))).rejects.toBe(fault);
  });
});

// Threat: a thief's call waits for the gate while the owner's reset ends the thief's session, and enrols after it.
describe("a session that has ended while the call waited", () => {
  test("enrols nothing", async () => {
    const { service, bearer, directory, user, userId, confirm, codeOf } = setUp();
    const { secret } = await service.enroll(bearer);
    await directory.endAllSessions(userId);
    await expect(confirm(codeOf(secret))).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(user.totpSecret).toBeUndefined();
  });

  test("changes nothing, and costs no attempt", async () => {
    const { disable, directory, user, userId, admission, account } = await setUpEnrolled();
    await directory.endAllSessions(userId);
    await expect(disable("000000")).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(user.totpSecret).toBeDefined();
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(0);
  });
});

describe("disabling", () => {
  test.each(["totp", "backup_code"] as const)("with a %s turns everything off and tells the owner", async (method) => {
    const { disable, code, given, user, notices, directory } = await setUpEnrolled();
    await disable(method === "totp" ? code() : (given[3] ?? ""), method);
    expect(user.totpSecret).toBeUndefined();
    expect(user.backupCodes).toBeUndefined();
    expect(notices()).toEqual(["mfa-enabled", "mfa-disabled"]);
    // The caller's own; the check's has ended.
    expect(directory.sessions.size).toBe(1);
  });

  test("works for a user who enrolled at Keycloak's own pages", async () => {
    const { disable, code, user } = setUpElsewhere();
    await disable(code());
    expect(user.totpSecret).toBeUndefined();
  });

  test("without a second factor is refused, and costs no attempt", async () => {
    const { disable, admission, account, directory } = setUp();
    for (const method of ["totp", "backup_code"] as const) {
      await expect(disable("123456", method)).rejects.toMatchObject({ code: "MFA_NOT_ENROLLED" });
    }
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(0);
    expect(directory.faults.calls).not.toContain("totpGrant");
  });

  test("of parallel calls with right codes, one turns it off and the others find it off", async () => {
    const { disable, given, notices } = await setUpEnrolled();
    const outcomes = await Promise.allSettled(given.slice(0, 4).map((code) => disable(code, "backup_code")));
    expect(fulfilled(outcomes)).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "MFA_NOT_ENROLLED" });
    }
    expect(notices()).toEqual(["mfa-enabled", "mfa-disabled"]);
  });

  test("the factor goes before its codes: a fault in between shuts nobody out", async () => {
    const { disable, given, directory, user } = await setUpEnrolled();
    directory.faults.failNext("removeTotp", away);
    await expect(disable(given[0] ?? "", "backup_code")).rejects.toBe(away);
    expect(user.totpSecret).toBeDefined();
    expect(user.backupCodes?.hashes).toHaveLength(9);
    await disable(given[1] ?? "", "backup_code");
    expect(user.totpSecret).toBeUndefined();
  });
});

describe("regenerating backup codes", () => {
  test("with a TOTP code replaces them and tells the owner", async () => {
    const { regenerate, code, given, user, notices, directory } = await setUpEnrolled();
    const { backupCodes } = await regenerate(code());
    expect(backupCodes).toHaveLength(10);
    expect(backupCodes.some((one) => given.includes(one))).toBe(false);
    expect(user.backupCodes?.hashes).toEqual(backupCodes);
    expect(notices()).toEqual(["mfa-enabled", "backup-codes-renewed"]);
    // The caller's own; the check's has ended.
    expect(directory.sessions.size).toBe(1);
  });

  test("gives a user who enrolled at Keycloak's own pages the first ones", async () => {
    const { regenerate, code, user } = setUpElsewhere();
    await regenerate(code());
    expect(user.backupCodes?.hashes).toHaveLength(10);
  });

  test("does not take a backup code", async () => {
    const { regenerate, given, user } = await setUpEnrolled();
    await expect(regenerate(given[0] ?? "")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    expect(user.backupCodes?.hashes).toHaveLength(10);
  });

  test("in parallel with one code succeeds once, and the codes that were given out are the ones that count", async () => {
    const { regenerate, code, user } = await setUpEnrolled();
    const right = code();
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => regenerate(right)));
    expect(fulfilled(outcomes)).toBe(1);
    const winner = outcomes.find((outcome) => outcome.status === "fulfilled");
    expect(winner?.value.backupCodes).toEqual(user.backupCodes?.hashes);
  });
});

// Threat: with a stolen access token alone, the second factor is turned off or its codes are replaced; codes are guessed here
// because only logins count.
describe("the proof", () => {
  const changes = [
    ["disable", ({ disable }: ReturnType<typeof setUp>, code: string) => disable(code)],
    ["regenerate", ({ regenerate }: ReturnType<typeof setUp>, code: string) => regenerate(code)],
  ] as const;

  test.each(changes)("%s: wrong codes count, lock the account, and have the owner told once", async (_name, change) => {
    const world = await setUpEnrolled();
    const { admission, account, code, user, notices, secret } = world;
    const wrong = code() === "000000" ? "000001" : "000000";
    const before = user.backupCodes;
    for (let round = 0; round < mfaBudget.maxAttempts; round += 1) {
      await expect(change(world, wrong)).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    await expect(change(world, code())).rejects.toMatchObject({ code: "ACCOUNT_LOCKED", retryAfterSeconds: 600 });
    expect((await admission.lockoutState(account)).lockedUntil).toBeDefined();
    expect(user.totpSecret).toBe(secret);
    expect(user.backupCodes).toBe(before);
    expect(notices()).toEqual(["mfa-enabled", "account-locked"]);
  });

  test("parallel guesses do not exceed the budget", async () => {
    const { disable, directory } = await setUpEnrolled();
    await Promise.allSettled(Array.from({ length: 30 }, (_, index) => disable(String(100_000 + index))));
    expect(directory.faults.calls.filter((call) => call === "totpGrant")).toHaveLength(mfaBudget.maxAttempts);
  });

  test("wrong backup codes count in the same budget", async () => {
    const { disable } = await setUpEnrolled();
    for (const method of ["totp", "backup_code", "backup_code", "totp"] as const) {
      await expect(disable("000000", method)).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    }
    await expect(disable("000000")).rejects.toMatchObject({ code: "ACCOUNT_LOCKED" });
  });

  test.each(changes)("%s: a right code clears no count of wrong ones", async (_name, change) => {
    const world = await setUpEnrolled();
    const { admission, account, code } = world;
    await expect(change(world, "abcdef")).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    await change(world, code());
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(1);
  });

  test("a TOTP code proves one change", async () => {
    const { regenerate, disable, code, user } = await setUpEnrolled();
    const used = code();
    await regenerate(used);
    await expect(disable(used)).rejects.toMatchObject({ code: "MFA_INVALID_CODE" });
    expect(user.totpSecret).toBeDefined();
  });

  // Threat: the session that the check opens at Keycloak stays, for nobody to see or end.
  test.each(changes)(
    "%s: the session that the check has opened is ended before anything changes",
    async (_name, change) => {
      const world = await setUpEnrolled();
      const { directory, code, user, secret } = world;
      directory.faults.failNext("endSession", away);
      const before = user.backupCodes;
      await expect(change(world, code())).rejects.toBe(away);
      expect(user.totpSecret).toBe(secret);
      expect(user.backupCodes).toBe(before);
    },
  );

  test("a fault that hides the verdict costs an attempt, one that surely revealed nothing does not", async () => {
    const { disable, directory, admission, account, code } = await setUpEnrolled();
    directory.faults.failNext("totpGrant", away);
    await expect(disable(code())).rejects.toBe(away);
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(1);
    const unsent = new UpstreamUnavailable("away", "unsent");
    directory.faults.failNext("totpGrant", unsent);
    await expect(disable(code())).rejects.toBe(unsent);
    expect((await admission.lockoutState(account)).mfaAttempts).toBe(1);
  });

  test.each(changes)("%s: a disabled account's token is no good", async (_name, change) => {
    const world = await setUpEnrolled();
    world.user.enabled = false;
    await expect(change(world, world.code())).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(world.user.totpSecret).toBeDefined();
  });

  test.each(changes)("%s: an account that needs an action first says which", async (_name, change) => {
    const world = await setUpEnrolled();
    world.user.record = { ...world.user.record, requiredActions: ["UPDATE_PASSWORD"] };
    await expect(change(world, world.code())).rejects.toMatchObject({
      code: "ACTION_REQUIRED",
      requiredActions: ["UPDATE_PASSWORD"],
    });
  });

  // Threat: one user's name is another's e-mail address, so Keycloak checks the code of the wrong one.
  test("the factor of another user proves nothing, and its session is ended", async () => {
    const { disable, directory, user, userId, code } = await setUpEnrolled();
    const sessionId = directory.openSession("somebody-else", "headless-otp");
    directory.totpGrant = async () => ({
      kind: "verified",
      subject: { accessToken: "proof", sessionId, userId: "somebody-else" },
    });
    await expect(disable(code())).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(user.totpSecret).toBeDefined();
    expect(directory.sessions.has(sessionId)).toBe(false);
    expect(userId).not.toBe("somebody-else");
  });
});
