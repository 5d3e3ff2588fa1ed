import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { EndUser } from "../../../src/domain/ports/identity-provider.ts";
import {
  adminCall,
  adminClient,
  createUser,
  demoApp,
  issuer,
  keycloakUrl,
  licensedApp,
  mintClient,
  otpClient,
  realm,
  sessionsOf,
} from "../../support/keycloak.ts";
import { createTestProvider } from "./provider.ts";

const { provider } = createTestProvider({ url: keycloakUrl, realm, issuer, adminClient, otpClient, mintClient });
afterAll(() => provider.close());

const endUser: EndUser = { ipAddress: "203.0.113.7" };
const newAccount = (more: object = {}) => ({
  email: `new-${randomUUID()}@example.com`,
  password: ` Pass & ü ${randomUUID()} `,
  firstName: "Zoë",
  lastName: "O'Brien-王",
  ...more,
});
const login = (email: string, password: string) =>
  provider.passwordGrant({ client: demoApp, email, password, endUser });
const recordOf = (userId: string) => adminCall("GET", `/users/${userId}`);
const usersWith = (email: string) => adminCall("GET", `/users?email=${encodeURIComponent(email)}&exact=true`);
/** Keycloak marks an account as busy for a moment after each grant and refuses the next one meanwhile. */
const settled = () => sleep(150);

describe("createUser", () => {
  it("creates a user as Keycloak shows it, whose address has to be verified before the first login", async () => {
    const account = newAccount();
    const outcome = await provider.createUser({ ...account, email: ` ${account.email.toUpperCase()} ` });
    if (outcome.kind !== "created") throw new Error(`Expected a user, got ${outcome.kind}`);
    expect(outcome.user).toEqual(await provider.getUser(outcome.user.userId));
    expect(outcome.user).toMatchObject({ email: account.email, firstName: "Zoë", emailVerified: false });
    expect(await login(account.email, account.password)).toEqual({ kind: "accountIncomplete" });
    expect(await provider.markEmailVerified(outcome.user.userId, account.email)).toBe(true);
    await settled();
    expect(await login(account.email, account.password.trim())).toEqual({ kind: "rejected" });
    await settled();
    expect(await login(account.email, account.password)).toMatchObject({
      kind: "tokens",
      tokens: { user: { userId: outcome.user.userId, email: account.email, lastName: "O'Brien-王" } },
    });
  });

  it("knows by itself which characters the realm refuses in names", async () => {
    const asked = [...` -'.,@_:+0Éß王\u0301<>&"$%!#?§;*~/\\|^=[]{}()\u2028\u2029\u0085`].map(async (character) => {
      const names = { firstName: "Zoë", lastName: `a${character}b` };
      const outcome = await provider.createUser(newAccount(names));
      const issues = outcome.kind === "invalid" ? outcome.issues : [];
      return { character, said: provider.nameIssues(names), issues };
    });
    const answers = await Promise.all(asked);
    for (const { character, said, issues } of answers)
      expect({ character, issues: said }).toEqual({ character, issues });
    expect(new Set(answers.map(({ issues }) => issues.length))).toEqual(new Set([0, 1]));
  });

  it("tells that an address is taken, in any case", async () => {
    const { email } = await createUser();
    expect(await provider.createUser(newAccount({ email }))).toEqual({ kind: "exists" });
    expect(await provider.createUser(newAccount({ email: email.toUpperCase() }))).toEqual({ kind: "exists" });
  });

  // Threat: two signups at a time make two accounts with one address, and a login may end in either.
  it("creates one user of ten at the same time", async () => {
    const account = newAccount();
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => provider.createUser(account)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["created", ...Array(9).fill("exists")]);
    expect(await usersWith(account.email)).toHaveLength(1);
  });

  it("names the rule that a password breaks, and leaves no user behind", async () => {
    const account = newAccount({ password: "short" });
    expect(await provider.createUser(account)).toEqual({
      kind: "invalid",
      issues: [{ path: "password", message: "must have at least 8 characters" }],
    });
    expect(await usersWith(account.email)).toEqual([]);
    const { email } = account;
    expect(await provider.createUser({ ...account, password: email.toUpperCase(), email })).toMatchObject({
      issues: [{ path: "password", message: "must not be the e-mail address" }],
    });
  });

  it.each([
    [{ email: "nobody" }, [{ path: "email", message: "must be an e-mail address" }]],
    [{ email: "jаne@example.com" }, [{ path: "email", message: "must have only ASCII characters before the @" }]],
    [{ firstName: "<script>" }, [{ path: "firstName", message: "holds characters that a name cannot have" }]],
    [{ lastName: "x".repeat(256) }, [{ path: "lastName", message: "is too long" }]],
    [
      { email: "nobody", firstName: "a\nb", lastName: "x".repeat(256) },
      [
        { path: "email", message: "must be an e-mail address" },
        { path: "firstName", message: "holds characters that a name cannot have" },
        { path: "lastName", message: "is too long" },
      ],
    ],
  ])("names every field that is not right: %j", async (wrong, issues) => {
    const outcome = await provider.createUser(newAccount(wrong));
    if (outcome.kind !== "invalid") throw new Error(`Expected issues, got ${outcome.kind}`);
    expect([...outcome.issues].sort((a, b) => a.path.localeCompare(b.path))).toEqual(issues);
  });

  // Threat: Keycloak creates a user without a password, or one that can never log in, and says 201.
  it("refuses blanks, which Keycloak would take", async () => {
    const account = newAccount({ firstName: " ", lastName: "", password: "" });
    const issue = (path: string) => ({ path, message: "must not be blank" });
    expect(await provider.createUser(account)).toEqual({
      kind: "invalid",
      issues: [issue("firstName"), issue("lastName"), issue("password")],
    });
    expect(await usersWith(account.email)).toEqual([]);
  });
});

describe("markEmailVerified", () => {
  it("drops VERIFY_EMAIL and nothing else", async () => {
    const user = await createUser({
      emailVerified: false,
      requiredActions: ["VERIFY_EMAIL", "UPDATE_PASSWORD"],
      licenses: [licensedApp.id],
    });
    const before = await recordOf(user.userId);
    expect(await provider.markEmailVerified(user.userId, user.email.toUpperCase())).toBe(true);
    expect(await recordOf(user.userId)).toEqual({
      ...before,
      emailVerified: true,
      requiredActions: ["UPDATE_PASSWORD"],
    });
  });

  it("leaves a disabled user disabled", async () => {
    const user = await createUser({ emailVerified: false, enabled: false });
    expect(await provider.markEmailVerified(user.userId, user.email)).toBe(true);
    expect(await recordOf(user.userId)).toMatchObject({ emailVerified: true, enabled: false });
  });

  // Threat: a link that was sent to one address verifies another one, which nobody has proven.
  it("does nothing when the address is another one by now, or the user is gone", async () => {
    const user = await createUser({ emailVerified: false });
    await adminCall("PUT", `/users/${user.userId}`, { email: `changed-${user.email}` });
    expect(await provider.markEmailVerified(user.userId, user.email)).toBe(false);
    expect(await recordOf(user.userId)).toMatchObject({ email: `changed-${user.email}`, emailVerified: false });
    for (const userId of [randomUUID(), "../users", ""])
      expect(await provider.markEmailVerified(userId, user.email)).toBe(false);
    expect(await provider.markEmailVerified(user.userId, "")).toBe(false);
  });
});

describe("setPassword", () => {
  it("replaces the password, drops UPDATE_PASSWORD and keeps the second factor", async () => {
    const user = await createUser({ totp: true, requiredActions: ["UPDATE_PASSWORD"] });
    const password = ` Neu & ${randomUUID()} `;
    expect(await provider.setPassword(user.userId, password)).toEqual({ kind: "done" });
    expect(await login(user.email, password)).toEqual({ kind: "mfaRequired" });
    await settled();
    expect(await login(user.email, user.password)).toEqual({ kind: "rejected" });
    expect(await recordOf(user.userId)).toMatchObject({ requiredActions: [], totp: true });
  });

  it("leaves a disabled user disabled", async () => {
    const user = await createUser({ enabled: false });
    expect(await provider.setPassword(user.userId, randomUUID())).toEqual({ kind: "done" });
    expect(await provider.isEnabled(user.userId)).toBe(false);
  });

  it("names the broken rule and keeps the old password", async () => {
    const user = await createUser();
    for (const [password, message] of [
      ["short", "must have at least 8 characters"],
      ["x".repeat(129), "must have at most 128 characters"],
      [user.email, "must not be the e-mail address"],
      ["", "must not be blank"],
    ] as const)
      expect(await provider.setPassword(user.userId, password)).toEqual({
        kind: "invalid",
        issues: [{ path: "password", message }],
      });
    expect((await login(user.email, user.password)).kind).toBe("tokens");
  });

  it("tells that the user is gone", async () => {
    for (const userId of [randomUUID(), "../users", ""])
      expect(await provider.setPassword(userId, randomUUID())).toEqual({ kind: "userGone" });
  });
});

describe("isEnabled", () => {
  it("knows enabled users from disabled ones and from those that do not exist", async () => {
    expect(await provider.isEnabled((await createUser()).userId)).toBe(true);
    expect(await provider.isEnabled((await createUser({ enabled: false })).userId)).toBe(false);
    expect(await provider.isEnabled(randomUUID())).toBe(false);
    expect(await provider.isEnabled("../users")).toBe(false);
  });
});

describe("endAllSessions", () => {
  it("ends every session of the user and of nobody else, and lets the next login in at once", async () => {
    const [user, other] = [await createUser(), await createUser()];
    const tokens = [];
    for (const { email, password } of [user, user, other]) {
      const outcome = await login(email, password);
      if (outcome.kind !== "tokens") throw new Error(`Expected tokens, got ${outcome.kind}`);
      tokens.push(outcome.tokens);
      await settled();
    }
    await provider.endAllSessions(user.userId);
    expect(await sessionsOf(user)).toEqual([]);
    expect(await sessionsOf(other)).toHaveLength(1);
    for (const { refreshToken } of tokens.slice(0, 2))
      expect(await provider.refresh({ client: demoApp, refreshToken, endUser })).toEqual({ kind: "rejected" });
    const again = await login(user.email, user.password);
    if (again.kind !== "tokens") throw new Error(`Expected tokens, got ${again.kind}`);
    expect(await provider.verify(again.tokens.accessToken)).toMatchObject({ userId: user.userId });
    const { refreshToken } = again.tokens;
    expect((await provider.refresh({ client: demoApp, refreshToken, endUser })).kind).toBe("tokens");
  });

  it("is content with a user without sessions, and with none", async () => {
    await provider.endAllSessions((await createUser()).userId);
    await provider.endAllSessions(randomUUID());
    await provider.endAllSessions("../..");
  });
});

describe("listSessions", () => {
  it("shows times, address and apps, the latest activity first", async () => {
    const user = await createUser();
    const before = Math.floor(Date.now() / 1000) * 1000;
    for (const ipAddress of ["203.0.113.7", "2001:db8::7"]) {
      const { email, password } = user;
      await provider.passwordGrant({ client: demoApp, email, password, endUser: { ipAddress } });
      await sleep(1100);
    }
    const sessions = await provider.listSessions(user.userId);
    expect(sessions).toMatchObject([
      { ipAddress: expect.stringMatching(/^2001:/), clientIds: [demoApp.id] },
      { ipAddress: "203.0.113.7", clientIds: [demoApp.id] },
    ]);
    for (const { id, startedAt, lastActiveAt } of sessions) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{24}$/);
      expect(startedAt).toBeGreaterThanOrEqual(before);
      expect(lastActiveAt).toBeGreaterThanOrEqual(startedAt);
      expect(lastActiveAt).toBeLessThanOrEqual(Date.now() + 1000);
    }
    expect(sessions.map(({ id }) => id)).toEqual(expect.arrayContaining((await sessionsOf(user)).map(({ id }) => id)));
  });

  // Threat: a session between second factor and exchange, which no app has, is shown, or the gateway's clients are.
  it("leaves out the gateway's own clients, and sessions that have no others", async () => {
    const user = await createUser();
    const minted = await provider.mintGrant({ username: user.email, endUser });
    if (minted.kind !== "verified") throw new Error(`Expected a subject, got ${minted.kind}`);
    expect(await sessionsOf(user)).toHaveLength(1);
    expect(await provider.listSessions(user.userId)).toEqual([]);
    await provider.exchange({ client: demoApp, subject: minted.subject, endUser });
    expect(await provider.listSessions(user.userId)).toMatchObject([
      { id: minted.subject.sessionId, clientIds: [demoApp.id] },
    ]);
  });

  it("is empty for users that do not exist", async () => {
    expect(await provider.listSessions(randomUUID())).toEqual([]);
    expect(await provider.listSessions("../clients")).toEqual([]);
  });
});
