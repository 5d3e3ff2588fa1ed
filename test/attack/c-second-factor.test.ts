import { createHash, randomBytes, randomUUID } from "node:crypto";
import { ScureBase32Plugin } from "otplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi, tally } from "../support/api.ts";
import { createBrowserSession } from "../support/browser-session.ts";
import { callAs, createEnrolledUser, createEnrollingUser, type EnrolledUser } from "../support/enrolment.ts";
import { sized } from "../support/figures.ts";
import type { TestGateway } from "../support/gateway.ts";
import { type Instances, startInstances } from "../support/instances.ts";
import {
  adminCall,
  claimsOf,
  createUser,
  demoApp,
  issuer,
  oidc,
  secondApp,
  sessionsOf,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { linkIn } from "../support/mailbox.ts";

let instances: Instances;
beforeAll(async () => {
  instances = await startInstances(3, { HEADGATE_LIMIT_ADDRESS: "100000/60" });
});
afterAll(() => instances?.stop());

type Credentials = Pick<TestUser, "email" | "password">;
const at = (index: number) => instances.at(index);
const login = ({ email, password }: Credentials, app = demoApp) =>
  callApi(at(0), "/login", { body: { email, password }, app });
async function challengeOf(user: Credentials, app = demoApp): Promise<string> {
  const { body } = await login(user, app);
  expect(body.mfaRequired).toBe(true);
  return body.mfaToken;
}
async function challengesOf(user: Credentials, count: number): Promise<readonly string[]> {
  const challenges: string[] = [];
  while (challenges.length < count) challenges.push(await challengeOf(user));
  return challenges;
}
const verifyAt = (gateway: TestGateway, mfaToken: string, code: string, { method = "totp", app = demoApp } = {}) =>
  callApi(gateway, "/mfa/verify", { body: { mfaToken, code, method }, app });
const verify = (mfaToken: string, code: string, how: { method?: string; app?: typeof demoApp } = {}) =>
  verifyAt(at(0), mfaToken, code, how);
const backupCode = { method: "backup_code" };
/** Logs in as far as the second factor and answers with a code, at another instance. */
const verifyAnew = async (user: Credentials, code: string, how: { method?: string } = {}) =>
  verifyAt(at(1), await challengeOf(user), code, how);

const statusOf = async (accessToken: string) => (await callAs(accessToken, at(0), "/mfa/status")).body;
const remainingCodes = async (accessToken: string) =>
  (await callAs(accessToken, at(0), "/mfa/backup-codes")).body.remaining;
const sessionIdsOf = async (user: Pick<TestUser, "userId">) => (await sessionsOf(user)).map(({ id }) => id);

/** Codes that are wrong now and for some steps around. */
function wrongCodes({ totpSecret }: Pick<TestUser, "totpSecret">, count: number): readonly string[] {
  const near = [-3, -2, -1, 0, 1, 2, 3].map((steps) => totpCode(totpSecret, steps));
  const codes = Array.from({ length: count + near.length }, (_, index) => String(300_010 + index));
  return codes.filter((code) => !near.includes(code)).slice(0, count);
}
const wrongCode = (user: Pick<TestUser, "totpSecret">): string => wrongCodes(user, 1)[0] as string;

/**
 * Logs a user with TOTP and without backup codes in, with the code of the present step; the next step's one is unused. Ten backup
 * codes cost a second or two of hashing.
 */
async function createBearer(): Promise<TestUser & { readonly accessToken: string }> {
  const user = await createUser({ totp: true });
  const { status, body } = await verify(await challengeOf(user), totpCode(user.totpSecret));
  expect(status).toBe(200);
  return { ...user, accessToken: body.accessToken };
}

const presentStep = () => Math.floor(Date.now() / 30_000);
/** Does work that must fit into one TOTP step, and does it again when a step ended meanwhile. */
async function withinOneStep<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < 5; tries++) {
    const step = presentStep();
    const result = await work();
    if (presentStep() === step) return result;
  }
  throw new Error("The work takes longer than a TOTP step.");
}

// Threat: a code that was read over the shoulder, or on its way, is used again while its time lasts (RFC 6238, section 5.2; ASVS
// 6.5.1; Better Auth #10387), in the same challenge, in another one, for another purpose, or at the same moment elsewhere.
describe("a TOTP code works once", () => {
  test("in one challenge, in parallel", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    const code = totpCode(user.totpSecret);
    const answers = await instances.race(9, (gateway) => verifyAt(gateway, mfaToken, code));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_CHALLENGE_EXPIRED": 8 });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  test("in challenges of its own, in parallel", async () => {
    const user = await createUser({ totp: true });
    const challenges = await challengesOf(user, 6);
    const code = totpCode(user.totpSecret);
    const answers = await instances.race(6, (gateway, index) => verifyAt(gateway, challenges[index] ?? "", code));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 5 });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  test("and afterwards neither in its challenge nor in another one, however it is typed", async () => {
    const user = await createUser({ totp: true });
    const [first = "", second = ""] = await challengesOf(user, 2);
    const code = totpCode(user.totpSecret);
    expect((await verify(first, code)).status).toBe(200);
    expect((await verify(first, code)).body.code).toBe("MFA_CHALLENGE_EXPIRED");
    for (const typed of [code, `${code.slice(0, 3)} ${code.slice(3)}`, ` ${code}`]) {
      expect((await verifyAt(at(1), second, typed)).body.code).toBe("MFA_INVALID_CODE");
    }
    expect((await verifyAnew(user, code)).body.code).toBe("MFA_INVALID_CODE");
    expect(await sessionsOf(user)).toHaveLength(1);
    // It was the code that was refused, not the challenge.
    expect((await verify(second, totpCode(user.totpSecret, 1))).status).toBe(200);
  });

  test("beside a code of the next step: one challenge gives one session", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    const codes = [totpCode(user.totpSecret, 0), totpCode(user.totpSecret, 1)];
    const answers = await instances.race(2, (gateway, index) => verifyAt(gateway, mfaToken, codes[index] ?? ""));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_CHALLENGE_EXPIRED": 1 });
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  // Keycloak has not seen the code that confirmed an enrolment. The one of the next step would be good for the longest time.
  test.each([1, 0, -1].slice(0, sized(1, 3)))(
    "at the enrolment (step %i), and then for nothing else",
    async (steps) => {
      const { user, code, confirmed } = await withinOneStep(async () => {
        const enrolling = await createEnrollingUser(at(0));
        const first = totpCode(enrolling.totpSecret, steps);
        const answer = await callAs(enrolling.accessToken, at(0), "/mfa/enroll/confirm", { code: first });
        return { user: enrolling, code: first, confirmed: answer.status };
      });
      expect(confirmed).toBe(200);
      const answers = [
        await verifyAnew(user, code),
        await callAs(user.accessToken, at(1), "/mfa/backup-codes", { code }),
        await callAs(user.accessToken, at(2), "/mfa/disable", { code }),
      ];
      expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 3 });
      expect(await sessionIdsOf(user)).toEqual([claimsOf(user.accessToken)["sid"]]);
    },
  );

  test("for a change of the second factor, and then for no login", async () => {
    const user = await createBearer();
    const code = totpCode(user.totpSecret, 1);
    expect((await callAs(user.accessToken, at(0), "/mfa/backup-codes", { code })).status).toBe(200);
    expect((await verifyAnew(user, code)).body.code).toBe("MFA_INVALID_CODE");
    expect((await callAs(user.accessToken, at(1), "/mfa/disable", { code })).body.code).toBe("MFA_INVALID_CODE");
  });

  test("for a login or for a change at the same moment", async () => {
    const user = await createBearer();
    const code = totpCode(user.totpSecret, 1);
    const mfaToken = await challengeOf(user);
    const answers = await Promise.all([
      callAs(user.accessToken, at(0), "/mfa/backup-codes", { code }),
      verifyAt(at(1), mfaToken, code),
    ]);
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 1 });
  });
});

// Threat: each step that is accepted for clocks that differ is one more chance for a guess, and one more half minute for a code that
// was seen.
describe("a TOTP code is good for its step and the ones beside it", () => {
  test("at a login", async () => {
    const answers = await withinOneStep(async () => {
      const user = await createUser({ totp: true });
      const [far = "", ...near] = await challengesOf(user, 4);
      const found: [number, ApiAnswer][] = [];
      for (const steps of [-3, -2, 2, 3]) found.push([steps, await verify(far, totpCode(user.totpSecret, steps))]);
      for (const [index, steps] of [-1, 0, 1].entries()) {
        found.push([steps, await verify(near[index] ?? "", totpCode(user.totpSecret, steps))]);
        // The first of these is the fifth wrong code, which ends the challenge.
        found.push([steps, await verify(far, totpCode(user.totpSecret, steps))]);
      }
      return found;
    });
    const outcomes = answers.map(([steps, { status, body }]) => [steps, body.code ?? status]);
    expect(outcomes).toEqual([
      [-3, "MFA_INVALID_CODE"],
      [-2, "MFA_INVALID_CODE"],
      [2, "MFA_INVALID_CODE"],
      [3, "MFA_INVALID_CODE"],
      [-1, 200],
      [-1, "MFA_INVALID_CODE"],
      [0, 200],
      [0, "MFA_CHALLENGE_EXPIRED"],
      [1, 200],
      [1, "MFA_CHALLENGE_EXPIRED"],
    ]);
  });

  test.each([-1, 0, 1])("at an enrolment (step %i)", async (steps) => {
    const answers = await withinOneStep(async () => {
      const user = await createEnrollingUser(at(0));
      const confirm = (step: number) =>
        callAs(user.accessToken, at(0), "/mfa/enroll/confirm", { code: totpCode(user.totpSecret, step) });
      return [await confirm(-3), await confirm(-2), await confirm(2), await confirm(3), await confirm(steps)];
    });
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 4, "200": 1 });
    expect(answers.at(-1)?.status).toBe(200);
  });
});

// Threat: whoever has a factor of an account of their own answers for somebody else's with it.
describe("a factor proves nothing for another user", () => {
  let user: EnrolledUser;
  let other: EnrolledUser;
  beforeAll(async () => {
    [user, other] = [await createEnrolledUser(at(0)), await createEnrolledUser(at(1))];
  });

  test("neither at a login nor for a change, and is not used up", async () => {
    const mfaToken = await challengeOf(user);
    const code = totpCode(other.totpSecret, 1);
    const [backup = ""] = other.backupCodes;
    const before = await sessionIdsOf(user);
    const answers = [
      await verify(mfaToken, code),
      await verify(mfaToken, backup, backupCode),
      await callAs(user.accessToken, at(1), "/mfa/disable", { code }),
      await callAs(user.accessToken, at(1), "/mfa/disable", { code: backup, ...backupCode }),
      await callAs(user.accessToken, at(2), "/mfa/backup-codes", { code }),
    ];
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 5 });
    expect(await sessionIdsOf(user)).toEqual(before);
    expect(await statusOf(user.accessToken)).toMatchObject({ enabled: true, backupCodesRemaining: 10 });
    expect((await verifyAnew(other, backup, backupCode)).status).toBe(200);
    expect((await verifyAnew(other, code)).status).toBe(200);
  });

  test("nor at an enrolment", async () => {
    const [mine, theirs] = [await createEnrollingUser(at(0)), await createEnrollingUser(at(1))];
    const code = totpCode(theirs.totpSecret);
    const refused = await callAs(mine.accessToken, at(0), "/mfa/enroll/confirm", { code });
    expect([refused.status, refused.body.code]).toEqual([401, "MFA_INVALID_CODE"]);
    expect((await callAs(theirs.accessToken, at(0), "/mfa/enroll/confirm", { code })).status).toBe(200);
  });
});

// Threat: a challenge that outlives what it was granted for, or that is used by somebody else.
describe("a challenge gives no tokens", () => {
  const expectNoTokens = async (user: TestUser, mfaToken: string, expected: string, app = demoApp) => {
    const { status, body } = await verifyAt(at(1), mfaToken, totpCode(user.totpSecret), { app });
    expect([status, body.code]).toEqual([expected === "ACCOUNT_LOCKED" ? 423 : 401, expected]);
    expect(body).not.toHaveProperty("accessToken");
    expect(await sessionsOf(user)).toEqual([]);
  };

  test("to another app client, which does not use it up", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    await expectNoTokens(user, mfaToken, "MFA_CHALLENGE_EXPIRED", secondApp);
    expect((await verify(mfaToken, totpCode(user.totpSecret))).status).toBe(200);
  });

  test("after the account was locked, even when it was unlocked since", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    for (let attempt = 0; attempt < 5; attempt++) await login({ ...user, password: "wrong" });
    await expectNoTokens(user, mfaToken, "ACCOUNT_LOCKED");
    await callApi(at(0), "/security/unlock", { body: { userId: user.userId } });
    await expectNoTokens(user, mfaToken, "MFA_CHALLENGE_EXPIRED");
  });

  test("after the account was disabled", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    await adminCall("PUT", `/users/${user.userId}`, { enabled: false });
    const { status, body } = await verify(mfaToken, totpCode(user.totpSecret));
    expect(status).toBe(401);
    expect(["MFA_CHALLENGE_EXPIRED", "MFA_INVALID_CODE"]).toContain(body.code);
    expect(await sessionsOf(user)).toEqual([]);
  });

  test("after its second factor was turned off", async () => {
    const user = await createBearer();
    const mfaToken = await challengeOf(user);
    const disabled = await callAs(user.accessToken, at(0), "/mfa/disable", { code: totpCode(user.totpSecret, 1) });
    expect(disabled.status).toBe(200);
    const late = await verifyAt(at(1), mfaToken, totpCode(user.totpSecret, 0));
    expect([late.status, late.body.code]).toEqual([401, "MFA_CHALLENGE_EXPIRED"]);
    expect(await sessionIdsOf(user)).toEqual([claimsOf(user.accessToken)["sid"]]);
  });

  test("as what it is not: an unknown one, an access token, a refresh token", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    await expectNoTokens(user, `mfa_${"A".repeat(43)}`, "MFA_CHALLENGE_EXPIRED");
    await expectNoTokens(user, mfaToken.slice(0, -1), "MFA_CHALLENGE_EXPIRED");
    expect((await callAs(mfaToken, at(0), "/mfa/status")).body.code).toBe("INVALID_TOKEN");
    const refreshed = await callApi(at(0), "/refresh", { body: { refreshToken: mfaToken } });
    expect(refreshed.body.code).toBe("TOKEN_EXPIRED");
    expect(await sessionsOf(user)).toEqual([]);
  });
});

// Threat: guessing codes with a stolen password or access token, each new challenge refilling the budget, or each way that asks for a
// code having one of its own (Zitadel CVE-2025-64102).
describe("guesses of codes", () => {
  test("end a challenge after five, the right code included", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    for (const code of wrongCodes(user, 5)) {
      const { status, body } = await verify(mfaToken, code);
      expect([status, body.code]).toEqual([401, "MFA_INVALID_CODE"]);
    }
    expect((await verify(mfaToken, totpCode(user.totpSecret))).body.code).toBe("MFA_CHALLENGE_EXPIRED");
  });

  test("have a budget per account that new challenges do not refill, then lock the account", async () => {
    const user = await createUser({ totp: true });
    const seen: string[] = [];
    for (let attempt = 0; attempt < 12 && seen.at(-1) !== "ACCOUNT_LOCKED"; attempt++) {
      const challenge = await login(user);
      if (challenge.status !== 200) seen.push(challenge.body.code);
      else seen.push((await verify(challenge.body.mfaToken, wrongCode(user))).body.code);
    }
    expect(seen).toEqual([...Array(10).fill("MFA_INVALID_CODE"), "ACCOUNT_LOCKED"]);
    const status = await callApi(at(0), `/security/lockout-status?userId=${user.userId}`);
    expect(status.body.locked).toBe(true);
  });

  test("do not clear or add to the count of wrong passwords", async () => {
    const user = await createUser({ totp: true });
    const attemptsRemaining = async () =>
      (await callApi(at(0), `/security/lockout-status?userId=${user.userId}`)).body.attemptsRemaining;
    await login({ ...user, password: "wrong" });
    expect(await attemptsRemaining()).toBe(4);
    const mfaToken = await challengeOf(user);
    expect(await attemptsRemaining()).toBe(4);
    await verify(mfaToken, wrongCode(user));
    expect(await attemptsRemaining()).toBe(4);
    await verify(mfaToken, totpCode(user.totpSecret));
    expect(await attemptsRemaining()).toBe(5);
  });

  test("of a method that the user does not have count alike", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    for (let attempt = 0; attempt < 5; attempt++) {
      expect((await verify(mfaToken, "abcde-fghij", backupCode)).body.code).toBe("MFA_INVALID_CODE");
    }
    expect((await verify(mfaToken, totpCode(user.totpSecret))).body.code).toBe("MFA_CHALLENGE_EXPIRED");
  });

  test("share one budget with logins and changes, over all instances, and then lock until the unlock", async () => {
    const user = await createBearer();
    const mfaToken = await challengeOf(user);
    const wrong = wrongCodes(user, 24);
    const answers = await instances.race(24, (gateway, index) => {
      const code = wrong[index] ?? "";
      if (index % 4 === 0) return verifyAt(gateway, mfaToken, code);
      if (index % 4 === 1) return callAs(user.accessToken, gateway, "/mfa/backup-codes", { code });
      const method = index % 4 === 2 ? "totp" : "backup_code";
      return callAs(user.accessToken, gateway, "/mfa/disable", { code, method });
    });
    const { "401 MFA_INVALID_CODE": judged, "423 ACCOUNT_LOCKED": locked = 0, ...others } = tally(answers);
    // A challenge may have ended by its own five codes first; that costs no attempt.
    const { "401 MFA_CHALLENGE_EXPIRED": expired = 0, ...rest } = others;
    expect([judged, locked + expired, rest]).toEqual([10, 14, {}]);
    const code = totpCode(user.totpSecret, 1);
    const right = await callAs(user.accessToken, at(0), "/mfa/disable", { code });
    expect([right.status, right.body.code]).toEqual([423, "ACCOUNT_LOCKED"]);
    expect((await login(user)).status).toBe(423);

    await callApi(at(0), "/security/unlock", { body: { userId: user.userId } });
    expect((await login(user)).body.mfaRequired).toBe(true);
    expect((await callAs(user.accessToken, at(0), "/mfa/disable", { code })).body).toEqual({ enabled: false });
  });
});

// Threat: a backup code that somebody has read is spent beside its owner's login, or two logins write the rest of the codes
// over each other, so that a spent one is good again.
describe("a backup code works once", () => {
  let user: EnrolledUser;
  beforeAll(async () => {
    user = await createEnrolledUser(at(0));
  });
  const counts = async () => [await remainingCodes(user.accessToken), (await sessionsOf(user)).length] as const;

  test("in one challenge, in parallel", async () => {
    const [code = ""] = user.backupCodes;
    const [remaining, sessions] = await counts();
    const mfaToken = await challengeOf(user);
    const answers = await instances.race(6, (gateway) => verifyAt(gateway, mfaToken, code, backupCode));
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_CHALLENGE_EXPIRED": 5 });
    expect(await counts()).toEqual([remaining - 1, sessions + 1]);
  });

  test("in challenges of its own, in parallel, and afterwards however it is typed", async () => {
    const [, code = ""] = user.backupCodes;
    const [remaining, sessions] = await counts();
    const challenges = await challengesOf(user, 4);
    const answers = await instances.race(4, (gateway, index) =>
      verifyAt(gateway, challenges[index] ?? "", code, backupCode),
    );
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 3 });
    const mfaToken = await challengeOf(user);
    for (const typed of [code, code.toLowerCase(), code.replaceAll("-", ""), ` ${code.replaceAll("-", " ")}`]) {
      expect((await verify(mfaToken, typed, backupCode)).body.code).toBe("MFA_INVALID_CODE");
    }
    expect(await counts()).toEqual([remaining - 1, sessions + 1]);
  });

  test("and different ones in different challenges are all spent", async () => {
    const codes = user.backupCodes.slice(2, 6);
    const [remaining, sessions] = await counts();
    const challenges = await challengesOf(user, 4);
    const answers = await instances.race(4, (gateway, index) =>
      verifyAt(gateway, challenges[index] ?? "", codes[index] ?? "", backupCode),
    );
    expect(tally(answers)).toEqual({ "200": 4 });
    expect(await counts()).toEqual([remaining - 4, sessions + 4]);
    const mfaToken = await challengeOf(user);
    for (const code of codes) expect((await verify(mfaToken, code, backupCode)).body.code).toBe("MFA_INVALID_CODE");
  });

  test("for a login or for turning the factor off at the same moment", async () => {
    const code = user.backupCodes[6] ?? "";
    const [remaining] = await counts();
    const mfaToken = await challengeOf(user);
    const [disabled, verified] = await Promise.all([
      callAs(user.accessToken, at(0), "/mfa/disable", { code, ...backupCode }),
      verifyAt(at(1), mfaToken, code, backupCode),
    ]);
    expect([disabled, verified].filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await statusOf(user.accessToken)).toMatchObject(
      disabled.status === 200
        ? { enabled: false, methods: [] }
        : { enabled: true, backupCodesRemaining: remaining - 1 },
    );
  });
});

// Threat: a login with an old backup code, beside the making of new ones, writes the old ones back, and the ones that the
// user wanted void open the account.
describe("new backup codes replace the old ones", () => {
  test("beside logins with old ones", async () => {
    const user = await createEnrolledUser(at(0));
    const [first = "", second = "", unused = ""] = user.backupCodes;
    const challenges = await challengesOf(user, 2);
    const [renewal, ...logins] = await Promise.all([
      callAs(user.accessToken, at(0), "/mfa/backup-codes", { code: totpCode(user.totpSecret, 1) }),
      verifyAt(at(1), challenges[0] ?? "", first, backupCode),
      verifyAt(at(2), challenges[1] ?? "", second, backupCode),
    ]);
    expect(renewal.status).toBe(200);
    for (const { status, body } of logins) expect([200, "MFA_INVALID_CODE"]).toContain(body.code ?? status);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    const mfaToken = await challengeOf(user);
    for (const code of [first, second, unused]) {
      expect((await verifyAt(at(1), mfaToken, code, backupCode)).body.code).toBe("MFA_INVALID_CODE");
    }
    expect((await verifyAt(at(1), mfaToken, renewal.body.backupCodes[0], backupCode)).status).toBe(200);
  });

  test("once for one TOTP code, and the winner's are good", async () => {
    const user = await createBearer();
    const code = totpCode(user.totpSecret, 1);
    const renew = (gateway: TestGateway) => callAs(user.accessToken, gateway, "/mfa/backup-codes", { code });
    const answers = await instances.race(3, renew);
    expect(tally(answers)).toEqual({ "200": 1, "401 MFA_INVALID_CODE": 2 });
    const winner = answers.find(({ status }) => status === 200);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    expect((await verifyAnew(user, winner?.body.backupCodes[9], backupCode)).status).toBe(200);
  });
});

/** What Keycloak keeps of a user's backup codes. */
interface StoredSet {
  readonly salt: string;
  readonly hashes: readonly string[];
}

// Threat: whoever reads Keycloak's database or an export of it, the store or the logs logs in with the backup codes found there, or
// looks their hashes up in a table made for everybody (ASVS 6.5.2).
describe("backup codes are stored hashed, with a salt", () => {
  const storedSetOf = async ({ userId }: TestUser): Promise<StoredSet> =>
    JSON.parse((await adminCall("GET", `/users/${userId}`)).attributes.headgate_backup_codes[0]);
  async function store({ userId }: TestUser, set: StoredSet): Promise<void> {
    const record = await adminCall("GET", `/users/${userId}`);
    const attributes = { ...record.attributes, headgate_backup_codes: [JSON.stringify({ ...set, total: 10 })] };
    await adminCall("PUT", `/users/${userId}`, { ...record, attributes });
  }

  let user: EnrolledUser;
  let mine: StoredSet;
  beforeAll(async () => {
    user = await createEnrolledUser(at(0));
    mine = await storedSetOf(user);
  });

  test("and lie in clear neither at Keycloak nor in the store nor in a log", async () => {
    expect((await verifyAnew(user, user.backupCodes[9] ?? "", backupCode)).status).toBe(200);
    expect((await verifyAnew(user, wrongCode(user), backupCode)).status).toBe(401);
    const places = {
      record: JSON.stringify(await adminCall("GET", `/users/${user.userId}`)),
      credentials: JSON.stringify(await adminCall("GET", `/users/${user.userId}/credentials`)),
      store: await instances.redis.dump(),
      log: instances.output(),
    };
    expect(places.record).toContain("headgate_backup_codes");
    for (const [place, text] of Object.entries(places)) {
      expect(text).not.toBe("");
      const folded = text.toUpperCase();
      for (const code of user.backupCodes)
        for (const form of [code, code.replaceAll("-", "")])
          expect([place, form, folded.includes(form)]).toEqual([place, form, false]);
    }
  });

  test("not as a digest of the code alone", () => {
    const [code = ""] = user.backupCodes;
    const salts = ["", mine.salt, Buffer.from(mine.salt, "base64url")];
    for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
      for (const form of [code, code.replaceAll("-", ""), code.toLowerCase(), code.replaceAll("-", "").toLowerCase()]) {
        const digests = salts.flatMap((salt) => {
          const digest = createHash(algorithm).update(salt).update(form).digest();
          return (["base64url", "base64", "hex"] as const).map((encoding) => digest.toString(encoding));
        });
        expect(mine.hashes.filter((hash) => digests.includes(hash))).toEqual([]);
      }
    }
  });

  test("of its own for each set: a hash is worth nothing beside another salt", async () => {
    const other = await createEnrolledUser(at(1));
    const theirs = await storedSetOf(other);
    const renewed = await callAs(user.accessToken, at(0), "/mfa/backup-codes", { code: totpCode(user.totpSecret, 1) });
    expect(renewed.status).toBe(200);
    const next = await storedSetOf(user);
    expect(new Set([mine.salt, theirs.salt, next.salt]).size).toBe(3);
    for (const { salt, hashes } of [mine, theirs, next]) {
      expect(Buffer.from(salt, "base64url").length).toBeGreaterThanOrEqual(16);
      expect(new Set(hashes).size).toBe(10);
    }

    const [code = ""] = user.backupCodes;
    await store(other, { salt: theirs.salt, hashes: mine.hashes });
    expect((await verifyAnew(other, code, backupCode)).body.code).toBe("MFA_INVALID_CODE");
    // With its salt it is good there: nothing else was wrong with it.
    await store(other, mine);
    expect((await verifyAnew(other, code, backupCode)).status).toBe(200);
  });
});

// Threat: whoever has stolen an access token turns the second factor off, or makes backup codes for later.
describe("turning off and renewing need a code", () => {
  test("which is there, right, unused, and a TOTP code for new backup codes", async () => {
    const user = await createEnrolledUser(at(0));
    const [code = ""] = user.backupCodes;
    const call = (path: string, body: unknown) => callAs(user.accessToken, at(0), path, body);
    const invalid: unknown[] = [{}, { code: null }, { code: "" }, { code: [] }, { code: true }, { code: 123456 }];
    for (const path of ["/mfa/disable", "/mfa/backup-codes"]) {
      const answers = [];
      for (const body of invalid) answers.push(await call(path, body));
      expect([path, tally(answers)]).toEqual([path, { "400 VALIDATION_ERROR": invalid.length }]);
    }
    const byPassword = await call("/mfa/disable", { code: user.password, method: "password" });
    expect(byPassword.body.code).toBe("VALIDATION_ERROR");
    const wrong = [
      await call("/mfa/disable", { code: wrongCode(user) }),
      await call("/mfa/disable", { code }),
      await call("/mfa/disable", { code: totpCode(user.totpSecret, 1), ...backupCode }),
      await call("/mfa/backup-codes", { code: wrongCode(user) }),
      await call("/mfa/backup-codes", { code }),
      await call("/mfa/backup-codes", { code, ...backupCode }),
    ];
    expect(tally(wrong)).toEqual({ "401 MFA_INVALID_CODE": wrong.length });
    expect(await statusOf(user.accessToken)).toEqual({
      enabled: true,
      methods: ["totp", "backup_code"],
      backupCodesRemaining: 10,
    });
    expect((await adminCall("GET", `/users/${user.userId}`)).totp).toBe(true);

    expect((await call("/mfa/backup-codes", { code: totpCode(user.totpSecret, 1) })).status).toBe(200);
    // The check of a code at Keycloak leaves no session behind.
    expect(await sessionIdsOf(user)).toEqual([claimsOf(user.accessToken)["sid"]]);
    // The old set is void for turning off too.
    expect((await call("/mfa/disable", { code, ...backupCode })).body.code).toBe("MFA_INVALID_CODE");
    expect((await statusOf(user.accessToken)).enabled).toBe(true);
  });
});

// Threat: an intruder with a stolen access token confirms beside the user: each holds a set of backup codes, or there are
// two authenticators.
describe("an enrolment has one winner", () => {
  async function expectOneFactor(user: TestUser & { accessToken: string }, answers: readonly ApiAnswer[]) {
    expect(tally(answers)).toEqual({ "200": 1, "409 MFA_ALREADY_ENROLLED": answers.length - 1 });
    const credentials: { type: string }[] = await adminCall("GET", `/users/${user.userId}/credentials`);
    expect(credentials.filter(({ type }) => type === "otp")).toHaveLength(1);
    const winner = answers.find(({ status }) => status === 200);
    expect(await remainingCodes(user.accessToken)).toBe(10);
    expect((await verifyAnew(user, winner?.body.backupCodes[0], backupCode)).status).toBe(200);
  }

  test("with one code", async () => {
    const user = await createEnrollingUser(at(0));
    const code = totpCode(user.totpSecret);
    const answers = await instances.race(4, (gateway) =>
      callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code }),
    );
    await expectOneFactor(user, answers);
  });

  test("with codes of neighbouring steps", async () => {
    const user = await createEnrollingUser(at(0));
    const codes = [totpCode(user.totpSecret), totpCode(user.totpSecret, 1)];
    const answers = await instances.race(2, (gateway, index) =>
      callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code: codes[index] }),
    );
    await expectOneFactor(user, answers);
  });

  test("beside wrong codes, of which five end it", async () => {
    const user = await createEnrollingUser(at(0));
    const wrong = wrongCodes(user, 12);
    const answers = await instances.race(12, (gateway, index) =>
      callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code: wrong[index] }),
    );
    expect(tally(answers)).toEqual({ "401 MFA_INVALID_CODE": 5, "400 MFA_NOT_ENROLLED": 7 });
    const late = await callAs(user.accessToken, at(0), "/mfa/enroll/confirm", { code: totpCode(user.totpSecret) });
    expect(late.body.code).toBe("MFA_NOT_ENROLLED");
  });
});

// Threat: whoever reads a user's mail gets past the second factor with the link for a new password (ASVS 6.4.3).
describe("a password reset keeps the second factor", () => {
  async function resetPassword({ email }: Pick<TestUser, "email">): Promise<string> {
    expect((await callApi(at(0), "/password/reset-send", { body: { email } })).status).toBe(200);
    const { token } = linkIn(await instances.mailbox.waitFor(email, /\?token=/));
    const newPassword = `new password ${randomUUID()}`;
    const { status, body } = await callApi(at(1), "/password/reset-confirm", { body: { token, newPassword } });
    expect([status, body]).toEqual([200, {}]);
    return newPassword;
  }

  test("and its backup codes, and asks for them", async () => {
    const user = await createEnrolledUser(at(0));
    const former = await challengeOf(user);
    const password = await resetPassword(user);
    expect((await adminCall("GET", `/users/${user.userId}`)).totp).toBe(true);
    const { status, body } = await login({ ...user, password });
    expect(status).toBe(200);
    expect(body).toMatchObject({ mfaRequired: true, methods: ["totp", "backup_code"] });
    expect(body).not.toHaveProperty("accessToken");
    expect(await sessionsOf(user)).toEqual([]);
    const direct = await oidc("token", demoApp, { grant_type: "password", username: user.email, password });
    expect(direct.body).not.toHaveProperty("access_token");
    expect((await callAs(user.accessToken, at(0), "/mfa/status")).body.code).toBe("INVALID_TOKEN");
    // A challenge from before the reset rests on the old password.
    const [code = ""] = user.backupCodes;
    expect((await verify(former, code, backupCode)).body.code).toBe("MFA_CHALLENGE_EXPIRED");

    expect((await verify(body.mfaToken, code, backupCode)).status).toBe(200);
    expect((await verifyAnew({ ...user, password }, totpCode(user.totpSecret, 1))).status).toBe(200);
  });
});

// Threat: a session that only waits for its second factor is used by a way that does not ask for it: its cookie, its tokens, its id;
// or whoever has an app's secret asks Keycloak itself for tokens with the password alone.
describe("no session exists before the last factor", () => {
  test("whatever comes before the right code", async () => {
    const user = await createEnrolledUser(at(0));
    const own = await sessionIdsOf(user);
    const mfaToken = await challengeOf(user);
    expect(await sessionIdsOf(user)).toEqual(own);
    const [code = ""] = user.backupCodes;
    const refused = [
      await verify(mfaToken, wrongCode(user)),
      await verify(mfaToken, wrongCode(user), backupCode),
      await verify(mfaToken, totpCode(user.totpSecret, 1), { app: secondApp }),
      await verify(mfaToken, code, { ...backupCode, app: secondApp }),
    ];
    expect(tally(refused)).toEqual({ "401 MFA_INVALID_CODE": 2, "401 MFA_CHALLENGE_EXPIRED": 2 });
    expect(await sessionIdsOf(user)).toEqual(own);
    expect((await verify(mfaToken, code, backupCode)).status).toBe(200);
    expect(await sessionIdsOf(user)).toHaveLength(own.length + 1);
  });

  test("and Keycloak's own token endpoint gives a holder of the app's secret nothing", async () => {
    const user = await createUser({ totp: true });
    const mfaToken = await challengeOf(user);
    const grant = { grant_type: "password", username: user.email, password: user.password };
    const code = totpCode(user.totpSecret);
    const asked: Record<string, string>[] = [
      grant,
      { ...grant, scope: "openid" },
      { ...grant, scope: "openid offline_access" },
      { ...grant, totp: code },
      { ...grant, otp: code },
      { ...grant, totp: code, scope: "openid", client_session_state: "x" },
      { grant_type: "client_credentials", scope: "openid" },
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: mfaToken,
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
        requested_subject: user.userId,
      },
    ];
    for (const parameters of asked) {
      for (const app of [demoApp, secondApp]) {
        const { status, body } = await oidc("token", app, parameters);
        expect([parameters, status >= 400 && status < 500]).toEqual([parameters, true]);
        expect(JSON.stringify(body)).not.toContain('_token"');
      }
    }
    expect(await sessionsOf(user)).toEqual([]);
    // None of it has used the code up, and with it the gateway opens the session.
    expect((await verify(mfaToken, code)).status).toBe(200);
    expect(await sessionsOf(user)).toHaveLength(1);
  });

  /** Keycloak's own login page, asked to set up an authenticator app after the login. */
  function accountLoginUrl(): string {
    const challenge = createHash("sha256").update(randomBytes(32).toString("hex")).digest("base64url");
    const parameters = new URLSearchParams({
      client_id: "account-console",
      redirect_uri: `${issuer}/account/`,
      response_type: "code",
      scope: "openid",
      code_challenge: challenge,
      code_challenge_method: "S256",
      kc_action: "CONFIGURE_TOTP",
    });
    return `${issuer}/protocol/openid-connect/auth?${parameters}`;
  }

  // Threat: a second factor that was set up elsewhere is not known to the gateway, and the password alone logs in.
  test("of a user whose OTP was set up in Keycloak's own pages", async () => {
    const user = await createUser();
    const browser = createBrowserSession();
    const loginPage = await browser.open(accountLoginUrl());
    // With organizations, Keycloak asks for the name first.
    const passwordPage = await browser.submit(loginPage, { username: user.email });
    const setupPage = await browser.submit(passwordPage, { username: user.email, password: user.password });
    const rawSecret = setupPage.field("totpSecret");
    if (rawSecret === undefined) throw new Error(`Keycloak did not show the page that sets up OTP:\n${setupPage.html}`);
    const secret = new ScureBase32Plugin().encode(Buffer.from(rawSecret), { padding: false });
    await browser.submit(setupPage, { totp: totpCode(secret), userLabel: "Phone" });
    const [browserSession] = await sessionIdsOf(user);

    const { body: challenge } = await login(user);
    expect(challenge).toMatchObject({ mfaRequired: true, methods: ["totp"] });
    expect(await sessionIdsOf(user)).toEqual([browserSession]);
    const grant = { grant_type: "password", username: user.email, password: user.password };
    expect((await oidc("token", demoApp, grant)).body).not.toHaveProperty("access_token");

    // Keycloak has seen this step's code at the setup: the next one.
    const { status, body } = await verify(challenge.mfaToken, totpCode(secret, 1));
    expect(status).toBe(200);
    expect(claimsOf(body.accessToken)).toMatchObject({ sub: user.userId, azp: demoApp.id });
  });
});

// Threat: whoever gets at an account, a store or a log for a moment copies the authenticator and has it for good.
describe("the secret is shown once", () => {
  const formsOf = (secret: string): readonly string[] => {
    const bytes = Buffer.from(new ScureBase32Plugin().decode(secret));
    return [secret, secret.toLowerCase(), bytes.toString("hex"), bytes.toString("base64"), bytes.toString("base64url")];
  };
  function expectWithout(secrets: readonly string[], places: Readonly<Record<string, string>>): void {
    for (const [place, text] of Object.entries(places)) {
      expect([place, text]).not.toEqual([place, ""]);
      for (const form of secrets.flatMap(formsOf)) expect([place, text.includes(form)]).toEqual([place, false]);
    }
  }

  test("and by nothing that is asked later, in no store and no log", async () => {
    const user = await createUser();
    const { body: first } = await login(user);
    const call = (path: string, body?: unknown) => callAs(first.accessToken, at(0), path, body);
    const enrolments = [(await call("/mfa/enroll", {})).body, (await call("/mfa/enroll", {})).body];
    const secrets: string[] = enrolments.map(({ secret }) => secret);
    const [former = "", secret = ""] = secrets;
    expect(former).not.toBe(secret);
    const pending = await call("/mfa/status");
    expect(pending.body).toEqual({ enabled: false, methods: [], backupCodesRemaining: 0 });
    expectWithout(secrets, { pending: JSON.stringify(pending.body), store: await instances.redis.dump() });
    for (const personal of [user.userId, user.email]) expect(await instances.redis.dump()).not.toContain(personal);

    // The one that was shown first is void.
    const late = await call("/mfa/enroll/confirm", { code: totpCode(former) });
    expect(late.body.code).toBe("MFA_INVALID_CODE");
    const confirmed = await call("/mfa/enroll/confirm", { code: totpCode(secret) });
    expect(confirmed.status).toBe(200);

    const again = await call("/mfa/enroll", {});
    expect([again.status, again.body.code]).toEqual([409, "MFA_ALREADY_ENROLLED"]);
    const challenge = await login(user);
    const answers = [
      late,
      confirmed,
      again,
      await call("/mfa/enroll/confirm", { code: totpCode(secret, 1) }),
      await call("/mfa/status"),
      await call("/mfa/backup-codes"),
      await call("/mfa/disable", { code: wrongCode({ totpSecret: secret }) }),
      challenge,
      await verify(challenge.body.mfaToken, totpCode(secret, 1)),
      await callApi(at(0), `/sessions?userId=${user.userId}`),
      await callApi(at(0), `/security/lockout-status?userId=${user.userId}`),
      await callApi(at(0), "/refresh", { body: { refreshToken: first.refreshToken } }),
    ];
    expectWithout(secrets, {
      answers: JSON.stringify(answers.map(({ body, headers }) => [body, [...headers]])),
      record: JSON.stringify(await adminCall("GET", `/users/${user.userId}`)),
      credentials: JSON.stringify(await adminCall("GET", `/users/${user.userId}/credentials`)),
      store: await instances.redis.dump(),
      log: instances.output(),
    });
    const tokens = answers.flatMap(({ body }) => [body.accessToken, body.idToken]).filter(Boolean);
    expectWithout(secrets, { claims: JSON.stringify(tokens.map(claimsOf)) });
  });
});
