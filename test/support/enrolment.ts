import { type ApiAnswer, callApi } from "./api.ts";
import { createUser, demoApp, type TestUser, totpCode } from "./keycloak.ts";

/** A user whose second factor was enrolled through the API. */
export interface EnrolledUser extends TestUser {
  /** From before the enrolment; its session lives. */
  readonly accessToken: string;
  readonly backupCodes: readonly string[];
}

/** Logs a user without a second factor in. */
export async function accessTokenOf(
  gateway: { readonly url: string },
  { email, password }: Pick<TestUser, "email" | "password">,
  app = demoApp,
): Promise<string> {
  const { status, body } = await callApi(gateway, "/login", { body: { email, password }, app });
  if (status !== 200 || body.mfaRequired) throw new Error(`The login gave no tokens: ${status} ${body.code}`);
  return body.accessToken;
}

/** Calls with an access token and without an app client. */
export function callAs(
  accessToken: string,
  gateway: { readonly url: string },
  path: string,
  body?: unknown,
): Promise<ApiAnswer> {
  return callApi(gateway, path, { app: null, headers: { authorization: `Bearer ${accessToken}` }, body });
}

/** Creates a user, logs in and begins an enrolment; nothing is confirmed. */
export async function createEnrollingUser(gateway: {
  readonly url: string;
}): Promise<TestUser & { readonly accessToken: string }> {
  const user = await createUser();
  const accessToken = await accessTokenOf(gateway, user);
  const { status, body } = await callAs(accessToken, gateway, "/mfa/enroll", {});
  if (status !== 200) throw new Error(`The enrolment did not begin: ${status} ${body.code}`);
  return { ...user, accessToken, totpSecret: body.secret };
}

/** Creates a user and enrols a second factor with the code of the present step; the next step's one is unused. */
export async function createEnrolledUser(gateway: { readonly url: string }): Promise<EnrolledUser> {
  const user = await createEnrollingUser(gateway);
  const code = totpCode(user.totpSecret);
  const { status, body } = await callAs(user.accessToken, gateway, "/mfa/enroll/confirm", { code });
  if (status !== 200) throw new Error(`The enrolment was not confirmed: ${status} ${body.code}`);
  return { ...user, backupCodes: body.backupCodes };
}
