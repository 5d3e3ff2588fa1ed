import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type ApiAnswer, callApi } from "./api.ts";
import type { SeenCall } from "./counting-proxy.ts";
import { accessTokenOf, callAs, createEnrolledUser, type EnrolledUser } from "./enrolment.ts";
import type { TestGateway } from "./gateway.ts";
import { createUser, demoApp, otpClient, realm, secondApp, type TestUser, totpCode } from "./keycloak.ts";

/** One use of an operation that a call of Keycloak decides. */
export interface PreparedOperation {
  run(): Promise<ApiAnswer>;
  /** The same after the fault: `carriedOut` tells whether Keycloak had done what it was asked for. */
  again(carriedOut: boolean): Promise<ApiAnswer>;
  /** What `again` comes to: the status, or the status and code. */
  readonly expected: { readonly notCarriedOut: string; readonly carriedOut: string };
  readonly user?: Pick<TestUser, "userId">;
}

/** An operation, and the call of Keycloak that is to be spoiled. */
export interface FaultedOperation {
  readonly name: string;
  hits(call: SeenCall): boolean;
  prepare(gateway: TestGateway): Promise<PreparedOperation>;
}

const grantOf = (clientId: string, grantType: string) => (call: SeenCall) =>
  call.form.get("client_id") === clientId && call.form.get("grant_type") === grantType;
const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const adminPath = `/admin/realms/${realm}`;
const always = (status: string) => ({ notCarriedOut: status, carriedOut: status });

async function challengeFor(gateway: TestGateway, { email, password }: TestUser): Promise<string> {
  const { body } = await callApi(gateway, "/login", { body: { email, password } });
  return body.mfaToken;
}

/** A challenge that is answered with a TOTP code; a code that Keycloak may have seen is not used again. */
async function totpAnswer(gateway: TestGateway): Promise<PreparedOperation> {
  const user = await createUser({ totp: true });
  const mfaToken = await challengeFor(gateway, user);
  const verify = (steps: number) =>
    callApi(gateway, "/mfa/verify", {
      body: { mfaToken, code: totpCode(user.totpSecret, steps), method: "totp" },
    });
  return { run: () => verify(0), again: () => verify(1), expected: always("200"), user };
}

/** Hashing ten codes takes a second and more, so one user's are shared out. */
let enrolled: { readonly user: EnrolledUser; readonly codes: string[] } | undefined;

async function userWithBackupCodes(gateway: TestGateway): Promise<{ user: EnrolledUser; codes: readonly string[] }> {
  if (enrolled === undefined || enrolled.codes.length < 2) {
    const user = await createEnrolledUser(gateway);
    enrolled = { user, codes: [...user.backupCodes] };
  }
  return { user: enrolled.user, codes: enrolled.codes.splice(0, 2) };
}

/** Every kind of call that the gateway makes of Keycloak for somebody who waits. */
export const faultedOperations: readonly FaultedOperation[] = [
  {
    name: "login",
    hits: grantOf(demoApp.id, "password"),
    async prepare(gateway) {
      const user = await createUser();
      const login = () => callApi(gateway, "/login", { body: { email: user.email, password: user.password } });
      return { run: login, again: login, expected: always("200"), user };
    },
  },
  { name: "mfa/verify, the code", hits: grantOf(otpClient.id, "password"), prepare: totpAnswer },
  { name: "mfa/verify, the exchange", hits: grantOf(demoApp.id, tokenExchange), prepare: totpAnswer },
  {
    name: "mfa/verify with a backup code",
    hits: grantOf("headless-mint", "password"),
    async prepare(gateway) {
      const { user, codes } = await userWithBackupCodes(gateway);
      const mfaToken = await challengeFor(gateway, user);
      const verify = (index: number) =>
        callApi(gateway, "/mfa/verify", {
          body: { mfaToken, code: codes[index], method: "backup_code" },
        });
      return { run: () => verify(0), again: () => verify(1), expected: always("200"), user };
    },
  },
  {
    name: "refresh",
    hits: grantOf(demoApp.id, "refresh_token"),
    async prepare(gateway) {
      const { email, password } = await createUser();
      const { body } = await callApi(gateway, "/login", { body: { email, password } });
      const refresh = () => callApi(gateway, "/refresh", { body: { refreshToken: body.refreshToken } });
      // A token that was rotated by an answer which got lost is used up: Keycloak takes the second use for a theft.
      return { run: refresh, again: refresh, expected: { notCarriedOut: "200", carriedOut: "401 TOKEN_EXPIRED" } };
    },
  },
  {
    name: "a bearer call",
    hits: ({ path }) => path.endsWith("/userinfo"),
    async prepare(gateway) {
      const token = await accessTokenOf(gateway, await createUser());
      const status = () => callAs(token, gateway, "/mfa/status");
      return { run: status, again: status, expected: always("200") };
    },
  },
  {
    name: "the session list",
    hits: ({ path }) => path.startsWith(adminPath) && path.endsWith("/sessions"),
    async prepare(gateway) {
      const user = await createUser();
      const list = () => callApi(gateway, `/sessions?userId=${user.userId}`);
      return { run: list, again: list, expected: always("200") };
    },
  },
  {
    name: "lockout-status",
    hits: ({ method, path }) => method === "GET" && path.startsWith(`${adminPath}/users/`),
    async prepare(gateway) {
      const { userId } = await createUser();
      const status = () => callApi(gateway, `/security/lockout-status?userId=${userId}`);
      return { run: status, again: status, expected: always("200") };
    },
  },
  {
    name: "signup",
    hits: ({ method, path }) => method === "POST" && path === `${adminPath}/users`,
    async prepare(gateway) {
      const body = {
        email: `user-${randomUUID()}@example.com`,
        password: "Correct-Horse-1",
        firstName: "Jane",
        lastName: "Doe",
      };
      const signup = () => callApi(gateway, "/signup", { body });
      return { run: signup, again: signup, expected: { notCarriedOut: "201", carriedOut: "409 CONFLICT" } };
    },
  },
  {
    name: "the check of an app's secret",
    hits: ({ path }) => path.endsWith("/introspect"),
    async prepare(gateway) {
      // Two new secrets a second may be tried; each case tries one, and this one again.
      await sleep(1_000);
      const app = { ...secondApp, secret: `ccas_${randomUUID()}` };
      const login = () => callApi(gateway, "/login", { app, body: { email: "jane@example.com", password: "x" } });
      return { run: login, again: login, expected: always("401 INVALID_CLIENT") };
    },
  },
];
