import { describe, expect, test } from "vitest";
import { createAttemptRunner } from "../../../../src/domain/lockout/attempt-runner.ts";
import { createLoginService } from "../../../../src/domain/login/login-service.ts";
import { createChallenges } from "../../../../src/domain/mfa/challenges.ts";
import type { AttemptBudget, AttemptResult } from "../../../../src/domain/ports/admission.ts";
import type { App } from "../../../../src/domain/ports/app-registry.ts";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type {
  ClientCredentials,
  IdentityProvider,
  PasswordOutcome,
  UserRecord,
} from "../../../../src/domain/ports/identity-provider.ts";
import type { PasswordCapacity } from "../../../../src/domain/ports/password-capacity.ts";
import { type AdmissionScript, createFakeAdmission, createFakeLimits, storeTime } from "../../../fakes/admission.ts";
import { createFakeChallengeStore } from "../../../fakes/challenge-store.ts";
import { createMemorySessionNotes } from "../../../fakes/factor-stores.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { createMemoryOutbox } from "../../../fakes/mail-stores.ts";
import { clientOf, endUser, jane, licensedApp, openApp, tokensWith } from "../../../fakes/people.ts";
import {
  createCountingRandom,
  createFakeClock,
  fullCapacity,
  openCapacity,
  readableHash,
} from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const budget: AttemptBudget = { counter: "password", maxAttempts: 5, lockSeconds: 600 };

interface Scene {
  readonly outcome?: PasswordOutcome;
  readonly user?: UserRecord | undefined;
  readonly app?: App;
  readonly script?: AdmissionScript;
  readonly behaviour?: Partial<IdentityProvider>;
  readonly capacity?: PasswordCapacity;
}

function setUp(scene: Scene = {}) {
  const { app = openApp, script = {} } = scene;
  const user = "user" in scene ? scene.user : jane;
  const admission = createFakeAdmission(script);
  const store = createFakeChallengeStore();
  const clock = createFakeClock();
  const forgotten: ClientCredentials[] = [];
  const identityProvider = createFakeIdentityProvider({
    passwordGrant: async () => scene.outcome ?? { kind: "tokens", tokens: tokensWith() },
    findUserByEmail: async () => user,
    logout: async () => ({ kind: "ended" }),
    clearFailures: async () => undefined,
    ...scene.behaviour,
  });
  const service = createLoginService({
    attempts: createAttemptRunner({ admission, clock }),
    challenges: createChallenges({ store, hash: readableHash, random: createCountingRandom() }),
    identityProvider,
    clients: {
      authenticate: () => Promise.reject(new Error("not the login's business")),
      forget: (credentials) => void forgotten.push(credentials),
    },
    notes: createMemorySessionNotes(),
    outbox: createMemoryOutbox(clock),
    hash: readableHash,
    capacity: scene.capacity ?? openCapacity,
    clock,
    budget,
    refusalStepMs: 500,
  });
  const client = clientOf(app);
  return {
    admission,
    store,
    clock,
    identityProvider,
    forgotten,
    client,
    results: () => admission.settledAttempts.map(({ result }) => result),
    login: (email = "jane@example.com") =>
      service.login({ client, email, password: "right", endUser, limits: createFakeLimits() }),
  };
}

const tokens: PasswordOutcome = { kind: "tokens", tokens: tokensWith() };
const mfaRequired: PasswordOutcome = { kind: "mfaRequired" };
const incomplete: PasswordOutcome = { kind: "accountIncomplete" };
const unverified: UserRecord = { ...jane, emailVerified: false, requiredActions: ["VERIFY_EMAIL", "UPDATE_PASSWORD"] };
const withAction: UserRecord = { ...jane, requiredActions: ["UPDATE_PASSWORD", "VERIFY_EMAIL"] };

/** Every answer of the identity provider, with what the caller sees and how the attempt is counted. */
test.each<[string, Scene, string, AttemptResult]>([
  ["wrong password", { outcome: { kind: "rejected" } }, "INVALID_CREDENTIALS", "failed"],
  ["right password of a disabled account", { outcome: { kind: "disabled" } }, "INVALID_CREDENTIALS", "failed"],
  ["the app's secret stopped being right", { outcome: { kind: "clientRejected" } }, "INVALID_CLIENT", "returned"],
  ["e-mail not verified", { outcome: incomplete, user: unverified }, "EMAIL_NOT_VERIFIED", "returned"],
  ["required action", { outcome: incomplete, user: withAction }, "ACTION_REQUIRED", "returned"],
  ["incomplete, the record shows nothing", { outcome: incomplete }, "ACTION_REQUIRED", "returned"],
  ["incomplete, gone meanwhile", { outcome: incomplete, user: undefined }, "INVALID_CREDENTIALS", "returned"],
  ["no licence", { outcome: tokens, app: licensedApp }, "APP_NOT_LICENSED", "returned"],
  ["second factor, e-mail not verified", { outcome: mfaRequired, user: unverified }, "EMAIL_NOT_VERIFIED", "returned"],
  ["second factor, required action", { outcome: mfaRequired, user: withAction }, "ACTION_REQUIRED", "returned"],
  ["second factor, no licence", { outcome: mfaRequired, app: licensedApp }, "APP_NOT_LICENSED", "returned"],
  ["second factor, gone meanwhile", { outcome: mfaRequired, user: undefined }, "INVALID_CREDENTIALS", "returned"],
])("%s", async (_name, scene, code, result) => {
  const { login, results, store } = setUp(scene);
  expect(await codeOf(login())).toBe(code);
  expect(results()).toEqual([result]);
  expect(store.open.size).toBe(0);
});

test("is refused while no more passwords can be hashed, and the attempt is given back", async () => {
  const { login, results, identityProvider } = setUp({ capacity: fullCapacity });
  const error = await refusalOf(login());
  expect([error.code, error.retryAfterSeconds]).toEqual(["RATE_LIMITED", 2]);
  expect(results()).toEqual(["returned"]);
  expect(identityProvider.methods()).toEqual([]);
});

describe("tokens", () => {
  test("end the count", async () => {
    const { login, results, admission, identityProvider } = setUp();
    expect(await login()).toEqual({ kind: "tokens", tokens: tokensWith() });
    expect(results()).toEqual(["complete"]);
    expect(identityProvider.methods()).toEqual(["passwordGrant"]);
    expect(admission.settledAttempts[0]?.budget).toEqual(budget);
  });

  test("go to a user with a licence for the app", async () => {
    const licensed = tokensWith(["cca_other", licensedApp.id]);
    const { login } = setUp({ app: licensedApp, outcome: { kind: "tokens", tokens: licensed } });
    expect(await login()).toEqual({ kind: "tokens", tokens: licensed });
  });

  test.each([[[]], [["cca_other"]], [["CCA_LICENSED"]], [[`${licensedApp.id} `]]])(
    "do not go to a user with the licences %j, and the session ends",
    async (licenses) => {
      const outcome: PasswordOutcome = { kind: "tokens", tokens: tokensWith(licenses) };
      const { login, identityProvider, client } = setUp({ app: licensedApp, outcome });
      expect(await codeOf(login())).toBe("APP_NOT_LICENSED");
      expect(identityProvider.calls.at(-1)).toEqual({
        method: "logout",
        request: { client: client.credentials, refreshToken: "refresh-1" },
      });
    },
  );

  // Threat: the answer is lost, the session lives on, and nobody knows of it.
  test("are taken back when the count cannot be ended", async () => {
    const fault = new StoreUnavailable("away");
    const { login, identityProvider } = setUp({ script: { settleFault: fault } });
    expect(await rejectionOf(login())).toBe(fault);
    expect(identityProvider.methods()).toEqual(["passwordGrant", "logout"]);
  });
});

describe("challenge", () => {
  test("is opened for the app that asked, and shows the user; no session exists", async () => {
    const { login, store, results, identityProvider } = setUp({ outcome: mfaRequired });
    expect(await login("JANE@example.com")).toEqual({
      kind: "mfaRequired",
      mfaToken: "mfa_random32-1",
      expiresInSeconds: 300,
      methods: ["totp"],
      user: { userId: jane.userId, email: jane.email, firstName: "Jane" },
    });
    expect([...store.open]).toEqual([
      [
        "mfa-challenge:mfa_random32-1",
        {
          challenge: {
            clientId: openApp.id,
            userId: jane.userId,
            username: jane.username,
            account: "account:jane@example.com",
            methods: ["totp"],
            createdAt: storeTime,
            wrongCodes: 0,
          },
          remainingMs: 300_000,
        },
      ],
    ]);
    expect(results()).toEqual(["returned"]);
    expect(identityProvider.methods()).toEqual(["passwordGrant", "findUserByEmail"]);
  });

  test("goes to a user whose record holds the licence", async () => {
    const { login } = setUp({
      outcome: mfaRequired,
      app: licensedApp,
      user: { ...jane, licenses: [licensedApp.id] },
    });
    expect(await login()).toMatchObject({ kind: "mfaRequired" });
  });

  test("is not handed out when it could not be stored", async () => {
    const { login, store } = setUp({ outcome: mfaRequired });
    const fault = new StoreUnavailable("away");
    store.faults.put = fault;
    expect(await rejectionOf(login())).toBe(fault);
  });
});

describe("order of checks", () => {
  test.each(["locked", "busy"] as const)("%s: the identity provider is not asked", async (kind) => {
    const { login, identityProvider } = setUp({ script: { refusal: { kind, retryAfterSeconds: 9 } } });
    expect(await refusalOf(login())).toMatchObject({
      code: kind === "locked" ? "ACCOUNT_LOCKED" : "RATE_LIMITED",
      retryAfterSeconds: 9,
    });
    expect(identityProvider.calls).toEqual([]);
  });

  test("an unverified e-mail is told before other required actions, and those before the licence", async () => {
    const scene: Scene = { outcome: mfaRequired, app: licensedApp };
    expect(await codeOf(setUp({ ...scene, user: unverified }).login())).toBe("EMAIL_NOT_VERIFIED");
    expect(await codeOf(setUp({ ...scene, user: withAction }).login())).toBe("ACTION_REQUIRED");
    expect(await codeOf(setUp(scene).login())).toBe("APP_NOT_LICENSED");
  });

  test.each<[string, Scene, readonly string[]]>([
    ["the record's, without the verification", { outcome: incomplete, user: withAction }, ["UPDATE_PASSWORD"]],
    ["those of a record that shows none: the profile", { outcome: incomplete }, ["VERIFY_PROFILE"]],
    [
      "what the refusal named, when the record shows none",
      { outcome: { ...incomplete, requiredActions: ["CONFIGURE_TOTP"] } },
      ["CONFIGURE_TOTP"],
    ],
    [
      "the record's before the refusal's",
      { outcome: { ...incomplete, requiredActions: ["CONFIGURE_TOTP"] }, user: withAction },
      ["UPDATE_PASSWORD"],
    ],
  ])("required actions are %s", async (_name, scene, requiredActions) => {
    expect(await refusalOf(setUp(scene).login())).toMatchObject({ code: "ACTION_REQUIRED", requiredActions });
  });
});

// Threat: a disabled account, or one that does not exist, is told from a wrong password.
test("wrong, unknown and disabled give the very same error", async () => {
  const wrong = await refusalOf(setUp({ outcome: { kind: "rejected" } }).login());
  const disabled = await refusalOf(setUp({ outcome: { kind: "disabled" } }).login());
  expect({ ...disabled, message: disabled.message }).toEqual({ ...wrong, message: wrong.message });
  expect(wrong.cause).toBeUndefined();
});

test("every spelling of an address enters the same account", async () => {
  const { login, admission } = setUp({ outcome: { kind: "rejected" } });
  for (const email of ["jane@example.com", "JANE@EXAMPLE.COM", " jané@example.com"]) await codeOf(login(email));
  expect(new Set(admission.entries.map(({ entry }) => entry.account))).toEqual(new Set(["account:jane@example.com"]));
  expect(admission.entries.map(({ entry }) => entry.attempt)).toEqual([budget, budget, budget]);
});

test("the e-mail and the password go upstream as they came", async () => {
  const { login, identityProvider, client } = setUp();
  await login("Jané@Example.com");
  expect(identityProvider.calls[0]).toEqual({
    method: "passwordGrant",
    request: { client: client.credentials, email: "Jané@Example.com", password: "right", endUser },
  });
});

test("a refused client's credentials are forgotten", async () => {
  const { login, forgotten, client } = setUp({ outcome: { kind: "clientRejected" } });
  await codeOf(login());
  expect(forgotten).toEqual([client.credentials]);
});

test("a refusal right after another login of the account is repeated once, as the same attempt", async () => {
  const { login, results, identityProvider } = setUp({
    outcome: { kind: "rejected" },
    script: { followsAnother: true },
  });
  expect(await codeOf(login())).toBe("INVALID_CREDENTIALS");
  expect(identityProvider.methods()).toEqual(["passwordGrant", "passwordGrant"]);
  expect(results()).toEqual(["failed"]);
});

describe("faults", () => {
  const fates: [UpstreamFate, AttemptResult][] = [
    ["unsent", "returned"],
    ["noVerdict", "returned"],
    ["unknown", "unknown"],
  ];

  test.each(fates)("of the password check, fate %s: the attempt is %s", async (fate, result) => {
    const fault = new UpstreamUnavailable("down", fate);
    const { login, results } = setUp({ behaviour: { passwordGrant: () => Promise.reject(fault) } });
    expect(await rejectionOf(login())).toBe(fault);
    expect(results()).toEqual([result]);
  });

  test.each(fates)(
    "of the look at the user's record, fate %s: no challenge, the attempt is %s",
    async (fate, result) => {
      const fault = new UpstreamUnavailable("down", fate);
      const behaviour = { findUserByEmail: () => Promise.reject(fault) };
      const { login, results, store } = setUp({ outcome: mfaRequired, behaviour });
      expect(await rejectionOf(login())).toBe(fault);
      expect(results()).toEqual([result]);
      expect(store.open.size).toBe(0);
    },
  );

  test("of ending an unlicensed session: no tokens all the same", async () => {
    const fault = new UpstreamUnavailable("down", "noVerdict");
    const { login } = setUp({ app: licensedApp, behaviour: { logout: () => Promise.reject(fault) } });
    expect(await rejectionOf(login())).toBe(fault);
  });
});

// Threat: right passwords whose second factor is never shown add up to Keycloak's own lock, and lock the user out there.
describe("Keycloak's own count", () => {
  const cleared = async (scene: Scene, consecutiveReturns: number) => {
    const { login, identityProvider } = setUp({
      ...scene,
      script: { settled: { locked: false, consecutiveReturns } },
    });
    await login().catch(() => undefined);
    return identityProvider.calls.filter(({ method }) => method === "clearFailures").map(({ request }) => request);
  };

  test.each([
    [1, false],
    [9, false],
    [10, true],
    [11, false],
    [20, true],
  ])("after %i logins left at the second factor, cleared: %s", async (returns, clears) => {
    expect(await cleared({ outcome: mfaRequired }, returns)).toEqual(clears ? [jane.userId] : []);
  });

  test.each<[string, Scene]>([
    ["no licence", { app: licensedApp }],
    ["an unverified e-mail", { user: unverified }],
  ])("logins that end at %s instead of a challenge count too", async (_name, scene) => {
    expect(await cleared({ outcome: mfaRequired, ...scene }, 10)).toEqual([jane.userId]);
  });

  test("logins with a second factor that only Keycloak's pages can check count too", async () => {
    const outcome: PasswordOutcome = { kind: "accountIncomplete", requiredActions: ["CONFIGURE_TOTP"] };
    expect(await cleared({ outcome }, 10)).toEqual([jane.userId]);
  });

  test.each<[string, PasswordOutcome]>([
    ["a complete login", tokens],
    ["a wrong password", { kind: "rejected" }],
    ["an incomplete account without a second factor", incomplete],
  ])("is left alone after %s", async (_name, outcome) => {
    expect(await cleared({ outcome }, 10)).toEqual([]);
  });
});
