import { describe, expect, test } from "vitest";
import { accountName } from "../../../../src/domain/lockout/account-name.ts";
import { createPasswordService } from "../../../../src/domain/password/password-service.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { limitsOf } from "../../../fakes/gate-admission.ts";
import { appOne, appTwo, clientOf, createGatewayWorld, passwordBudget } from "../../../fakes/gateway-world.ts";

const newPassword = "battery staple";

function setUp() {
  const world = createGatewayWorld();
  const { directory, tokens, hash } = world;
  const service = createPasswordService({
    ...world,
    accounts: directory,
    identityProvider: directory,
    sessions: directory,
  });
  const user = directory.add({});
  const { userId, email } = user.record;
  return {
    ...world,
    service,
    user,
    userId,
    account: accountName(hash, email),
    issue: (purpose: "verify-email" | "reset-password" = "reset-password") =>
      tokens.issue({ purpose, userId, email, appId: appOne.id }, 1800),
    request: (address: string) =>
      service.requestReset({ client: clientOf(appOne), email: address, limits: limitsOf(appOne.id) }),
    confirm: (token: string, change: { newPassword?: string; app?: typeof appOne } = {}) => {
      const { app = appOne, ...rest } = change;
      return service.confirmReset({ client: clientOf(app), token, newPassword, limits: limitsOf(app.id), ...rest });
    },
  };
}

describe("asking for the mail", () => {
  // Threat: reset-send tells who has an account, by its answer, its time or what it makes the gateway do.
  test("is one charge and one job, and no look at the account, whether there is one or not", async () => {
    const { request, directory, outbox, admission } = setUp();
    await request("jane@example.com");
    await request("nobody@example.com");
    expect(directory.faults.calls).toEqual([]);
    expect(outbox.jobs).toEqual(
      ["jane@example.com", "nobody@example.com"].map((email) => ({
        type: "request",
        purpose: "reset-password",
        email,
        appId: appOne.id,
      })),
    );
    expect(admission.charges).toHaveLength(2);
  });

  test("is limited per address, apart from verification mails and from logins", async () => {
    const { request, admission, outbox } = setUp();
    for (let round = 0; round < 12; round += 1) await request("nobody@example.com");
    expect(outbox.jobs).toHaveLength(10);
    const [, bucket] = admission.charges[0] ?? [];
    expect(bucket).toMatchObject({ policy: "account", limit: 10, windowSeconds: 3600 });
  });
});

describe("confirming", () => {
  test("sets the password, ends every session, and tells the owner", async () => {
    const { confirm, issue, directory, user, userId, outbox } = setUp();
    directory.openSession(userId, appOne.id);
    directory.openSession(userId, appTwo.id);
    await confirm(await issue());
    expect(user.password).toBe(newPassword);
    expect([...directory.sessions]).toEqual([]);
    expect(outbox.jobs).toEqual([
      { type: "notify", kind: "password-changed", email: "jane@example.com", appId: appOne.id },
    ]);
  });

  // Threat: whoever can read a mailbox gets around the second factor (ASVS 6.4.3).
  test("leaves the second factor on", async () => {
    const { confirm, issue, user } = setUp();
    user.totpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    user.backupCodes = { salt: "s", hashes: ["a"], total: 10 };
    await confirm(await issue());
    expect(user.totpSecret).toBeDefined();
    expect(user.backupCodes).toBeDefined();
  });

  test("clears the lockout, here and at the identity provider", async () => {
    const { confirm, issue, admission, account, directory } = setUp();
    for (let round = 0; round < passwordBudget.maxAttempts; round += 1) {
      const entry = await admission.enterAccount({ account, attempt: passwordBudget }, []);
      if (entry.kind === "admitted") await admission.settleAccount(entry.ticket, "failed", passwordBudget);
    }
    expect((await admission.lockoutState(account)).lockedUntil).toBeDefined();
    await confirm(await issue());
    expect(await admission.lockoutState(account)).toMatchObject({ lockedUntil: undefined, passwordAttempts: 0 });
    expect(directory.faults.calls).toContain("clearFailures");
  });

  // Threat: a challenge that an intruder opened with the old password is answered after the reset.
  test("revokes the challenges that are open", async () => {
    const { confirm, issue, admission, account, clock } = setUp();
    const openedAt = clock.now();
    clock.advance(1);
    await confirm(await issue());
    const entry = await admission.enterAccount({ account, notInvalidatedSince: openedAt }, []);
    expect(entry.kind).toBe("invalidated");
    clock.advance(1);
    const later = await admission.enterAccount({ account, notInvalidatedSince: clock.now() }, []);
    expect(later.kind).toBe("admitted");
  });

  test("of parallel confirmations with one token, one succeeds", async () => {
    const { confirm, issue, directory } = setUp();
    const token = await issue();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => confirm(token)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(directory.faults.calls.filter((call) => call === "setPassword")).toHaveLength(1);
  });

  test.each([
    ["made up", async () => "made-up"],
    ["a verification token", async ({ issue }: ReturnType<typeof setUp>) => issue("verify-email")],
    [
      "replaced by a newer one",
      async ({ issue }: ReturnType<typeof setUp>) => {
        const older = await issue();
        await issue();
        return older;
      },
    ],
    [
      "used",
      async ({ issue, confirm }: ReturnType<typeof setUp>) => {
        const token = await issue();
        await confirm(token, { newPassword: "another password" });
        return token;
      },
    ],
    [
      "run out",
      async ({ issue, clock }: ReturnType<typeof setUp>) => {
        const token = await issue();
        clock.advance(1_800_000);
        return token;
      },
    ],
  ])("refuses a token that is %s", async (_name, tokenOf) => {
    const world = setUp();
    const token = await tokenOf(world);
    const before = world.user.password;
    await expect(world.confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(world.user.password).toBe(before);
  });

  test("refuses another app, without using the token up", async () => {
    const { confirm, issue } = setUp();
    const token = await issue();
    await expect(confirm(token, { app: appTwo })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(confirm(token)).resolves.toBeUndefined();
  });

  // Threat: a link in a mailbox that was given up takes over the account it once belonged to.
  test.each<[string, (world: ReturnType<typeof setUp>) => void]>([
    [
      "has another address now",
      ({ user }) => {
        user.record = { ...user.record, email: "other@example.com" };
      },
    ],
    [
      "is disabled",
      ({ user }) => {
        user.enabled = false;
      },
    ],
    ["is gone", ({ directory, userId }) => directory.remove(userId)],
  ])("refuses for a user who %s, and changes nothing", async (_name, change) => {
    const world = setUp();
    const token = await world.issue();
    change(world);
    await expect(world.confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    expect(world.user.password).toBe("correct horse");
    expect(world.directory.faults.calls).not.toContain("endAllSessions");
    await expect(world.confirm(token)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });
});

describe("a password that breaks the policy", () => {
  test("is refused before anything ends, and the token stays good", async () => {
    const { confirm, issue, directory, userId } = setUp();
    directory.openSession(userId, appOne.id);
    const token = await issue();
    await expect(confirm(token, { newPassword: "short" })).rejects.toMatchObject({
      code: "VALIDATION_ERROR",
      message: "newPassword: must have at least 8 characters",
      issues: [{ path: "newPassword", message: "must have at least 8 characters" }],
    });
    await expect(confirm(token, { newPassword: "Jane@Example.com" })).rejects.toMatchObject({
      issues: [{ path: "newPassword", message: "must not be the e-mail address" }],
    });
    expect(directory.sessions.size).toBe(1);
    await confirm(token);
  });

  test("by a rule that only the realm knows is refused in the field's name, and the token stays good", async () => {
    const { confirm, issue, directory, user } = setUp();
    directory.refusePassword = (password) =>
      password === newPassword ? [{ path: "password", message: "must not be a former password" }] : [];
    const token = await issue();
    await expect(confirm(token)).rejects.toMatchObject({
      code: "VALIDATION_ERROR",
      issues: [{ path: "newPassword", message: "must not be a former password" }],
    });
    expect(user.password).toBe("correct horse");
    await confirm(token, { newPassword: "yet another one" });
    expect(user.password).toBe("yet another one");
  });

  test("does not bring a token back that a newer one has replaced", async () => {
    const { confirm, issue, directory } = setUp();
    const older = await issue();
    let newer: string | undefined;
    const { passwordPolicy } = directory;
    directory.passwordPolicy = async () => {
      newer ??= await issue();
      return passwordPolicy();
    };
    await expect(confirm(older, { newPassword: "short" })).rejects.toMatchObject({ code: "VALIDATION_ERROR" });
    await expect(confirm(older)).rejects.toMatchObject({ code: "INVALID_TOKEN" });
    await expect(confirm(newer ?? "")).resolves.toBeUndefined();
  });
});

// Threat: the gateway dies, or loses Keycloak or the store, in the middle of a reset: the password is new, and an intruder's
// session lives on; or the owner's link is used up for nothing.
describe("faults", () => {
  test("no session outlives a crash right after the new password was set", async () => {
    const { confirm, issue, directory, userId, user } = setUp();
    directory.openSession(userId, appOne.id);
    let atChange = -1;
    const { setPassword } = directory;
    directory.setPassword = async (...given) => {
      const outcome = await setPassword(...given);
      atChange = directory.sessions.size;
      return outcome;
    };
    await confirm(await issue());
    expect(user.password).toBe(newPassword);
    expect(atChange).toBe(0);
  });

  test("a session that was opened at the identity provider's own pages in between ends too", async () => {
    const { confirm, issue, directory, userId } = setUp();
    const { setPassword } = directory;
    directory.setPassword = (...given) => {
      directory.openSession(userId, "account-console");
      return setPassword(...given);
    };
    await confirm(await issue());
    expect(directory.sessions.size).toBe(0);
  });

  // Threat: a refresh beside the reset brings its session back.
  test("sessions end under a mark, from before the first until after the last", async () => {
    const { confirm, issue, directory, marks, endings, userId } = setUp();
    const seen: string[] = [];
    const { endAllSessions } = directory;
    directory.endAllSessions = async (id) => {
      seen.push(marks.stateOf(endings.nameOf(id)));
      await endAllSessions(id);
      seen.push(marks.stateOf(endings.nameOf(id)));
    };
    await confirm(await issue());
    expect(seen).toEqual(["underWay", "underWay", "underWay", "underWay"]);
    expect(marks.stateOf(endings.nameOf(userId))).toBe("over");
  });

  // Threat: whatever reads a session beside the reset brings it back.
  test("sessions end once more, also when the password is refused, and when logins need not wait any more", async () => {
    for (const refused of [false, true]) {
      const { confirm, issue, directory, admission, userId } = setUp();
      const session = directory.openSession(userId, appOne.id);
      if (refused) directory.refusePassword = () => [{ path: "password", message: "was used before" }];
      const again: unknown[] = [];
      directory.endSession = async (id) => void again.push(id, admission.inside);
      await confirm(await issue()).catch((error) => expect(error).toMatchObject({ code: "VALIDATION_ERROR" }));
      expect(again).toEqual([session, 0]);
    }
  });

  test("without a mark nothing ends and nothing changes, and the link works again", async () => {
    const { confirm, issue, directory, marks, user } = setUp();
    const token = await issue();
    const fault = new StoreUnavailable("away");
    marks.faults.failNext("begin", fault);
    await expect(confirm(token)).rejects.toBe(fault);
    expect(directory.faults.calls).not.toContain("endAllSessions");
    expect(user.password).toBe("correct horse");
    await confirm(token);
    expect(user.password).toBe(newPassword);
  });

  test.each([
    ["getUser", "before"],
    ["isEnabled", "before"],
    ["passwordPolicy", "before"],
    ["listSessions", "before"],
    ["endAllSessions", "before"],
    ["setPassword", "before"],
    ["setPassword", "after"],
    ["clearFailures", "before"],
  ] as const)("the link works again after a fault of %s (%s it was carried out)", async (method, moment) => {
    const { confirm, issue, directory, user, admission } = setUp();
    const token = await issue();
    const fault = new UpstreamUnavailable("away", "unknown");
    directory.faults.failNext(method, fault, moment);
    await expect(confirm(token)).rejects.toBe(fault);
    expect(admission.inside).toBe(0);
    await confirm(token);
    expect(user.password).toBe(newPassword);
    expect(directory.sessions.size).toBe(0);
  });

  test("is not acknowledged when the notice could not be written down", async () => {
    const { confirm, issue, outbox } = setUp();
    const fault = new StoreUnavailable("away");
    outbox.faults.failNext("add", fault);
    const token = await issue();
    await expect(confirm(token)).rejects.toBe(fault);
    await confirm(token);
    expect(outbox.jobs).toHaveLength(1);
  });

  test("a store that is away lets nothing happen", async () => {
    const { confirm, issue, admission, user } = setUp();
    const token = await issue();
    admission.reachable = false;
    await expect(confirm(token)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(user.password).toBe("correct horse");
  });

  // Threat: a login with the old password, in flight at the moment of the reset, opens a session beside it.
  test("a login that is under way is waited for, and its session ends", async () => {
    const { confirm, issue, gate, account, directory, userId, user } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    const login = gate.run(account, async () => {
      await promise;
      directory.openSession(userId, appOne.id);
    });
    const confirming = confirm(await issue());
    await new Promise((turn) => setImmediate(turn));
    expect(user.password).toBe("correct horse");
    resolve();
    await Promise.all([login, confirming]);
    expect(directory.sessions.size).toBe(0);
  });
});

test("the policy is the realm's", async () => {
  const { service, directory } = setUp();
  expect(await service.policy()).toEqual(directory.policy);
});
