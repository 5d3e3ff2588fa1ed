import { createHash, randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createBrowserSession, type Page } from "../../support/browser-session.ts";
import {
  adminCall,
  createUser,
  demoApp,
  issuer,
  licensedApp,
  mintClient,
  oidc,
  otpClient,
  secondApp,
  sessionsOf,
} from "../../support/keycloak.ts";

/**
 * Threat: Keycloak has more ways in than the gateway. A public client guesses passwords past the gateway's lockout, and whoever
 * reads a mailbox sets up a new second factor with Keycloak's own "forgot password" in place of the one that is asked for.
 */

interface Client {
  readonly id: string;
  readonly clientId: string;
  readonly directAccessGrantsEnabled: boolean;
  readonly authenticationFlowBindingOverrides: { readonly direct_grant?: string };
}

const stockClients = [
  "account",
  "account-console",
  "admin-cli",
  "broker",
  "realm-management",
  "security-admin-console",
];

/** A password grant by a client that is public, with the right password unless told otherwise. */
const publicGrant = (clientId: string, user: { email: string; password: string }) =>
  oidc(
    "token",
    { id: clientId, secret: "" },
    { grant_type: "password", username: user.email, password: user.password, scope: "openid" },
  );

describe("direct grants", () => {
  it.each(stockClients)("are not to be had at %s, and do not tell whether the password was right", async (clientId) => {
    const user = await createUser();
    const right = await publicGrant(clientId, user);
    const wrong = await publicGrant(clientId, { ...user, password: randomUUID() });
    expect(right.status).toBeGreaterThanOrEqual(400);
    expect(right.body).toEqual({
      error: expect.stringMatching(/^(invalid|unauthorized)_client$/),
      error_description: expect.any(String),
    });
    expect(right).toEqual(wrong);
    expect(await sessionsOf(user)).toEqual([]);
  });

  it("are for the apps, the OTP client and the mint client alone, each with a flow of its own", async () => {
    const clients: Client[] = await adminCall("GET", "/clients");
    const flows: { id: string; alias: string }[] = await adminCall("GET", "/authentication/flows");
    const flowOf = (client: Client) =>
      flows.find(({ id }) => id === client.authenticationFlowBindingOverrides.direct_grant)?.alias;
    // The clients that tests make meanwhile end in a UUID.
    const ofRealm = clients.filter(({ clientId }) => !/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(clientId));
    expect(ofRealm.map(({ clientId }) => clientId)).toEqual(expect.arrayContaining(stockClients));
    const open = ofRealm.filter((client) => client.directAccessGrantsEnabled);
    expect(Object.fromEntries(open.map((client) => [client.clientId, flowOf(client)]))).toEqual({
      [demoApp.id]: "headless password",
      [secondApp.id]: "headless password",
      [licensedApp.id]: "headless password",
      [otpClient.id]: "headless otp",
      [mintClient.id]: "headless mint",
    });
    expect(await adminCall("GET", "")).toMatchObject({ directGrantFlow: "no direct grant" });
  });

  it("are refused to a client made later, before the password is looked at", async () => {
    const clientId = `later-${randomUUID()}`;
    const location: string = await adminCall("POST", "/clients", {
      clientId,
      publicClient: true,
      enabled: true,
      directAccessGrantsEnabled: true,
    });
    try {
      const user = await createUser();
      const right = await publicGrant(clientId, user);
      const wrong = await publicGrant(clientId, { ...user, password: randomUUID() });
      const unknown = await publicGrant(clientId, { email: `${randomUUID()}@example.com`, password: "x" });
      expect(right).toEqual({ status: 401, body: { error: "access_denied" } });
      expect(wrong).toEqual(right);
      expect(unknown).toEqual(right);
      expect(await sessionsOf(user)).toEqual([]);
    } finally {
      await adminCall("DELETE", `/clients/${location.slice(location.lastIndexOf("/") + 1)}`);
    }
  });
});

describe("Keycloak's own reset of a password", () => {
  const resetUrl = `${issuer}/login-actions/reset-credentials`;

  /** The account console's login page, with the browser's cookies. */
  async function openLogin() {
    const parameters = new URLSearchParams({
      client_id: "account-console",
      redirect_uri: `${issuer}/account/`,
      response_type: "code",
      scope: "openid",
      code_challenge: createHash("sha256").update(randomBytes(32)).digest("base64url"),
      code_challenge_method: "S256",
    });
    const browser = createBrowserSession();
    return { browser, page: await browser.open(`${issuer}/protocol/openid-connect/auth?${parameters}`) };
  }

  /** The parameters by which the login page's form belongs to its login. */
  function loginParameters(page: Page): URLSearchParams {
    const action = /<form\b[^>]*\saction="([^"]*)"/.exec(page.html)?.[1];
    if (action === undefined) throw new Error(`There is no form on ${page.url}`);
    return new URL(action.replaceAll("&amp;", "&")).searchParams;
  }

  const expectRefused = (page: Page) => {
    expect(page.html).toContain("Reset Credential not allowed");
    expect(page.html).not.toContain("<form");
  };

  it("is not offered at the login", async () => {
    const user = await createUser({ totp: true });
    const { browser, page } = await openLogin();
    expect(page.html).not.toContain("reset-credentials");
    const passwordPage = await browser.submit(page, { username: user.email });
    expect(passwordPage.field("password")).toBe("");
    expect(passwordPage.html).not.toContain("reset-credentials");
  });

  it("cannot be begun by its address, with or without a login under way", async () => {
    for (const client of ["account-console", "account", "security-admin-console", demoApp.id])
      expectRefused(await createBrowserSession().open(`${resetUrl}?${new URLSearchParams({ client_id: client })}`));
    const { browser, page } = await openLogin();
    expectRefused(await browser.open(`${resetUrl}?${loginParameters(page)}`));
  });

  it("takes no name, so that no mail is sent and no step follows, that of a new second factor included", async () => {
    const user = await createUser({ totp: true });
    const { browser, page } = await openLogin();
    const parameters = loginParameters(page);
    parameters.delete("execution");
    // What the first form of the flow would send: the login page's form, with another address.
    const form = `<form action="${resetUrl}?${parameters}">`;
    expectRefused(await browser.submit({ ...page, html: form }, { username: user.email }));
    expect(await sessionsOf(user)).toEqual([]);
  });
});
