import { describe, expect, test } from "vitest";
import { createMailWorker } from "../../../../src/domain/email/mail-worker.ts";
import { createWakeUp } from "../../../../src/domain/email/wake-up.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { type MailJob, MailRefused, type MailTokenPurpose } from "../../../../src/domain/ports/mail.ts";
import { appOne, appTwo, createGatewayWorld } from "../../../fakes/gateway-world.ts";

const minute = 60_000;

function setUp() {
  const world = createGatewayWorld();
  const { directory, clock, outbox } = world;
  const log: object[] = [];
  const worker = createMailWorker({
    ...world,
    identityProvider: directory,
    accounts: directory,
    wakeUp: createWakeUp(clock),
    log: { warn: (fields, message) => void log.push({ ...fields, message }) },
  });
  return {
    ...world,
    worker,
    log,
    /** Adds a job and does it once. */
    async run(job: MailJob) {
      await outbox.add(job);
      expect(await worker.runOnce()).toBe(true);
    },
  };
}

const request = (purpose: MailTokenPurpose, email = "jane@example.com", appId = appOne.id): MailJob => ({
  type: "request",
  purpose,
  email,
  appId,
});
const locked: MailJob = {
  type: "notify",
  kind: "account-locked",
  email: "jane@example.com",
  appId: appOne.id,
  minutes: 10,
};

describe("link mails", () => {
  test("a verification mail has the app's own link with a token of 24 hours", async () => {
    const { run, directory, mailer, tokens, tokenStore, outbox } = setUp();
    const { userId } = directory.add({ record: { emailVerified: false } }).record;
    await run(request("verify-email"));
    const token = mailer.lastToken();
    expect(mailer.sent[0]?.mail).toEqual({
      kind: "verify-email",
      to: "jane@example.com",
      firstName: "Jane",
      appName: "App one",
      link: `https://one.example/verify?lang=en&token=${token}`,
      minutes: 24 * 60,
    });
    expect((await tokens.take(token, "verify-email", appOne.id))?.token).toEqual({
      purpose: "verify-email",
      userId,
      email: "jane@example.com",
      appId: appOne.id,
    });
    expect(tokenStore.ttls).toEqual([24 * 60 * 60]);
    expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
  });

  test("a reset mail goes to verified and unverified addresses, with a token of 30 minutes", async () => {
    const { run, directory, mailer, tokenStore } = setUp();
    directory.add({});
    directory.add({ record: { email: "joe@example.com", emailVerified: false } });
    await run(request("reset-password"));
    await run(request("reset-password", "joe@example.com"));
    expect(mailer.sent.map(({ mail }) => [mail.to, mail.minutes])).toEqual([
      ["jane@example.com", 30],
      ["joe@example.com", 30],
    ]);
    expect(tokenStore.ttls).toEqual([30 * 60, 30 * 60]);
  });

  // Threat: a look-alike of somebody's address receives the link to their account.
  test("the mail goes to the address of the record, not to the one that was asked for", async () => {
    const { run, directory, mailer } = setUp();
    directory.add({});
    await run(request("reset-password", "JANE@EXAMPLE.COM"));
    expect(mailer.sent[0]?.mail.to).toBe("jane@example.com");
  });

  test.each<[string, MailTokenPurpose, Parameters<ReturnType<typeof setUp>["directory"]["add"]>[0] | undefined]>([
    ["an unknown address", "verify-email", undefined],
    ["an unknown address", "reset-password", undefined],
    ["a verified address", "verify-email", {}],
    ["a disabled account", "verify-email", { enabled: false, record: { emailVerified: false } }],
    ["a disabled account", "reset-password", { enabled: false }],
  ])("nothing is sent to %s (%s), and the job is done", async (_name, purpose, user) => {
    const { run, directory, mailer, outbox, tokenStore, log } = setUp();
    if (user !== undefined) directory.add(user);
    await run(request(purpose));
    expect(mailer.sent).toEqual([]);
    expect(tokenStore.names).toEqual([]);
    expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
    expect(log).toEqual([]);
  });

  test.each([
    ["verify-email", "links.verifyEmail", appTwo.id],
    ["reset-password", "links.resetPassword", appTwo.id],
    ["reset-password", "links.resetPassword", "cca_withdrawn"],
  ] as const)("without a link for %s, the job is given up with the setting's name", async (purpose, setting, appId) => {
    const { run, directory, outbox, log } = setUp();
    directory.add({ record: { emailVerified: false } });
    await run(request(purpose, "jane@example.com", appId));
    const [dead] = await outbox.dead(10);
    expect(dead?.reason).toBe(`the apps file has no usable ${setting} for the app ${appId}`);
    expect(log).toEqual([expect.objectContaining({ reason: dead?.reason, message: "mail job given up" })]);
  });

  test("another try has another token and another Message-ID, and the older link is dead", async () => {
    const { run, directory, mailer, worker, clock, tokens } = setUp();
    directory.add({});
    mailer.faults.failNext("send", new Error("connection lost after the mail was taken"), "after");
    await run(request("reset-password"));
    const older = mailer.lastToken();
    clock.advance(5_000);
    await worker.runOnce();
    const [first, second] = mailer.sent.map(({ messageId }) => messageId);
    expect(second).not.toBe(first);
    expect(first?.split(".")[0]).toBe(second?.split(".")[0]);
    expect(first).toMatch(/^[A-Za-z0-9_.-]+$/);
    expect(await tokens.take(older, "reset-password", appOne.id)).toBeUndefined();
    expect(await tokens.take(mailer.lastToken(), "reset-password", appOne.id)).toBeDefined();
  });
});

describe("notices", () => {
  test("go to the account's address, in the name of the app", async () => {
    const { run, directory, mailer } = setUp();
    directory.add({});
    await run(locked);
    expect(mailer.sent).toEqual([
      {
        mail: { kind: "account-locked", to: "jane@example.com", firstName: "Jane", appName: "App one", minutes: 10 },
        messageId: "job-1",
      },
    ]);
  });

  // Threat: guesses under a look-alike of the address lock its account, and the owner is never told.
  test("of a lock go to the plain address where the typed one is nobody's; others go to the typed one only", async () => {
    const { run, directory, mailer } = setUp();
    directory.add({});
    await run({ ...locked, email: "j\u00e1ne@example.com" });
    expect(mailer.sent.map(({ mail }) => mail)).toMatchObject([{ kind: "account-locked", to: "jane@example.com" }]);
    await run({ ...locked, kind: "password-changed", email: "j\u00e1ne@example.com" });
    expect(mailer.sent).toHaveLength(1);
  });

  test("a resend has the same Message-ID", async () => {
    const { run, directory, mailer, worker, clock } = setUp();
    directory.add({});
    mailer.faults.failNext("send", new Error("connection lost after the mail was taken"), "after");
    await run(locked);
    clock.advance(5_000);
    await worker.runOnce();
    expect(mailer.sent.map(({ messageId }) => messageId)).toEqual(["job-1", "job-1"]);
  });

  test("for unknown and disabled accounts are dropped in silence", async () => {
    const { run, directory, mailer, outbox, log } = setUp();
    await run(locked);
    directory.add({ enabled: false });
    await run(locked);
    expect(mailer.sent).toEqual([]);
    expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
    expect(log).toEqual([]);
  });

  test("are sent for an app that is not served any more, under its id", async () => {
    const { run, directory, mailer } = setUp();
    directory.add({});
    await run({ type: "notify", kind: "password-changed", email: "jane@example.com", appId: "cca_withdrawn" });
    expect(mailer.sent[0]?.mail).toMatchObject({ kind: "password-changed", appName: "cca_withdrawn" });
  });

  test("a ready mail is sent as it is", async () => {
    const { run, mailer } = setUp();
    const mail = { kind: "mfa-enabled", to: "joe@example.com", firstName: "Joe", appName: "App one" } as const;
    await run({ type: "send", mail });
    expect(mailer.sent).toEqual([{ mail, messageId: "job-1" }]);
  });
});

// Threat: a mail server that is away for an hour, or a Keycloak that is, swallows mails that were promised.
describe("faults", () => {
  test("a failed mail is tried again after 5 s, then ever later, up to 15 minutes", async () => {
    const { run, directory, mailer, worker, clock, outbox } = setUp();
    directory.add({});
    mailer.faults.failAlways("send", new Error("ECONNREFUSED"));
    await run(locked);
    const delays: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      delays.push(outbox.dueIn() / 1000);
      clock.advance(outbox.dueIn() - 1);
      expect(await worker.runOnce()).toBe(false);
      clock.advance(1);
      expect(await worker.runOnce()).toBe(true);
    }
    expect(delays).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]);
    mailer.faults.repair("send");
    clock.advance(15 * minute);
    await worker.runOnce();
    expect(mailer.sent).toHaveLength(1);
    expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
  });

  test.each([
    ["findUserByEmail", new UpstreamUnavailable("away", "unsent")],
    ["isEnabled", new UpstreamUnavailable("away", "unknown")],
  ] as const)("a fault of %s is tried again", async (method, fault) => {
    const { run, directory, mailer, worker, clock } = setUp();
    directory.add({});
    directory.faults.failNext(method, fault);
    await run(request("reset-password"));
    expect(mailer.sent).toEqual([]);
    clock.advance(5_000);
    await worker.runOnce();
    expect(mailer.sent).toHaveLength(1);
  });

  test("a token that could not be stored is not sent", async () => {
    const { run, directory, mailer, tokenStore, worker, clock } = setUp();
    directory.add({});
    tokenStore.faults.failNext("put", new StoreUnavailable("away"));
    await run(request("reset-password"));
    expect(mailer.sent).toEqual([]);
    clock.advance(5_000);
    await worker.runOnce();
    expect(mailer.sent).toHaveLength(1);
  });

  test.each([
    [request("reset-password"), 30 * minute],
    [request("verify-email"), 24 * 60 * minute],
    [locked, 24 * 60 * minute],
  ])("a job is given up when its time is over: %o", async (job, maxAgeMs) => {
    const { run, directory, mailer, worker, clock, outbox } = setUp();
    directory.add({ record: { emailVerified: false } });
    mailer.faults.failAlways("send", Object.assign(new Error("to jane@example.com"), { code: "ECONNREFUSED" }));
    const startedAt = clock.now();
    await run(job);
    while ((await outbox.size()).waiting > 0) {
      clock.advance(outbox.dueIn());
      await worker.runOnce();
    }
    expect(clock.now() - startedAt).toBe(maxAgeMs);
    const [dead] = await outbox.dead(10);
    expect(dead?.reason).toBe("tried for too long: Error ECONNREFUSED");
  });

  test("a job that was replayed, or slept through an outage, has at least one try", async () => {
    const { directory, mailer, worker, clock, outbox } = setUp();
    directory.add({});
    await outbox.add(request("reset-password"));
    clock.advance(31 * minute);
    await worker.runOnce();
    expect(mailer.sent).toHaveLength(1);
  });

  test("what the mail server refuses for good is given up at once", async () => {
    const { run, directory, mailer, outbox } = setUp();
    directory.add({});
    mailer.faults.failNext("send", new MailRefused("550 no mailbox jane@example.com"));
    await run(locked);
    expect((await outbox.dead(10)).map(({ reason }) => reason)).toEqual([
      "the mail server refused the mail: MailRefused",
    ]);
  });

  // Threat: an address or a token reaches the log or the list of dead jobs.
  test("neither log nor reason holds an address or a token", async () => {
    const { run, directory, mailer, outbox, log } = setUp();
    directory.add({});
    mailer.faults.failNext("send", new MailRefused("550 jane@example.com"));
    await run(request("reset-password"));
    mailer.faults.failNext("send", Object.assign(new Error("jane@example.com"), { code: "jane@example.com" }));
    await run(locked);
    expect(log).toHaveLength(2);
    expect(JSON.stringify([log, await outbox.dead(10)])).not.toMatch(/@|token=/);
  });

  test("a job whose end could not be written down is done again when its lease ends, never lost", async () => {
    const { run, directory, mailer, worker, clock, outbox, log } = setUp();
    directory.add({});
    outbox.faults.failNext("done", new StoreUnavailable("away"));
    await run(locked);
    expect(log).toEqual([expect.objectContaining({ message: "the end of a mail job could not be written down" })]);
    expect(await worker.runOnce()).toBe(false);
    clock.advance(minute);
    await worker.runOnce();
    expect(mailer.sent).toHaveLength(2);
    expect(await outbox.size()).toEqual({ waiting: 0, dead: 0 });
  });
});
