import { describe, expect, test } from "vitest";
import type { MfaMethod } from "../../../../src/contract/headless.ts";
import { createAttemptRunner } from "../../../../src/domain/lockout/attempt-runner.ts";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import { createFactorCheck } from "../../../../src/domain/mfa/factor-check.ts";
import { createMfaService } from "../../../../src/domain/mfa/mfa-service.ts";
import type { AttemptBudget, AttemptResult } from "../../../../src/domain/ports/admission.ts";
import type { App } from "../../../../src/domain/ports/app-registry.ts";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type {
  ClientCredentials,
  ExchangeOutcome,
  FactorOutcome,
  IdentityProvider,
  SubjectToken,
  UserRecord,
} from "../../../../src/domain/ports/identity-provider.ts";
import { createSessionEndings } from "../../../../src/domain/sessions/session-endings.ts";
import { type AdmissionScript, createFakeAdmission, createFakeLimits } from "../../../fakes/admission.ts";
import { createFakeChallengeStore } from "../../../fakes/challenge-store.ts";
import { createMemoryEndingMarks } from "../../../fakes/ending-marks.ts";
import {
  createMemorySessionNotes,
  createMemoryUsedCodes,
  createPlainBackupCodes,
} from "../../../fakes/factor-stores.ts";
import { createFakeIdentityProvider, inTurn } from "../../../fakes/identity-provider.ts";
import { createMemoryOutbox } from "../../../fakes/mail-stores.ts";
import { clientOf, endUser, jane, licensedApp, openApp, tokensWith } from "../../../fakes/people.ts";
import { createCountingRandom, createFakeClock, readableHash } from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const budget: AttemptBudget = { counter: "mfa", maxAttempts: 10, lockSeconds: 600 };
const subject: SubjectToken = { accessToken: "subject-1", sessionId: "session-1", userId: jane.userId };
const verified: FactorOutcome = { kind: "verified", subject };
const fates: [UpstreamFate, AttemptResult, number][] = [
  ["unsent", "returned", 0],
  ["noVerdict", "returned", 0],
  ["unknown", "unknown", 1],
];

interface Scene {
  readonly factor?: FactorOutcome;
  readonly exchanged?: ExchangeOutcome;
  readonly user?: UserRecord | undefined;
  /** Whether the user has a TOTP now; by default it is there. */
  readonly hasTotp?: boolean;
  readonly app?: App;
  readonly script?: AdmissionScript;
  readonly behaviour?: Partial<IdentityProvider>;
  /** Whether sessions of jane were ended beside the exchange. */
  readonly ending?: boolean;
  /** Whether the session is listed; default that it is. */
  readonly listed?: boolean;
}

/** A login of jane at `app` that has passed the password. */
async function setUp(scene: Scene = {}) {
  const { app = openApp, script = {} } = scene;
  const user = "user" in scene ? scene.user : jane;
  const admission = createFakeAdmission(script);
  const store = createFakeChallengeStore();
  const forgotten: ClientCredentials[] = [];
  const identityProvider = createFakeIdentityProvider({
    totpGrant: async () => scene.factor ?? verified,
    exchange: async () => scene.exchanged ?? { kind: "tokens", tokens: tokensWith() },
    getUser: async () => user,
    endSession: async () => undefined,
    ...scene.behaviour,
  });
  const challenges = createChallenges({ store, hash: readableHash, random: createCountingRandom() });
  const clock = createFakeClock();
  const marks = createMemoryEndingMarks();
  const clientIds = [app.id];
  const endings = createSessionEndings({
    marks,
    sessions: {
      listSessions: async () =>
        scene.listed === false ? [] : [{ id: subject.sessionId, clientIds, startedAt: 1, lastActiveAt: 2 }],
    },
    identityProvider,
    hash: readableHash,
    clock,
  });
  if (scene.ending) await endings.run(jane.userId, async () => undefined);
  const service = createMfaService({
    attempts: createAttemptRunner({ admission, clock }),
    challenges,
    identityProvider,
    clients: {
      authenticate: () => Promise.reject(new Error("not this service's business")),
      forget: (credentials) => void forgotten.push(credentials),
    },
    factors: createFactorCheck({
      identityProvider,
      secondFactors: {
        hasTotp: async () => scene.hasTotp ?? true,
        readBackupCodes: async () => undefined,
        writeBackupCodes: async () => undefined,
      },
      backupCodes: createPlainBackupCodes(),
      usedCodes: createMemoryUsedCodes(clock),
    }),
    notes: createMemorySessionNotes(),
    endings,
    outbox: createMemoryOutbox(clock),
    budget,
  });
  const { mfaToken, store: put } = challenges.open({
    clientId: app.id,
    userId: jane.userId,
    username: jane.username,
    account: "account:jane",
    methods: ["totp"],
    createdAt: 17,
  });
  await put();

  return {
    admission,
    store,
    marks,
    identityProvider,
    forgotten,
    results: () => admission.settledAttempts.map(({ result }) => result),
    /** Wrong codes that the challenge has seen; undefined when it is gone. */
    wrongCodes: () => [...store.open.values()][0]?.challenge.wrongCodes,
    verify: (given: { token?: string; method?: MfaMethod; as?: App } = {}) =>
      service.verify({
        client: clientOf(given.as ?? app),
        mfaToken: given.token ?? mfaToken,
        code: "123456",
        method: given.method ?? "totp",
        endUser,
        limits: createFakeLimits(),
      }),
  };
}

test("a right code gives the app's tokens, ends the count and the challenge", async () => {
  const { verify, results, identityProvider, wrongCodes, admission } = await setUp();
  expect(await verify()).toEqual(tokensWith());
  expect(results()).toEqual(["complete"]);
  expect(wrongCodes()).toBeUndefined();
  expect(identityProvider.calls).toEqual([
    { method: "totpGrant", request: { username: jane.username, code: "123456", endUser } },
    { method: "exchange", request: { client: clientOf(openApp).credentials, subject, endUser } },
  ]);
  expect(admission.entries[0]?.entry).toEqual({ account: "account:jane", attempt: budget, notInvalidatedSince: 17 });
  expect(await codeOf(verify())).toBe("MFA_CHALLENGE_EXPIRED");
});

/** Every other answer: what the caller sees, how the attempt is counted, and what is left of the challenge. */
test.each<[string, Scene, string, AttemptResult, number | undefined]>([
  ["wrong code", { factor: { kind: "rejected" } }, "MFA_INVALID_CODE", "failed", 1],
  ["account disabled meanwhile", { factor: { kind: "disabled" } }, "MFA_CHALLENGE_EXPIRED", "returned", undefined],
  [
    "e-mail no longer verified",
    { factor: { kind: "accountIncomplete" }, user: { ...jane, emailVerified: false } },
    "EMAIL_NOT_VERIFIED",
    "returned",
    undefined,
  ],
  [
    "required action meanwhile",
    { factor: { kind: "accountIncomplete" }, user: { ...jane, requiredActions: ["UPDATE_PASSWORD"] } },
    "ACTION_REQUIRED",
    "returned",
    undefined,
  ],
  [
    "deleted meanwhile",
    { factor: { kind: "accountIncomplete" }, user: undefined },
    "INVALID_CREDENTIALS",
    "returned",
    undefined,
  ],
  [
    "a code of somebody who has the name by now",
    { factor: { kind: "verified", subject: { ...subject, userId: "11111111-1111-4111-8111-111111111111" } } },
    "MFA_CHALLENGE_EXPIRED",
    "returned",
    undefined,
  ],
  ["licence gone", { app: licensedApp }, "APP_NOT_LICENSED", "returned", undefined],
  ["exchange refused", { exchanged: { kind: "rejected" } }, "MFA_CHALLENGE_EXPIRED", "returned", undefined],
  ["client refused", { exchanged: { kind: "clientRejected" } }, "INVALID_CLIENT", "returned", undefined],
])("%s", async (_name, scene, code, result, wrongCodesLeft) => {
  const { verify, results, wrongCodes } = await setUp(scene);
  expect(await codeOf(verify())).toBe(code);
  expect(results()).toEqual([result]);
  expect(wrongCodes()).toBe(wrongCodesLeft);
});

test("a user with a licence gets the licensed app's tokens", async () => {
  const tokens = tokensWith([licensedApp.id]);
  const { verify, identityProvider } = await setUp({ app: licensedApp, exchanged: { kind: "tokens", tokens } });
  expect(await verify()).toEqual(tokens);
  expect(identityProvider.methods()).toEqual(["totpGrant", "exchange"]);
});

// Threat: the factor's grant has opened a session; whatever keeps its tokens from the caller must not leave it open.
describe("the factor's session ends", () => {
  const ended = async (scene: Scene) => {
    const { verify, identityProvider } = await setUp(scene);
    await rejectionOf(verify());
    return identityProvider.calls.filter(({ method }) => method === "endSession").map(({ request }) => request);
  };

  test.each<[string, Scene]>([
    ["it is somebody else's", { factor: { kind: "verified", subject: { ...subject, userId: "other" } } }],
    ["the licence is gone", { app: licensedApp }],
    ["the exchange is refused", { exchanged: { kind: "rejected" } }],
    ["the client is refused", { exchanged: { kind: "clientRejected" } }],
    ["the verdict does not reach the store", { script: { settleFault: new StoreUnavailable("away") } }],
    ...fates.map(([fate]): [string, Scene] => [
      `the exchange fails, fate ${fate}`,
      { behaviour: { exchange: () => Promise.reject(new UpstreamUnavailable("down", fate)) } },
    ]),
  ])("when %s", async (_name, scene) => {
    expect(await ended(scene)).toEqual([subject.sessionId]);
  });

  test("and the first fault is told when ending it fails too", async () => {
    const fault = new UpstreamUnavailable("down", "noVerdict");
    const { verify } = await setUp({
      behaviour: {
        exchange: () => Promise.reject(fault),
        endSession: () => Promise.reject(new UpstreamUnavailable("still down", "unsent")),
      },
    });
    expect(await rejectionOf(verify())).toBe(fault);
  });
});

// Threat: a login's second step beside the end of all sessions makes a session that nobody can see or end.
describe("beside the end of the user's sessions", () => {
  test("gives tokens of a session that is listed", async () => {
    const { verify, identityProvider } = await setUp({ ending: true });
    expect(await verify()).toEqual(tokensWith());
    expect(identityProvider.methods()).toEqual(["totpGrant", "exchange"]);
  });

  test("ends a session that is not listed for good; the login begins anew", async () => {
    const { verify, identityProvider, results } = await setUp({ ending: true, listed: false });
    expect(await codeOf(verify())).toBe("MFA_CHALLENGE_EXPIRED");
    expect(identityProvider.methods().slice(2)).toContain("endSession");
    expect(results()).toEqual(["complete"]);
  });

  test("gives nothing out when nobody can tell, and ends the session", async () => {
    const { verify, identityProvider, marks } = await setUp();
    const fault = new StoreUnavailable("away");
    marks.faults.failNext("look", fault);
    expect(await rejectionOf(verify())).toBe(fault);
    expect(identityProvider.methods()).toEqual(["totpGrant", "exchange", "endSession"]);
  });
});

test("a refused client's credentials are forgotten", async () => {
  const { verify, forgotten } = await setUp({ exchanged: { kind: "clientRejected" } });
  await codeOf(verify());
  expect(forgotten).toEqual([clientOf(openApp).credentials]);
});

// Threat: a challenge that was opened at one app is finished at another, which the user never logged in to.
test("another app finds no challenge, and leaves it to the app it was issued to", async () => {
  const { verify, identityProvider, admission } = await setUp();
  expect(await codeOf(verify({ as: { ...openApp, id: "cca_other" } }))).toBe("MFA_CHALLENGE_EXPIRED");
  expect([admission.entries, identityProvider.calls]).toEqual([[], []]);
  expect(await verify()).toEqual(tokensWith());
});

test("an unknown token costs no attempt", async () => {
  const { verify, admission } = await setUp();
  expect(await codeOf(verify({ token: "mfa_made-up" }))).toBe("MFA_CHALLENGE_EXPIRED");
  expect(admission.entries).toEqual([]);
});

test.each([
  [{ kind: "locked", retryAfterSeconds: 540 }, "ACCOUNT_LOCKED"],
  [{ kind: "invalidated" }, "MFA_CHALLENGE_EXPIRED"],
  [{ kind: "busy", retryAfterSeconds: 1 }, "RATE_LIMITED"],
] as const)("entry refused as %j: no code is checked, the challenge stays", async (refusal, code) => {
  const { verify, identityProvider, wrongCodes } = await setUp({ script: { refusal } });
  expect(await codeOf(verify())).toBe(code);
  expect(identityProvider.calls).toEqual([]);
  expect(wrongCodes()).toBe(0);
});

describe("wrong codes", () => {
  const rejected: FactorOutcome = { kind: "rejected" };

  test("five end the challenge, each counted for the account too", async () => {
    const { verify, results, identityProvider } = await setUp({ factor: rejected });
    for (let wrong = 1; wrong <= 5; wrong += 1) expect(await codeOf(verify())).toBe("MFA_INVALID_CODE");
    expect(await codeOf(verify())).toBe("MFA_CHALLENGE_EXPIRED");
    expect(results()).toEqual(["failed", "failed", "failed", "failed", "failed"]);
    expect(identityProvider.calls).toHaveLength(5);
  });

  test("a right one still works after four", async () => {
    const totpGrant = inTurn<FactorOutcome>(rejected, rejected, rejected, rejected, verified);
    const { verify } = await setUp({ behaviour: { totpGrant } });
    for (let wrong = 1; wrong <= 4; wrong += 1) expect(await codeOf(verify())).toBe("MFA_INVALID_CODE");
    expect(await verify()).toEqual(tokensWith());
  });

  // Threat: the answer to a method tells whether the user has it.
  test("a method that the user does not have is a wrong code that nobody is asked about", async () => {
    const { verify, results, identityProvider, wrongCodes } = await setUp();
    const refusal = await refusalOf(verify({ method: "backup_code" }));
    expect([refusal.code, results(), wrongCodes()]).toEqual(["MFA_INVALID_CODE", ["failed"], 1]);
    expect(identityProvider.calls).toEqual([]);
  });

  test("are counted in the challenge even when the store loses the verdict", async () => {
    const { verify, wrongCodes } = await setUp({
      factor: rejected,
      script: { settleFault: new StoreUnavailable("away") },
    });
    expect(await rejectionOf(verify())).toBeInstanceOf(StoreUnavailable);
    expect(wrongCodes()).toBe(1);
  });
});

test("of two codes for one challenge, the second finds it taken", async () => {
  const { promise, resolve } = Promise.withResolvers<FactorOutcome>();
  const { verify, results } = await setUp({ behaviour: { totpGrant: () => promise } });
  const both = [verify(), codeOf(verify())] as const;
  await new Promise(setImmediate);
  resolve(verified);
  expect(await Promise.all(both)).toEqual([tokensWith(), "MFA_CHALLENGE_EXPIRED"]);
  expect(results().toSorted()).toEqual(["complete", "returned"]);
});

// Threat: a fault that an attacker can wait for makes the challenge forget its wrong codes. And the other way: a fault must not
// cost an honest user the login.
describe("faults", () => {
  test.each(fates)("of the code's check, fate %s: attempt %s, the challenge holds %i wrong codes", async (...row) => {
    const [fate, result, codes] = row;
    const fault = new UpstreamUnavailable("down", fate);
    const { verify, results, wrongCodes } = await setUp({ behaviour: { totpGrant: () => Promise.reject(fault) } });
    expect(await rejectionOf(verify())).toBe(fault);
    expect([results(), wrongCodes()]).toEqual([[result], codes]);
  });

  test.each(fates)("of the exchange, fate %s: attempt %s, the challenge holds %i wrong codes", async (...row) => {
    const [fate, result, codes] = row;
    const fault = new UpstreamUnavailable("down", fate);
    const { verify, results, wrongCodes } = await setUp({ behaviour: { exchange: () => Promise.reject(fault) } });
    expect(await rejectionOf(verify())).toBe(fault);
    expect([results(), wrongCodes()]).toEqual([[result], codes]);
  });

  // Keycloak answers so for a user without a TOTP: one who has turned it off since the challenge.
  test("of the code's check with an answer, and the TOTP is gone: the challenge is over", async () => {
    const fault = new UpstreamUnavailable("500", "noVerdict");
    const { verify, results, store } = await setUp({
      behaviour: { totpGrant: () => Promise.reject(fault) },
      hasTotp: false,
    });
    expect(await codeOf(verify())).toBe("MFA_CHALLENGE_EXPIRED");
    expect([results(), store.open.size]).toEqual([["returned"], 0]);
  });

  test.each(["unsent", "unknown"] as const)(
    "of the code's check, fate %s, stay faults when the TOTP is gone",
    async (fate) => {
      const fault = new UpstreamUnavailable("down", fate);
      const { verify } = await setUp({ behaviour: { totpGrant: () => Promise.reject(fault) }, hasTotp: false });
      expect(await rejectionOf(verify())).toBe(fault);
    },
  );

  test("five checks without an answer end the challenge", async () => {
    const fault = new UpstreamUnavailable("down", "unknown");
    const { verify } = await setUp({ behaviour: { totpGrant: () => Promise.reject(fault) } });
    for (let tries = 1; tries <= 5; tries += 1) expect(await rejectionOf(verify())).toBe(fault);
    expect(await codeOf(verify())).toBe("MFA_CHALLENGE_EXPIRED");
  });

  test("of a repetition: the refused code stays a wrong one", async () => {
    const totpGrant = inTurn<FactorOutcome>({ kind: "rejected" }, new UpstreamUnavailable("down", "unsent"));
    const { verify, results, wrongCodes } = await setUp({
      behaviour: { totpGrant },
      script: { followsAnother: true },
    });
    expect(await rejectionOf(verify())).toBeInstanceOf(UpstreamUnavailable);
    expect([results(), wrongCodes()]).toEqual([["unknown"], 1]);
  });

  test.each(["get", "take"] as const)("of the store at %s: no code is checked", async (method) => {
    const { verify, store, identityProvider } = await setUp();
    const fault = new StoreUnavailable("away");
    store.faults[method] = fault;
    expect(await rejectionOf(verify())).toBe(fault);
    expect(identityProvider.calls).toEqual([]);
  });

  test("of putting the challenge back: the first fault is told, and the challenge is over", async () => {
    const fault = new UpstreamUnavailable("down", "noVerdict");
    const { verify, store } = await setUp({ behaviour: { totpGrant: () => Promise.reject(fault) } });
    store.faults.restore = new StoreUnavailable("away");
    expect(await rejectionOf(verify())).toBe(fault);
    expect(store.open.size).toBe(0);
  });

  test("of the entry: no code is checked", async () => {
    const fault = new StoreUnavailable("away");
    const { verify, identityProvider } = await setUp({ script: { entryFault: fault } });
    expect(await rejectionOf(verify())).toBe(fault);
    expect(identityProvider.calls).toEqual([]);
  });
});
