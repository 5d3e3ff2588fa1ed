import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { generateSecret, generateSync } from "otplib";

/** Development values that the realm was imported with. */
export const devEnv = Object.fromEntries(
  readFileSync(new URL("../../keycloak/dev.env", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
) as Readonly<Record<string, string>>;

function dev(name: string): string {
  const value = devEnv[name];
  if (value === undefined) throw new Error(`keycloak/dev.env has no ${name}`);
  return value;
}

function fromEnvironment(): string {
  const url = process.env["HEADGATE_TEST_KEYCLOAK_URL"];
  if (url === undefined)
    throw new Error("HEADGATE_TEST_KEYCLOAK_URL is not set: run `npm test`, which starts a Keycloak with the realm");
  return url;
}

/** Where the tests' Keycloak is. */
export const keycloakUrl: string = fromEnvironment();
export const realm: string = dev("HEADGATE_KEYCLOAK_REALM");
export const issuer = `${keycloakUrl}/realms/${realm}`;

const client = (id: string, secretName: string) => ({ id, secret: dev(secretName) });
export const demoApp = client("cca_demo", "DEMO_APP_SECRET");
export const secondApp = client("cca_demo_two", "DEMO_APP_TWO_SECRET");
export const licensedApp = client("cca_demo_licensed", "DEMO_APP_LICENSED_SECRET");
export const adminClient = client("headless-gateway", "HEADGATE_KEYCLOAK_CLIENT_SECRET");
export const otpClient = client("headless-otp", "HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET");
export const mintClient = client("headless-mint", "HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET");

export interface JsonAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read Keycloak's JSON as it comes
  readonly body: any;
}

async function toJsonAnswer(response: Response): Promise<JsonAnswer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

/** Calls an endpoint of the realm's OpenID Connect interface as a client, past the gateway. */
export async function oidc(
  endpoint: "token" | "token/introspect" | "logout",
  credentials: { readonly id: string; readonly secret: string },
  parameters: Record<string, string>,
  at = issuer,
): Promise<JsonAnswer> {
  const response = await fetch(`${at}/protocol/openid-connect/${endpoint}`, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams({ client_id: credentials.id, client_secret: credentials.secret, ...parameters }),
  });
  return toJsonAnswer(response);
}

/** Calls the admin API of a realm, the tests' own one unless told otherwise, with a bearer token. */
export async function adminCallWith(
  token: string,
  method: string,
  path: string,
  body?: unknown,
  realmPath = `/${realm}`,
): Promise<JsonAnswer> {
  const response = await fetch(`${keycloakUrl}/admin/realms${realmPath}${path}`, {
    method,
    headers: { accept: "application/json", authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = await toJsonAnswer(response);
  return { ...answer, body: answer.body || response.headers.get("location") };
}

let administrator: { readonly token: string; readonly until: number } | undefined;

async function administratorToken(): Promise<string> {
  if (administrator && Date.now() < administrator.until) return administrator.token;
  const response = await fetch(`${keycloakUrl}/realms/master/protocol/openid-connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "password",
      client_id: "admin-cli",
      username: dev("KC_BOOTSTRAP_ADMIN_USERNAME"),
      password: dev("KC_BOOTSTRAP_ADMIN_PASSWORD"),
    }),
  });
  const { status, body } = await toJsonAnswer(response);
  if (status !== 200) throw new Error(`No administrator token: ${status} ${JSON.stringify(body)}`);
  administrator = { token: body.access_token, until: Date.now() + (body.expires_in - 20) * 1000 };
  return administrator.token;
}

/** Calls the admin API as Keycloak's administrator; fails on any status but the 2xx. */
export async function adminCall(
  method: string,
  path: string,
  body?: unknown,
  realmPath?: string,
): Promise<JsonAnswer["body"]> {
  const answer = await adminCallWith(await administratorToken(), method, path, body, realmPath);
  if (answer.status >= 300)
    throw new Error(`${method} ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** A realm of its own, for tests that change settings or keys. */
export interface TestRealm {
  readonly realm: string;
  readonly issuer: string;
  /** A client with Keycloak's own direct grant. */
  readonly app: { readonly id: string; readonly secret: string };
  /** A service account with the roles of the gateway's. */
  readonly adminClient: { readonly id: string; readonly secret: string };
  /** Calls the admin API of this realm as Keycloak's administrator. */
  admin(method: string, path: string, body?: unknown): Promise<JsonAnswer["body"]>;
  remove(): Promise<void>;
}

/** Creates a realm with Keycloak's own flows. Whoever creates it removes it. */
export async function createRealm(settings: object = {}): Promise<TestRealm> {
  const name = `test-${randomUUID()}`;
  const app = { id: "app", secret: randomUUID() };
  const gateway = { id: "gateway", secret: randomUUID() };
  const client = { publicClient: false, standardFlowEnabled: false };
  const representation = {
    realm: name,
    enabled: true,
    sslRequired: "none",
    registrationEmailAsUsername: true,
    clients: [
      { ...client, clientId: app.id, secret: app.secret, directAccessGrantsEnabled: true },
      { ...client, clientId: gateway.id, secret: gateway.secret, serviceAccountsEnabled: true },
    ],
    users: [
      {
        username: `service-account-${gateway.id}`,
        enabled: true,
        serviceAccountClientId: gateway.id,
        clientRoles: { "realm-management": ["view-users", "query-users", "manage-users", "view-realm"] },
      },
    ],
    ...settings,
  };
  await adminCall("POST", "", representation, "");
  // The rights on a realm are in the administrator's token since before the realm was there.
  administrator = undefined;
  const admin = (method: string, path: string, body?: unknown) => adminCall(method, path, body, `/${name}`);
  return {
    realm: name,
    issuer: `${keycloakUrl}/realms/${name}`,
    app,
    adminClient: gateway,
    admin,
    remove: () => admin("DELETE", ""),
  };
}

/** A fresh TOTP secret of 160 bits in base32. */
export const newTotpSecret = (): string => generateSecret();

/** The code that an authenticator app shows for a secret, `steps` periods of 30 seconds from now. */
export function totpCode(secret: string, steps = 0): string {
  return generateSync({ secret, epoch: Math.floor(Date.now() / 1000) + steps * 30 });
}

const otpCredentialData = {
  subType: "totp",
  digits: 6,
  counter: 0,
  period: 30,
  algorithm: "HmacSHA1",
  secretEncoding: "BASE32",
};

/** A credential as the admin API takes it. */
export interface TestCredential {
  readonly type: string;
  readonly userLabel?: string;
  readonly secretData: string;
  readonly credentialData: string;
}

export interface NewTestUser {
  readonly totp?: boolean;
  readonly licenses?: readonly string[];
  readonly emailVerified?: boolean;
  readonly enabled?: boolean;
  readonly requiredActions?: readonly string[];
  readonly firstName?: string | null;
  readonly lastName?: string | null;
  readonly credentials?: readonly TestCredential[];
}

export interface TestUser {
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  /** Empty for a user without TOTP. */
  readonly totpSecret: string;
}

/** Creates a user with a random address and password; nothing cleans it up. */
export async function createUser(wanted: NewTestUser = {}): Promise<TestUser> {
  const email = `user-${randomUUID()}@example.com`;
  const password = randomUUID();
  const totpSecret = wanted.totp ? newTotpSecret() : "";
  const otp: TestCredential[] = wanted.totp
    ? [
        {
          type: "otp",
          userLabel: "Phone",
          secretData: JSON.stringify({ value: totpSecret }),
          credentialData: JSON.stringify(otpCredentialData),
        },
      ]
    : [];
  const location: string = await adminCall("POST", "/users", {
    username: email,
    email,
    firstName: wanted.firstName === undefined ? "Jane" : wanted.firstName,
    lastName: wanted.lastName === undefined ? "Doe" : wanted.lastName,
    enabled: wanted.enabled ?? true,
    emailVerified: wanted.emailVerified ?? true,
    requiredActions: wanted.requiredActions ?? [],
    attributes: wanted.licenses ? { licenses: wanted.licenses } : {},
    credentials: [{ type: "password", value: password, temporary: false }, ...otp, ...(wanted.credentials ?? [])],
  });
  return { userId: location.slice(location.lastIndexOf("/") + 1), email, password, totpSecret };
}

/** The user's sessions as Keycloak shows them. */
export async function sessionsOf(
  user: Pick<TestUser, "userId">,
): Promise<{ id: string; ipAddress: string; clients: Record<string, string> }[]> {
  return adminCall("GET", `/users/${user.userId}/sessions`);
}

/** Creates an organization and makes the user a member of it. */
export async function joinNewOrganization(
  user: Pick<TestUser, "userId">,
): Promise<{ id: string; name: string; alias: string }> {
  const alias = `org-${randomUUID()}`;
  const name = `The ${alias} company`;
  const location: string = await adminCall("POST", "/organizations", {
    name,
    alias,
    domains: [{ name: `${alias}.example.com` }],
  });
  const id = location.slice(location.lastIndexOf("/") + 1);
  await adminCall("POST", `/organizations/${id}/members`, user.userId);
  return { id, name, alias };
}

/** The claims of a JWT, unchecked. */
export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
}
