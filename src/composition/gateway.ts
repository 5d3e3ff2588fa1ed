import { systemClock as clock, systemRandom as random } from "../adapters/system.ts";
import type { Apps } from "../config/apps-file.ts";
import type { Config } from "../config/config.ts";
import { createSignupService } from "../domain/accounts/signup-service.ts";
import { createBearerAuthenticator } from "../domain/clients/bearer-authenticator.ts";
import { createClientAuthenticator } from "../domain/clients/client-authenticator.ts";
import { createEmailService } from "../domain/email/email-service.ts";
import { createMailTokens } from "../domain/email/mail-tokens.ts";
import { createMailWorker, type MailWorker } from "../domain/email/mail-worker.ts";
import { createWakeUp, createWakingOutbox } from "../domain/email/wake-up.ts";
import { createAccountGate } from "../domain/lockout/account-gate.ts";
import { createAttemptRunner } from "../domain/lockout/attempt-runner.ts";
import { createLockoutService } from "../domain/lockout/lockout-service.ts";
import { createLoginService } from "../domain/login/login-service.ts";
import { createBackupCodes } from "../domain/mfa/backup-codes.ts";
import { createChallenges } from "../domain/mfa/challenges.ts";
import { createEnrolmentService } from "../domain/mfa/enrolment-service.ts";
import { createFactorCheck } from "../domain/mfa/factor-check.ts";
import { createMfaService } from "../domain/mfa/mfa-service.ts";
import { createProvenChange } from "../domain/mfa/proven-change.ts";
import { createPasswordService } from "../domain/password/password-service.ts";
import type { AttemptBudget } from "../domain/ports/admission.ts";
import { createSessionEndings } from "../domain/sessions/session-endings.ts";
import { createSessionListService } from "../domain/sessions/session-list-service.ts";
import { createSessionService } from "../domain/sessions/session-service.ts";
import { createApp } from "../http/app.ts";
import type { GatewayApp } from "../http/operation.ts";
import { createPasswordCapacity } from "../limits/password-capacity.ts";
import { createRequestLimiter } from "../limits/request-limiter.ts";
import type { Logger } from "../observability/log.ts";
import type { Adapters } from "./adapters.ts";

/** A gateway put together; nothing of it runs yet. */
export interface Gateway {
  readonly app: GatewayApp;
  readonly mailWorker: MailWorker;
}

/** Puts the services on the adapters, and the app on the services. */
export function composeGateway(config: Config, apps: Apps, log: Logger, adapters: Adapters): Gateway {
  const { keycloak, mailer, store } = adapters;
  const { hash, admission, enrolments, usedCodes, notes } = store;
  const identityProvider = keycloak;
  const accounts = keycloak;
  const secondFactors = keycloak;

  const lockSeconds = config.HEADGATE_LOCKOUT_SECONDS;
  const passwordBudget: AttemptBudget = {
    counter: "password",
    maxAttempts: config.HEADGATE_LOCKOUT_MAX_ATTEMPTS,
    lockSeconds,
  };
  const mfaBudget: AttemptBudget = { counter: "mfa", maxAttempts: config.HEADGATE_MFA_MAX_ATTEMPTS, lockSeconds };

  const wakeUp = createWakeUp(clock);
  const outbox = createWakingOutbox({ outbox: store.outbox, wakeUp, clock, random });
  const tokens = createMailTokens({ store: store.mailTokens, hash, random });
  const clients = createClientAuthenticator({ identityProvider, apps, hash, clock });
  const attempts = createAttemptRunner({ admission, clock });
  const capacity = createPasswordCapacity({
    concurrency: config.HEADGATE_PASSWORD_CONCURRENCY,
    queueLimit: config.HEADGATE_PASSWORD_QUEUE_LIMIT,
    waitMs: config.HEADGATE_PASSWORD_WAIT_MS,
    clock,
  });
  const gate = createAccountGate({ admission });
  const endings = createSessionEndings({
    marks: store.endingMarks,
    sessions: keycloak,
    identityProvider,
    hash,
    clock,
  });
  const challenges = createChallenges({ store: store.challenges, hash, random });
  const backupCodes = createBackupCodes({ random });
  const factors = createFactorCheck({ identityProvider, secondFactors, backupCodes, usedCodes });
  const provenChange = createProvenChange({
    attempts,
    factors,
    secondFactors,
    identityProvider,
    sessions: keycloak,
    outbox,
    hash,
    budget: mfaBudget,
  });

  const services = {
    signup: createSignupService({
      admission,
      accounts,
      outbox,
      hash,
      random,
      clock,
      capacity,
      hideExisting: config.HEADGATE_HIDE_EXISTING_ACCOUNTS,
    }),
    login: createLoginService({
      attempts,
      challenges,
      identityProvider,
      clients,
      notes,
      outbox,
      hash,
      capacity,
      clock,
      budget: passwordBudget,
      refusalStepMs: config.HEADGATE_LOGIN_REFUSAL_STEP_MS,
    }),
    mfa: createMfaService({
      attempts,
      challenges,
      identityProvider,
      clients,
      factors,
      notes,
      endings,
      outbox,
      budget: mfaBudget,
    }),
    enrolment: createEnrolmentService({
      gate,
      provenChange,
      enrolments,
      secondFactors,
      usedCodes,
      backupCodes,
      identityProvider,
      sessions: keycloak,
      outbox,
      hash,
      random,
      clock,
      totpIssuer: config.HEADGATE_TOTP_ISSUER,
    }),
    sessions: createSessionService({ admission, identityProvider, accessTokens: keycloak, endings, clients, hash }),
    sessionList: createSessionListService({ identityProvider, sessions: keycloak, endings, notes, apps }),
    email: createEmailService({ admission, gate, outbox, tokens, accounts, hash }),
    password: createPasswordService({
      admission,
      gate,
      outbox,
      tokens,
      accounts,
      identityProvider,
      sessions: keycloak,
      endings,
      hash,
    }),
    lockout: createLockoutService({ admission, identityProvider, hash, budget: passwordBudget }),
  };

  const app = createApp({
    log,
    random,
    monotonicNow: () => performance.now(),
    responseGuard: config.NODE_ENV === "production" ? "strip" : "strict",
    clients,
    bearers: createBearerAuthenticator({ accessTokens: keycloak, apps }),
    limiter: createRequestLimiter({
      admission,
      hash,
      policies: {
        client: config.HEADGATE_LIMIT_CLIENT,
        address: config.HEADGATE_LIMIT_ADDRESS,
        account: config.HEADGATE_LIMIT_ACCOUNT,
      },
    }),
    services,
    healthChecks: { keycloak: () => keycloak.ping(), store: () => store.ping(), mail: () => mailer.check() },
  });
  const mailWorker = createMailWorker({
    mailer,
    tokens,
    identityProvider,
    accounts,
    apps,
    random,
    outbox,
    wakeUp,
    log,
  });
  return { app, mailWorker };
}
