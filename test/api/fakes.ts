import { AuthError } from "../../src/contract/errors.ts";
import type { BucketState } from "../../src/domain/ports/admission.ts";
import type { RequestLimits } from "../../src/domain/ports/request-limits.ts";
import type { AppDeps } from "../../src/http/app.ts";
import { accessToken, bucketStates, client, demoApp, tokens, unlocked, userId } from "./fixtures.ts";

type Services = AppDeps["services"];

/** The services' methods, each named by the operation that calls it. */
export interface ServiceMethods {
  login: Services["login"]["login"];
  mfaVerify: Services["mfa"]["verify"];
  refresh: Services["sessions"]["refresh"];
  logout: Services["sessions"]["logout"];
  signup: Services["signup"]["signup"];
  emailVerifySend: Services["email"]["requestVerification"];
  emailVerifyConfirm: Services["email"]["confirmVerification"];
  passwordResetSend: Services["password"]["requestReset"];
  passwordResetConfirm: Services["password"]["confirmReset"];
  passwordPolicy: Services["password"]["policy"];
  mfaStatus: Services["enrolment"]["status"];
  mfaEnroll: Services["enrolment"]["enroll"];
  mfaEnrollConfirm: Services["enrolment"]["confirm"];
  mfaDisable: Services["enrolment"]["disable"];
  backupCodesCount: Services["enrolment"]["countBackupCodes"];
  backupCodesRegenerate: Services["enrolment"]["regenerateBackupCodes"];
  sessionsList: Services["sessionList"]["list"];
  sessionsRevoke: Services["sessionList"]["revoke"];
  sessionsRevokeAll: Services["sessionList"]["revokeAll"];
  lockoutStatus: Services["lockout"]["status"];
  unlock: Services["lockout"]["unlock"];
}

/** What a test can change about the fakes while the gateway runs. */
export interface Behaviour extends ServiceMethods {
  authenticate: AppDeps["clients"]["authenticate"];
  authenticateBearer: AppDeps["bearers"]["authenticate"];
  /** The limits are used up: the next charge fails. */
  limitsExhausted: boolean;
  keycloak: () => Promise<void>;
  store: () => Promise<void>;
}

const emptyStates = bucketStates.map((state) => ({ ...state, remaining: 0, resetSeconds: 7 }));

/** Fakes of everything that the app calls, and what they were asked. */
export interface Fakes {
  readonly behaviour: Behaviour;
  /** In order: `client`, `bearer`, `limits CLIENT ADDRESS`, `charged rest`, `charged in service`, the names of operations. */
  readonly events: string[];
  readonly deps: Pick<AppDeps, "clients" | "bearers" | "limiter" | "services">;
  /** The arguments of the last call of a service. */
  lastRequest(): Record<string, unknown>;
}

export function createFakes(): Fakes {
  const events: string[] = [];
  let request: Record<string, unknown> = {};

  function chargedInService(limits: RequestLimits): void {
    if (limits.take().length === 0) return;
    events.push("charged in service");
    limits.report(behaviour.limitsExhausted ? emptyStates : bucketStates);
    if (behaviour.limitsExhausted) throw new AuthError("RATE_LIMITED", { retryAfterSeconds: 7 });
  }

  /** As a service does for a call whose limits are charged already: its account's alone. */
  function chargedForAccount(limits: RequestLimits): void {
    limits.take();
    limits.report(bucketStates.filter(({ policy }) => policy === "account"));
  }

  const behaviour: Behaviour = {
    async authenticate({ id, secret }) {
      if (id !== client.id || secret !== client.secret) throw new AuthError("INVALID_CLIENT");
      return { app: demoApp, credentials: { id, secret } };
    },
    async authenticateBearer(presented) {
      if (presented.accessToken !== accessToken) throw new AuthError("INVALID_TOKEN");
      await presented.admit?.(demoApp);
      const claims = { userId, sessionId: tokens.sessionId, azp: demoApp.id, email: tokens.user.email };
      return { claims, app: demoApp };
    },
    async login({ limits }) {
      chargedInService(limits);
      return { kind: "tokens", tokens };
    },
    async mfaVerify({ limits }) {
      chargedInService(limits);
      return tokens;
    },
    async refresh({ limits }) {
      chargedInService(limits);
      return tokens;
    },
    logout: async () => undefined,
    async signup({ limits, email, firstName, lastName }) {
      chargedInService(limits);
      return { userId, email, firstName, lastName, emailVerificationRequired: true };
    },
    emailVerifySend: async ({ limits }) => chargedInService(limits),
    async emailVerifyConfirm({ limits }) {
      chargedInService(limits);
      return { userId, email: "jane@example.com" };
    },
    passwordResetSend: async ({ limits }) => chargedInService(limits),
    passwordResetConfirm: async ({ limits }) => chargedInService(limits),
    passwordPolicy: async () => ({
      minLength: 8,
      maxLength: 128,
      minUppercase: 1,
      minLowercase: 0,
      minDigits: 0,
      minSpecial: 0,
      notEmail: true,
      notUsername: true,
      notContainsUsername: true,
      history: 3,
      blocklist: false,
    }),
    mfaStatus: async () => ({ enabled: true, methods: ["totp", "backup_code"], backupCodesRemaining: 9 }),
    mfaEnroll: async () => ({
      secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      otpauthUri: "otpauth://totp/Headgate:jane%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
      expiresInSeconds: 600,
    }),
    mfaEnrollConfirm: async () => ({ backupCodes: ["code-1", "code-2"] }),
    mfaDisable: async (_bearer, { limits }) => chargedForAccount(limits),
    backupCodesCount: async () => ({ remaining: 9, total: 10 }),
    async backupCodesRegenerate(_bearer, { limits }) {
      chargedForAccount(limits);
      return { backupCodes: ["code-1", "code-2"] };
    },
    sessionsList: async () => [
      {
        id: tokens.sessionId,
        application: "Demo app",
        ipAddress: "203.0.113.9",
        userAgent: "Firefox",
        createdAt: Date.UTC(2026, 2, 25, 2, 15),
        lastActiveAt: Date.UTC(2026, 2, 25, 2, 29, 31),
      },
    ],
    sessionsRevoke: async () => undefined,
    sessionsRevokeAll: async () => ({ revoked: 2 }),
    lockoutStatus: async () => unlocked,
    unlock: async () => unlocked,
    limitsExhausted: false,
    keycloak: async () => undefined,
    store: async () => undefined,
  };

  /** Calls what `behaviour` holds at that moment, and notes who was called and with what. */
  function recorded<Name extends keyof ServiceMethods>(name: Name, ...names: string[]): ServiceMethods[Name] {
    const call = async (...given: unknown[]) => {
      events.push(name);
      request = Object.assign(
        {},
        ...given.map((value, index) => {
          const key = names[index];
          return key === undefined ? value : { [key]: value };
        }),
      );
      return (behaviour[name] as (...given: unknown[]) => unknown)(...given);
    };
    return call as ServiceMethods[Name];
  }

  const services: Services = {
    login: { login: recorded("login") },
    mfa: { verify: recorded("mfaVerify") },
    sessions: { refresh: recorded("refresh"), logout: recorded("logout") },
    signup: { signup: recorded("signup") },
    email: {
      requestVerification: recorded("emailVerifySend"),
      confirmVerification: recorded("emailVerifyConfirm"),
    },
    password: {
      requestReset: recorded("passwordResetSend"),
      confirmReset: recorded("passwordResetConfirm"),
      policy: recorded("passwordPolicy"),
    },
    enrolment: {
      status: recorded("mfaStatus", "bearer"),
      enroll: recorded("mfaEnroll", "bearer"),
      confirm: recorded("mfaEnrollConfirm", "bearer"),
      disable: recorded("mfaDisable", "bearer"),
      countBackupCodes: recorded("backupCodesCount", "bearer"),
      regenerateBackupCodes: recorded("backupCodesRegenerate", "bearer"),
    },
    sessionList: {
      list: recorded("sessionsList", "userId"),
      revoke: recorded("sessionsRevoke", "userId", "sessionId"),
      revokeAll: recorded("sessionsRevokeAll", "userId"),
    },
    lockout: { status: recorded("lockoutStatus", "userId"), unlock: recorded("unlock", "userId") },
  };

  const limiter: AppDeps["limiter"] = {
    forRequest({ clientId, address }) {
      events.push(`limits ${clientId} ${address}`);
      let taken = false;
      let states: readonly BucketState[] = [];
      const take = () => {
        if (taken) return [];
        taken = true;
        return [{ policy: "client", subject: clientId, limit: 6000, windowSeconds: 60 }];
      };
      return {
        take,
        account: (account) => ({ policy: "account", subject: account, limit: 120, windowSeconds: 60 }),
        report: (reported) => {
          const shown = reported.filter(({ policy }) => policy !== "account");
          if (shown.length > 0) states = reported;
        },
        async chargeRest() {
          if (take().length === 0) return;
          events.push("charged rest");
          states = behaviour.limitsExhausted ? emptyStates : bucketStates;
          if (behaviour.limitsExhausted) throw new AuthError("RATE_LIMITED", { retryAfterSeconds: 7 });
        },
        get states() {
          return states;
        },
      };
    },
  };

  return {
    behaviour,
    events,
    deps: {
      clients: {
        authenticate: (presented) => {
          events.push("client");
          return behaviour.authenticate(presented);
        },
        forget: () => undefined,
      },
      bearers: {
        authenticate: (presented) => {
          events.push("bearer");
          return behaviour.authenticateBearer(presented);
        },
      },
      limiter,
      services,
    },
    lastRequest: () => request,
  };
}
