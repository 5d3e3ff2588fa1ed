import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, demoApp } from "../support/keycloak.ts";
import { linkIn, type Mailbox, startMailbox } from "../support/mailbox.ts";
import { endLeases, untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateway: TestGateway;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl } });
});
afterAll(async () => {
  await gateway?.stop();
  await mailbox?.stop();
  await redis?.stop();
});

const sendPaths = { verify: "/email/verify-send", reset: "/password/reset-send" } as const;
type Kind = keyof typeof sendPaths;

const ask = (kind: Kind, email: string, app = demoApp, at = gateway) =>
  callApi(at, sendPaths[kind], { body: { email }, app });
const confirmEmail = (token: string, app = demoApp, at = gateway) =>
  callApi(at, "/email/verify-confirm", { body: { token }, app });
const login = (email: string, password: string, at = gateway) => callApi(at, "/login", { body: { email, password } });
const unverifiedUser = () => createUser({ emailVerified: false });

// Threat: a mail that was promised is lost, because the process that was to send it dies, or the mail server is away.
describe("a mail that was promised arrives", () => {
  /** A mail server that takes connections and says nothing. */
  async function startSilentServer(): Promise<{ server: Server; port: number; stop(): Promise<void> }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const stop = async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    };
    return { server, port, stop };
  }

  test.each([
    ["right after the answer", async () => undefined],
    ["while a worker has it", (server: Server) => once(server, "connection")],
  ])("when the gateway is killed %s", async (_when, moment) => {
    const [own, user, silent] = [await startRedis(), await unverifiedUser(), await startSilentServer()];
    const options = { redisUrl: own.url, env: { HEADGATE_SMTP_URL: `smtp://127.0.0.1:${silent.port}` } };
    const doomed = await startGateway(options);
    const [{ status, body }] = await Promise.all([ask("verify", user.email, demoApp, doomed), moment(silent.server)]);
    await doomed.stop("SIGKILL");
    expect([status, body]).toEqual([200, {}]);
    await silent.stop();

    const inbox = await startMailbox(silent.port);
    expect(inbox.smtpPort).toBe(silent.port);
    expect(await endLeases(own)).toBe(1);
    const next = await startGateway(options);
    const { token } = linkIn(await inbox.waitFor(user.email, /\?token=/));
    expect((await confirmEmail(token, demoApp, next)).status).toBe(200);
    await untilMailIsDone(own);
    expect(await inbox.mailsTo(user.email)).toHaveLength(1);
    await Promise.all([next.stop(), inbox.stop()]);
    await own.stop();
  });

  // Threat, also: whoever reads the store reads addresses, or takes a link out of it before its owner does.
  test("when the mail server is away, and until then nothing of it can be read in the store", async () => {
    const own = await startRedis();
    const former = await startMailbox();
    await former.stop();
    const patient = await startGateway({ redisUrl: own.url, env: { HEADGATE_SMTP_URL: former.smtpUrl } });
    const [unverified, known, locked] = [await unverifiedUser(), await createUser(), await createUser()];
    const answers = [
      await ask("verify", unverified.email, demoApp, patient),
      await ask("reset", known.email, demoApp, patient),
    ];
    for (const { status, body } of answers) expect([status, body]).toEqual([200, {}]);
    for (let attempt = 0; attempt < 5; attempt++) await login(locked.email, "wrong", patient);
    const failures = () => patient.output().split("mail job failed, it is tried again").length - 1;
    await until(async () => failures() >= 3);
    const before = await own.dump();

    const inbox = await startMailbox(former.smtpPort);
    expect(inbox.smtpPort).toBe(former.smtpPort);
    const verification = linkIn(await inbox.waitFor(unverified.email, /verify-email\?token=/));
    const reset = linkIn(await inbox.waitFor(known.email, /reset-password\?token=/));
    await inbox.waitFor(locked.email, /was locked/);
    await untilMailIsDone(own);
    const after = await own.dump();

    expect(before).toContain("hg:{mail}");
    for (const { email, userId, password } of [unverified, known, locked]) {
      const [localPart = ""] = email.split("@");
      for (const secret of [localPart, userId, password]) {
        expect(before).not.toContain(secret);
        expect(after).not.toContain(secret);
      }
    }
    for (const { token } of [verification, reset]) expect(before + after).not.toContain(token);
    expect((await confirmEmail(verification.token, demoApp, patient)).status).toBe(200);
    await Promise.all([patient.stop(), inbox.stop()]);
    await own.stop();
  });
});
