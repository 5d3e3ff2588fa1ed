import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { within } from "../support/fault-answer.ts";
import { readyz, startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, type TestUser } from "../support/keycloak.ts";
import { type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** A login that waits for a mail would wait for its time-out of 15 s. */
const bound = 10_000;

let redis: TestRedis;
let mailbox: Mailbox;
let wire: TcpProxy;
let gateway: TestGateway;
beforeAll(async () => {
  redis = await startRedis();
  mailbox = await startMailbox();
});
beforeEach(async () => {
  wire = await startTcpProxy(mailbox.smtpPort);
  const url = new URL(mailbox.smtpUrl);
  url.port = String(wire.port);
  gateway = await startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: url.href } });
});
afterEach(async () => {
  await gateway?.stop("SIGKILL");
  await wire?.close();
});
afterAll(async () => {
  await mailbox?.stop();
  await redis?.stop();
});

/** Asks for a mail, which is acknowledged at once, and logs its user and two more in beside it. */
async function askForMail(): Promise<TestUser> {
  const [user, ...others] = [await createUser(), await createUser(), await createUser()] as const;
  const { email } = user;
  const sent = await within(bound, callApi(gateway, "/password/reset-send", { body: { email } }));
  expect([sent.status, sent.body]).toEqual([200, {}]);
  // Not one user three times: a login right after another one is about Keycloak's mark of the first.
  for (const { email, password } of [user, ...others])
    expect((await within(bound, callApi(gateway, "/login", { body: { email, password } }))).status).toBe(200);
  return user;
}

const failures = () => gateway.output().match(/mail job failed, it is tried again/g)?.length ?? 0;
const givenUp = () => gateway.output().match(/mail job given up/g)?.length ?? 0;

async function expectArrival(users: readonly TestUser[]): Promise<void> {
  for (const { email } of users) await mailbox.waitFor(email, /reset-password/);
  await untilMailIsDone(redis);
  expect(givenUp()).toBe(0);
}

// Threat: a mail server that is away or hangs makes logins wait, or a mail that was acknowledged is never sent.
describe("the mail server at fault: logins do not notice, every mail arrives later", () => {
  test("gone", async () => {
    await wire.refuse();
    const users = [await askForMail(), await askForMail()];
    await until(async () => failures() >= 2);
    await until(async () => {
      const { status, body } = await readyz(gateway);
      expect(status).toBe(200);
      return JSON.stringify(body).includes('"mail":{"status":"down"}');
    });
    await wire.accept();
    await expectArrival(users);
  });

  test("slow by 200 ms each way", async () => {
    wire.behave({ kind: "delay", ms: 200 });
    await expectArrival([await askForMail()]);
  });

  test("hung: more mails than are sent at a time", async () => {
    wire.behave({ kind: "hang" });
    const users = [];
    for (let mail = 0; mail < 6; mail++) users.push(await askForMail());
    await until(async () => failures() >= 4, 30_000);
    wire.reset();
    wire.behave({ kind: "pass" });
    await expectArrival(users);
  });

  for (const at of ["request", "reply"] as const)
    test(`gone in the middle of the mail's data, the ${at} cut off`, async () => {
      wire.behave({ kind: "cut", at, when: "Subject: " });
      const user = await askForMail();
      await until(async () => failures() >= 1);
      expect(wire.cuts).toBe(1);
      await expectArrival([user]);
      // Not before the whole of it was there; when only the acknowledgement was lost, a second one is the price.
      expect((await mailbox.mailsTo(user.email)).length).toBe(at === "request" ? 1 : 2);
    });
});
