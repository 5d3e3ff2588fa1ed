import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, callApi } from "../support/api.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { adminCall, createUser, demoApp, type TestUser } from "../support/keycloak.ts";
import { type Mailbox, startMailbox } from "../support/mailbox.ts";
import { untilMailIsDone } from "../support/outbox.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let mailbox: Mailbox;
let gateways: TestGateway[];
let hiding: TestGateway;
beforeAll(async () => {
  [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  const start = (more: Record<string, string> = {}) =>
    startGateway({ redisUrl: redis.url, env: { HEADGATE_SMTP_URL: mailbox.smtpUrl, ...more } });
  [hiding, ...gateways] = await Promise.all([start({ HEADGATE_HIDE_EXISTING_ACCOUNTS: "true" }), start(), start()]);
});
afterAll(async () => {
  await Promise.all([hiding, ...(gateways ?? [])].map((gateway) => gateway?.stop()));
  await mailbox?.stop();
  await redis?.stop();
});

const at = (index: number) => gateways[index % 2] as TestGateway;

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
}
async function tokensOf({ email, password }: TestUser, app = demoApp): Promise<Tokens> {
  const { status, body } = await callApi(at(0), "/login", { body: { email, password }, app });
  expect(status).toBe(200);
  return body;
}

describe("signup", () => {
  const newAccount = (more: Partial<Record<"email" | "password" | "firstName" | "lastName", string>> = {}) => ({
    email: `user-${randomUUID()}@example.com`,
    password: randomUUID(),
    firstName: "Jane",
    lastName: "Doe",
    ...more,
  });
  const signup = (body: unknown, gateway = at(0)) => callApi(gateway, "/signup", { body });
  const accountsOf = (email: string): Promise<unknown[]> =>
    adminCall("GET", `/users?email=${encodeURIComponent(email)}&exact=true`);

  test("names the rule of the realm that a password breaks, and leaves no account", async () => {
    const [short, same] = [newAccount({ password: "short" }), newAccount()];
    for (const [account, message] of [
      [short, /at least 8 characters/],
      [{ ...same, password: same.email }, /must not be the e-mail address/],
    ] as const) {
      const { status, body } = await signup(account);
      expect([status, body.code]).toEqual([400, "VALIDATION_ERROR"]);
      expect(body.details).toEqual([{ path: "password", message: expect.stringMatching(message) }]);
      expect(JSON.stringify(body)).not.toContain(account.password);
      expect(await accountsOf(account.email)).toEqual([]);
    }
  });

  test("names fields that cannot be used", async () => {
    for (const [field, value] of [
      ["email", "nobody"],
      ["email", "a@b@example.com"],
      ["firstName", "   "],
      ["lastName", "Doe\r\nBcc: evil@example.com"],
      ["lastName", ""],
      ["password", ""],
    ] as const) {
      const { status, body } = await signup(newAccount({ [field]: value }));
      expect([status, body.code, body.details?.[0]?.path]).toEqual([400, "VALIDATION_ERROR", field]);
    }
  });

  test("refuses a registered address in any case, and changes nothing of its account", async () => {
    const user = await createUser();
    for (const email of [user.email, user.email.toUpperCase(), ` ${user.email} `]) {
      const { status, body } = await signup(newAccount({ email }));
      expect([status, body.code]).toEqual([409, "CONFLICT"]);
    }
    expect((await tokensOf(user)).accessToken).not.toBe("");
  });

  // Threat: signup tells who has an account.
  describe("where existing accounts are hidden", () => {
    const shape = ({ status, body, headers }: ApiAnswer, { email }: { readonly email: string }) => ({
      status,
      body: {
        ...body,
        ...(body.requestId && { requestId: "" }),
        ...(body.user && { user: { ...body.user, userId: "", email: body.user.email === email.toLowerCase() } }),
      },
      headers: [...headers.keys()].filter((name) => !["date", "keep-alive"].includes(name)),
    });

    test("answers the same, and tells the owner", async () => {
      const [owner, disabled] = [await createUser(), await createUser({ enabled: false })];
      const fresh = newAccount();
      const taken = newAccount({ email: owner.email.toUpperCase() });
      const off = newAccount({ email: disabled.email });
      const answers = [];
      for (const account of [fresh, taken, off]) answers.push(await signup(account, hiding));
      const shapes = answers.map((answer, index) => shape(answer, [fresh, taken, off][index] ?? fresh));
      expect(shapes[0]).toMatchObject({ status: 201, body: { emailVerificationRequired: true } });
      for (const each of shapes) expect(each).toEqual(shapes[0]);
      const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
      for (const { body } of answers) expect(body.user.userId).toMatch(uuid);
      expect(answers[1]?.body.user.userId).not.toBe(owner.userId);

      const notice = await mailbox.waitFor(owner.email, /already ha(ve|s)/i);
      expect(notice.text).not.toContain("token=");
      await mailbox.waitFor(fresh.email, /verify-email\?token=/);
      await untilMailIsDone(redis);
      expect(await mailbox.mailsTo(disabled.email)).toEqual([]);
      expect((await tokensOf(owner)).accessToken).not.toBe("");
      const guess = { email: owner.email, password: taken.password };
      expect((await callApi(hiding, "/login", { body: guess })).body.code).toBe("INVALID_CREDENTIALS");
    });

    test("refuses a password by the realm's rules, whether the address is registered or not", async () => {
      const { email } = await createUser();
      const [fresh, taken] = [newAccount({ password: "short" }), newAccount({ email, password: "short" })];
      const refused = shape(await signup(fresh, hiding), fresh);
      expect(refused).toMatchObject({ status: 400, body: { code: "VALIDATION_ERROR" } });
      expect(shape(await signup(taken, hiding), taken)).toEqual(refused);
    });
  });
});
