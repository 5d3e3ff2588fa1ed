import { verifySync } from "otplib";
import type { ValidationIssue } from "../../src/contract/errors.ts";
import type { AccountDirectory, PasswordPolicy } from "../../src/domain/ports/account-directory.ts";
import type { Clock } from "../../src/domain/ports/clock.ts";
import type { IdentityProvider, IssuedTokens, UserRecord } from "../../src/domain/ports/identity-provider.ts";
import type { SecondFactors, StoredBackupCodes } from "../../src/domain/ports/second-factors.ts";
import type { SessionDirectory } from "../../src/domain/ports/session-directory.ts";
import { createFaults, type Faults } from "./faults.ts";

/** Everything that the identity provider is asked. */
export type DirectoryPorts = IdentityProvider & AccountDirectory & SessionDirectory & SecondFactors;

interface FakeSession {
  readonly id: string;
  readonly userId: string;
  readonly clientIds: string[];
  readonly startedAt: number;
}

interface FakeUser {
  record: UserRecord;
  password: string;
  enabled: boolean;
  totpSecret: string | undefined;
  backupCodes: StoredBackupCodes | undefined;
  administrator: boolean;
}

/** Users, passwords, factors and sessions in memory, as far as the rules under test need them. */
export interface UserDirectory extends DirectoryPorts {
  readonly faults: Faults<keyof DirectoryPorts & string>;
  readonly sessions: ReadonlyMap<string, FakeSession>;
  add(user: Partial<Omit<FakeUser, "record">> & { record?: Partial<UserRecord> }): FakeUser;
  openSession(userId: string, ...clientIds: readonly string[]): string;
  user(userId: string): FakeUser;
  remove(userId: string): void;
  policy: PasswordPolicy;
  /** Rules that only the realm knows. */
  refusePassword: (password: string) => readonly ValidationIssue[];
}

const unforeseen = (method: string) => () => Promise.reject(new Error(`the test did not foresee ${method}`));

/** The gateway's own clients do not show up. */
const ownClients = ["headless-otp", "headless-mint"];

export function createUserDirectory(clock: Clock): UserDirectory {
  const users = new Map<string, FakeUser>();
  const sessions = new Map<string, FakeSession>();
  const usedCodes = new Set<string>();
  const faults = createFaults<keyof DirectoryPorts & string>();
  let count = 0;

  const nextId = () => {
    count += 1;
    return `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;
  };
  const byEmail = (email: string) =>
    [...users.values()].find(({ record }) => record.email.toLowerCase() === email.trim().toLowerCase());
  const byName = (username: string) => [...users.values()].find(({ record }) => record.username === username);
  const shown = ({ record, backupCodes }: FakeUser): UserRecord => ({
    ...record,
    ...(backupCodes === undefined ? {} : { backupCodes }),
  });

  function openSession(userId: string, ...clientIds: readonly string[]): string {
    count += 1;
    const id = `session-${count}`.padEnd(24, "x");
    sessions.set(id, { id, userId, clientIds: [...clientIds], startedAt: clock.now() + count });
    return id;
  }

  function tokensFor({ record }: FakeUser, sessionId: string): IssuedTokens {
    const { userId, email, firstName, lastName } = record;
    return {
      sessionId,
      accessToken: `access ${sessionId}`,
      refreshToken: `refresh ${sessionId}`,
      idToken: `id ${sessionId}`,
      accessTokenExpiresAt: clock.now() + 900_000,
      user: { userId, email, firstName, lastName },
    };
  }

  function endSessions(userId: string): void {
    for (const session of sessions.values()) if (session.userId === userId) sessions.delete(session.id);
  }

  const directory: UserDirectory = {
    faults,
    sessions,
    openSession,
    policy: {
      minLength: 8,
      maxLength: 128,
      minUppercase: 0,
      minLowercase: 0,
      minDigits: 0,
      minSpecial: 0,
      notEmail: true,
      notUsername: false,
      notContainsUsername: false,
      history: 0,
      blocklist: false,
    },
    refusePassword: () => [],
    add({ record = {}, ...rest }) {
      const email = record.email ?? "jane@example.com";
      const user: FakeUser = {
        password: "correct horse",
        enabled: true,
        totpSecret: undefined,
        backupCodes: undefined,
        administrator: false,
        ...rest,
        record: {
          userId: nextId(),
          username: email,
          email,
          firstName: "Jane",
          lastName: "Doe",
          emailVerified: true,
          requiredActions: [],
          licenses: [],
          ...record,
        },
      };
      users.set(user.record.userId, user);
      return user;
    },
    user(userId) {
      const user = users.get(userId);
      if (user === undefined) throw new Error("the test knows no such user");
      return user;
    },
    remove: (userId) => void users.delete(userId),

    checkClient: unforeseen("checkClient"),
    refresh: unforeseen("refresh"),
    ping: unforeseen("ping"),
    passwordGrant: ({ client, email, password }) =>
      faults.call("passwordGrant", () => {
        const user = byEmail(email);
        if (user === undefined || user.password !== password) return { kind: "rejected" };
        if (!user.enabled) return { kind: "disabled" };
        if (user.totpSecret !== undefined) return { kind: "mfaRequired" };
        if (!user.record.emailVerified) return { kind: "accountIncomplete" };
        return { kind: "tokens", tokens: tokensFor(user, openSession(user.record.userId, client.id)) };
      }),
    totpGrant: ({ username, code }) =>
      faults.call("totpGrant", () => {
        const user = byName(username);
        if (user?.totpSecret === undefined) throw new Error("Keycloak answers 500 to a user without a TOTP");
        const epoch = Math.floor(clock.now() / 1000);
        const isRight = verifySync({ secret: user.totpSecret, token: code, epoch, epochTolerance: 30 }).valid;
        const use = `${username} ${code}`;
        if (!isRight || usedCodes.has(use)) return { kind: "rejected" };
        usedCodes.add(use);
        if (!user.enabled) return { kind: "disabled" };
        if (user.record.requiredActions.length > 0) return { kind: "accountIncomplete" };
        const sessionId = openSession(user.record.userId, "headless-otp");
        return {
          kind: "verified",
          subject: { accessToken: `proof ${sessionId}`, sessionId, userId: user.record.userId },
        };
      }),
    mintGrant: ({ username }) =>
      faults.call("mintGrant", () => {
        const user = byName(username);
        if (user === undefined || !user.enabled || user.administrator) return { kind: "rejected" };
        if (user.record.requiredActions.length > 0) return { kind: "accountIncomplete" };
        const sessionId = openSession(user.record.userId, "headless-mint");
        return {
          kind: "verified",
          subject: { accessToken: `proof ${sessionId}`, sessionId, userId: user.record.userId },
        };
      }),
    exchange: ({ client, subject }) =>
      faults.call("exchange", () => {
        const session = sessions.get(subject.sessionId);
        const user = session && users.get(session.userId);
        if (session === undefined || user === undefined) return { kind: "rejected" };
        session.clientIds.push(client.id);
        return { kind: "tokens", tokens: tokensFor(user, session.id) };
      }),
    userOf: (refreshToken) => sessions.get(refreshToken.replace("refresh ", ""))?.userId,
    logout: ({ refreshToken }) =>
      faults.call("logout", () => {
        const id = refreshToken.replace("refresh ", "");
        return sessions.delete(id) ? { kind: "ended" } : { kind: "rejected" };
      }),
    endSession: (sessionId) => faults.call("endSession", () => void sessions.delete(sessionId)),
    findUserByEmail: (email) =>
      faults.call("findUserByEmail", () => {
        const user = byEmail(email);
        return user && shown(user);
      }),
    getUser: (userId) =>
      faults.call("getUser", () => {
        const user = users.get(userId);
        return user && shown(user);
      }),
    clearFailures: () => faults.call("clearFailures", () => undefined),

    createUser: ({ email, password, firstName, lastName }) =>
      faults.call("createUser", () => {
        if (byEmail(email) !== undefined) return { kind: "exists" };
        const issues = directory.refusePassword(password);
        if (issues.length > 0) return { kind: "invalid", issues };
        const lower = email.toLowerCase();
        const record = { email: lower, username: lower, firstName, lastName, emailVerified: false };
        return { kind: "created", user: directory.add({ password, record }).record };
      }),
    nameIssues: (names) =>
      Object.entries(names).flatMap(([path, name]) =>
        name.includes("#") ? [{ path, message: "holds characters that a name cannot have" }] : [],
      ),
    markEmailVerified: (userId, email) =>
      faults.call("markEmailVerified", () => {
        const user = users.get(userId);
        if (user === undefined || user.record.email !== email) return false;
        user.record = { ...user.record, emailVerified: true };
        return true;
      }),
    setPassword: (userId, password) =>
      faults.call("setPassword", () => {
        const user = users.get(userId);
        if (user === undefined) return { kind: "userGone" };
        const issues = directory.refusePassword(password);
        if (issues.length > 0) return { kind: "invalid", issues };
        user.password = password;
        return { kind: "done" };
      }),
    passwordPolicy: () => faults.call("passwordPolicy", () => directory.policy),
    isEnabled: (userId) => faults.call("isEnabled", () => users.get(userId)?.enabled ?? false),

    listSessions: (userId) =>
      faults.call("listSessions", () =>
        [...sessions.values()]
          .filter((session) => session.userId === userId)
          .map(({ id, clientIds, startedAt }) => ({
            id,
            ipAddress: "192.0.2.7",
            clientIds: clientIds.filter((clientId) => !ownClients.includes(clientId)),
            startedAt,
            lastActiveAt: startedAt + 1000,
          }))
          .filter(({ clientIds }) => clientIds.length > 0),
      ),
    endAllSessions: (userId) => faults.call("endAllSessions", () => endSessions(userId)),

    hasTotp: (userId) => faults.call("hasTotp", () => users.get(userId)?.totpSecret !== undefined),
    addTotp: (userId, secret) =>
      faults.call("addTotp", () => {
        const user = directory.user(userId);
        if (user.totpSecret !== undefined) throw new Error("a second TOTP for one user");
        user.totpSecret = secret;
      }),
    removeTotp: (userId) =>
      faults.call("removeTotp", () => {
        directory.user(userId).totpSecret = undefined;
      }),
    readBackupCodes: (userId) => faults.call("readBackupCodes", () => users.get(userId)?.backupCodes),
    writeBackupCodes: (userId, codes) =>
      faults.call("writeBackupCodes", () => {
        directory.user(userId).backupCodes = codes;
      }),
  };
  return directory;
}
