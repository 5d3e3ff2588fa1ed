import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { report, sized } from "../support/figures.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { compareClasses, interleaved } from "../support/interleaved.ts";
import {
  adminCall,
  createUser,
  demoApp,
  licensedApp,
  type NewTestUser,
  secondApp,
  type TestUser,
  totpCode,
} from "../support/keycloak.ts";
import { type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { shapeOf, type TimedAnswer, timedCall } from "../support/timed-call.ts";

let redis: TestRedis;
let mailbox: Mailbox;
/** As it is in production, but for the numbers of requests and attempts. */
let gateway: TestGateway;
/** On the same store: the first wrong password locks. */
let locking: TestGateway;
/** On the same store: signups do not tell which addresses are registered. */
let hiding: TestGateway;

const start = (env: Record<string, string> = {}) =>
  startGateway({
    redisUrl: redis.url,
    env: {
      HEADGATE_SMTP_URL: mailbox.smtpUrl,
      // Empty: the default, which tests of other things turn off.
      HEADGATE_LOGIN_REFUSAL_STEP_MS: "",
      HEADGATE_LOCKOUT_MAX_ATTEMPTS: "100",
      HEADGATE_LIMIT_CLIENT: "999999/1",
      HEADGATE_LIMIT_ADDRESS: "999999/1",
      HEADGATE_LIMIT_ACCOUNT: "999999/1",
      ...env,
    },
  });

beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  [gateway, locking, hiding] = await Promise.all([
    start(),
    start({ HEADGATE_LOCKOUT_MAX_ATTEMPTS: "1" }),
    start({ HEADGATE_HIDE_EXISTING_ACCOUNTS: "true" }),
  ]);
});
afterAll(async () => {
  await Promise.all([gateway, locking, hiding].map((each) => each?.stop()));
  await mailbox?.stop();
  await redis?.stop();
});

/** What a caller tries. */
interface Guess {
  readonly email: string;
  readonly password: string;
}

/** As long as the passwords and addresses of users. */
const wrong = randomUUID();
const unknownAddress = () => `user-${randomUUID()}@example.com`;
const login = ({ email, password }: Guess, at = gateway, app = demoApp) =>
  timedCall(at, "/login", { email, password }, app);

async function createUserWithoutPassword(): Promise<TestUser> {
  const user = await createUser();
  const credentials: { id: string }[] = await adminCall("GET", `/users/${user.userId}/credentials`);
  for (const { id } of credentials) await adminCall("DELETE", `/users/${user.userId}/credentials/${id}`);
  return user;
}

/** The code of an error, or what a login gave. */
function codeIn({ text }: TimedAnswer): string {
  const { code, mfaRequired } = JSON.parse(text);
  return code ?? (mfaRequired ? "challenge" : "tokens");
}

const wrongFor = async (user: Promise<TestUser>): Promise<Guess> => ({ email: (await user).email, password: wrong });
const wrongForNew = (wanted?: NewTestUser) => wrongFor(createUser(wanted));

/** Makes a guess of each kind. */
const guesses = {
  "wrong password": () => wrongForNew(),
  unknown: async () => ({ email: unknownAddress(), password: wrong }),
  disabled: () => wrongForNew({ enabled: false }),
  "disabled, right password": () => createUser({ enabled: false }),
  unverified: () => wrongForNew({ emailVerified: false }),
  "without a password": () => wrongFor(createUserWithoutPassword()),
  "second factor": () => wrongForNew({ totp: true }),
} satisfies Record<string, () => Promise<Guess>>;

/** Makes so many things of each kind, all kinds at once. */
async function several<Name extends string, T>(
  kinds: Readonly<Record<Name, () => Promise<T>>>,
  count: number,
): Promise<Record<Name, readonly T[]>> {
  const made = Object.entries<() => Promise<T>>(kinds).map(async ([name, make]) => {
    const things: T[] = [];
    while (things.length < count) things.push(await make());
    return [name, things];
  });
  return Object.fromEntries(await Promise.all(made));
}

/** One sample: what was answered, and the time that the test is about. */
interface Sample {
  readonly answers: readonly TimedAnswer[];
  readonly tookMs: number;
}

const ofOne = (answer: TimedAnswer): Sample => ({ answers: [answer], tookMs: answer.tookMs });

/** Takes interleaved samples, using the things of each kind in turn. */
function samplesOf<Name extends string, T, S extends Sample>(
  things: Readonly<Record<Name, readonly T[]>>,
  take: (thing: T) => Promise<S>,
  size: { readonly rounds: number; readonly callers?: number },
): Promise<Record<Name, readonly S[]>> {
  const classes = Object.entries<readonly T[]>(things).map(([name, each]) => [
    name,
    (index: number) => take(each[index % each.length] as T),
  ]);
  return interleaved<Name, S>(Object.fromEntries(classes), size);
}

/** Requires one shape of all answers, and times that tell no class from another; reports the times. */
function expectAlike<S extends Sample>(
  context: Pick<TestContext, "task">,
  samples: Readonly<Record<string, readonly S[]>>,
  shape: unknown,
  { timeOf = ({ tookMs }: S) => tookMs, shapeFrom = shapeOf as (answer: TimedAnswer) => unknown } = {},
): void {
  const times = Object.entries(samples).map(([name, each]) => [name, each.map(timeOf)]);
  const { figures, told } = compareClasses(Object.fromEntries(times));
  for (const line of figures) report(context, line);
  const answers = Object.values(samples).flatMap((each) => each.flatMap((sample) => sample.answers));
  const shapes = new Set(answers.map((answer) => JSON.stringify(shapeFrom(answer))));
  expect([...shapes].map((text) => JSON.parse(text))).toEqual([shape]);
  expect(told).toEqual([]);
}

/** The shape of an error with this code. */
const refusalOf = (status: number, code: string) =>
  expect.objectContaining({ status, text: expect.stringContaining(`"code":"${code}"`) });

const longTest = { timeout: sized(120_000, 900_000) };

// Threat: the answer to a login tells without the password who has an account, and in which state: by its text, headers, length
// or time (CWE-204, CWE-208; Django CVE-2024-39329: accounts without a usable password are refused sooner, as they are by
// Keycloak).
describe("a refused login tells nothing of the account", () => {
  test("one guess at a time", longTest, async (context) => {
    const things = await several(guesses, sized(6, 30));
    const samples = await samplesOf(things, async (guess) => ofOne(await login(guess)), {
      rounds: sized(30, 300),
      callers: 6,
    });
    expectAlike(context, samples, refusalOf(401, "INVALID_CREDENTIALS"));
  });

  // Threat, also: guesses at one account wait for each other, and a guess that follows another is repeated at Keycloak: small
  // differences add up.
  test("three guesses at once, by the time of the last answer", longTest, async (context) => {
    const kinds = ["wrong password", "unknown", "disabled, right password", "without a password"] as const;
    const things = await several(Object.fromEntries(kinds.map((kind) => [kind, guesses[kind]])), sized(4, 20));
    const threeGuesses = async (guess: Guess): Promise<Sample> => {
      const answers = await Promise.all([login(guess), login(guess), login(guess)]);
      return { answers, tookMs: Math.max(...answers.map(({ tookMs }) => tookMs)) };
    };
    const samples = await samplesOf(things, threeGuesses, { rounds: sized(16, 120), callers: 6 });
    expectAlike(context, samples, refusalOf(401, "INVALID_CREDENTIALS"));
  });

  test("when the account is locked", longTest, async (context) => {
    const locked = (make: () => Promise<Guess>) => async () => {
      const guess = await make();
      await login({ ...guess, password: wrong }, locking);
      return guess;
    };
    const { "wrong password": known, ...others } = guesses;
    const things = await several(
      {
        "wrong password": locked(known),
        "right password": locked(() => createUser()),
        unknown: locked(others.unknown),
        disabled: locked(others.disabled),
        unverified: locked(others.unverified),
        "without a password": locked(others["without a password"]),
        "second factor": locked(others["second factor"]),
      },
      sized(2, 10),
    );
    const samples = await samplesOf(things, async (guess) => ofOne(await login(guess)), { rounds: sized(60, 300) });
    // How long a lock still lasts is counted down from when it was made.
    const hideSeconds = (line: string) => line.replace(/(Retry-After: |"retryAfterSeconds":)[1-9]\d\d\b/i, "$1nnn");
    const shapeFrom = (answer: TimedAnswer) => {
      const { headers, text, ...rest } = shapeOf(answer);
      return { ...rest, headers: headers.map(hideSeconds), text: hideSeconds(text) };
    };
    expectAlike(context, samples, refusalOf(423, "ACCOUNT_LOCKED"), { shapeFrom });
  });

  test("and the right password of a disabled account is counted like a wrong one", async () => {
    const { email, password } = await createUser({ enabled: false });
    const answers = [await login({ email, password }, locking), await login({ email, password }, locking)];
    expect(answers.map(codeIn)).toEqual(["INVALID_CREDENTIALS", "ACCOUNT_LOCKED"]);
  });

  // Fault: the end of the process must not cut off the answers that wait for the end of their step.
  test("and its answer still comes when the process is told to end", async () => {
    const ending = await start();
    const answer = login({ email: unknownAddress(), password: wrong }, ending);
    await sleep(250);
    expect(await ending.stop("SIGTERM")).toBe(0);
    expect(codeIn(await answer)).toBe("INVALID_CREDENTIALS");
  });
});

// Threat: whether a user has a second factor, a verified address or a licence is found out without the password; or a challenge
// is found out by another app.
describe("what comes after the password shows only with the right one", () => {
  test("at a login", async () => {
    const states: readonly (readonly [NewTestUser, string])[] = [
      [{ licenses: [licensedApp.id] }, "tokens"],
      [{}, "APP_NOT_LICENSED"],
      [{ licenses: [licensedApp.id], totp: true }, "challenge"],
      [{ totp: true }, "APP_NOT_LICENSED"],
      [{ emailVerified: false }, "EMAIL_NOT_VERIFIED"],
      [{ emailVerified: false, totp: true }, "EMAIL_NOT_VERIFIED"],
      [{ requiredActions: ["UPDATE_PASSWORD"] }, "ACTION_REQUIRED"],
      [{ requiredActions: ["UPDATE_PASSWORD"], totp: true }, "ACTION_REQUIRED"],
      [{ enabled: false, totp: true }, "INVALID_CREDENTIALS"],
      [{ enabled: false, emailVerified: false }, "INVALID_CREDENTIALS"],
    ];
    const seen = await Promise.all(
      states.map(async ([wanted]) => {
        const user = await createUser(wanted);
        const refused = await login({ email: user.email, password: wrong }, gateway, licensedApp);
        return { refused: shapeOf(refused), told: codeIn(await login(user, gateway, licensedApp)) };
      }),
    );
    expect(seen.map(({ told }) => told)).toEqual(states.map(([, code]) => code));
    const unknown = shapeOf(await login({ email: unknownAddress(), password: wrong }, gateway, licensedApp));
    for (const { refused } of seen) expect(refused).toEqual(unknown);
  });

  // By shape alone: nobody can guess 256 bits, so that there is nobody to tell by the time.
  test("at the second step: a challenge is unknown, another app's or used", async () => {
    const verify = (mfaToken: string, code = "123456", app = demoApp) =>
      timedCall(gateway, "/mfa/verify", { mfaToken, code, method: "totp" }, app);
    const user = await createUser({ totp: true });
    const mfaToken: string = JSON.parse((await login(user, gateway, secondApp)).text).mfaToken;
    const unknown = shapeOf(await verify(`mfa_${randomBytes(32).toString("base64url")}`));
    expect(unknown).toEqual(refusalOf(401, "MFA_CHALLENGE_EXPIRED"));
    expect(shapeOf(await verify(mfaToken))).toEqual(unknown);
    expect((await verify(mfaToken, totpCode(user.totpSecret), secondApp)).status).toBe(200);
    expect(shapeOf(await verify(mfaToken, totpCode(user.totpSecret, 1), secondApp))).toEqual(unknown);
  });
});

// Threat: asking for a mail tells who has an account, and in which state: by the answer (Django CVE-2024-45231, Grafana
// CVE-2022-39307), by a mail to whoever asks, or by what the gateway still does when it has answered.
describe("asking for a mail tells nothing of the account", () => {
  test.for(["/email/verify-send", "/password/reset-send"])("%s: the answer", longTest, async (path, context) => {
    const { "disabled, right password": _, "wrong password": known, ...others } = guesses;
    const locked = async () => {
      const guess = await known();
      await login(guess, locking);
      return guess;
    };
    // Ten mails of a kind are the share of an address.
    const things = await several({ known, ...others, locked }, sized(4, 30));
    await untilMailIsDone(redis);
    const ask = async ({ email }: Guess) => {
      const answer = await timedCall(gateway, path, { email });
      const next = await timedCall(gateway, "/email/verify-confirm", { token: "unknown" });
      // The mail goes out before the next sample.
      await sleep(10);
      return { ...ofOne(answer), nextMs: next.tookMs };
    };
    const samples = await samplesOf(things, ask, { rounds: sized(40, 300) });
    expectAlike(context, samples, expect.objectContaining({ status: 200, text: "{}" }));
    report(context, "and the request after it:");
    expectAlike(context, samples, expect.anything(), { timeOf: ({ nextMs }) => nextMs });
  });

  test.each([
    ["/email/verify-send", { unknown: 0, disabled: 0, unverified: 1, known: 0, locked: 0 }],
    ["/password/reset-send", { unknown: 0, disabled: 0, unverified: 1, known: 1, locked: 1 }],
  ] as const)("%s: mails go to those who may have them and to nobody else", async (path, expected) => {
    const locked = await createUser();
    await login({ email: locked.email, password: wrong }, locking);
    await untilMailIsDone(redis);
    const notices = (await mailbox.mailsTo(locked.email)).length;
    expect(notices).toBe(1);
    const asked = {
      unknown: unknownAddress(),
      disabled: (await createUser({ enabled: false, emailVerified: false })).email,
      unverified: (await createUser({ emailVerified: false })).email,
      known: (await createUser()).email,
      locked: locked.email,
    };
    for (const email of Object.values(asked)) await timedCall(gateway, path, { email });
    await untilMailIsDone(redis);
    const counts = Object.entries(asked).map(async ([name, email]) => {
      const { length } = await mailbox.mailsTo(email);
      return [name, name === "locked" ? length - notices : length];
    });
    expect(Object.fromEntries(await Promise.all(counts))).toEqual(expected);
  });
});

// Threat: a signup that refuses registered addresses, or answers sooner for them, tells who has an account (CWE-204, CWE-208).
test("a signup that hides existing accounts tells nothing of them", longTest, async (context) => {
  const registered = (wanted: NewTestUser) => async () => (await createUser(wanted)).email;
  const rounds = sized(14, 100);
  const things = await several(
    {
      new: async () => unknownAddress(),
      registered: registered({}),
      "registered, not verified": registered({ emailVerified: false }),
      "registered, disabled": registered({ enabled: false }),
    },
    rounds,
  );
  const signup = async (email: string) =>
    ofOne(await timedCall(hiding, "/signup", { email, password: randomUUID(), firstName: "Jane", lastName: "Doe" }));
  const samples = await samplesOf(things, signup, { rounds, callers: 4 });
  // An answer repeats the address, and all addresses are of one length; its id is made up.
  const shapeFrom = (answer: TimedAnswer) => {
    const { user, ...rest } = JSON.parse(answer.text);
    const { userId, email, ...names } = user;
    return { ...shapeOf(answer), text: { ...rest, user: { ...names, lengths: [userId.length, email.length] } } };
  };
  expectAlike(context, samples, expect.objectContaining({ status: 201 }), { shapeFrom });
});
