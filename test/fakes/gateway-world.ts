import { createHash } from "node:crypto";
import { generateSync } from "otplib";
import type { AuthenticatedClient, ClientAuthenticator } from "../../src/domain/clients/client-authenticator.ts";
import { createMailTokens } from "../../src/domain/email/mail-tokens.ts";
import { createAccountGate } from "../../src/domain/lockout/account-gate.ts";
import { createAttemptRunner } from "../../src/domain/lockout/attempt-runner.ts";
import { createFactorCheck } from "../../src/domain/mfa/factor-check.ts";
import type { AttemptBudget } from "../../src/domain/ports/admission.ts";
import type { App, AppRegistry } from "../../src/domain/ports/app-registry.ts";
import type { EndUser } from "../../src/domain/ports/identity-provider.ts";
import type { KeyedHash } from "../../src/domain/ports/keyed-hash.ts";
import type { Random } from "../../src/domain/ports/random.ts";
import { createSessionEndings } from "../../src/domain/sessions/session-endings.ts";
import { createMemoryEndingMarks } from "./ending-marks.ts";
import {
  createMemoryEnrolmentStore,
  createMemorySessionNotes,
  createMemoryUsedCodes,
  createPlainBackupCodes,
} from "./factor-stores.ts";
import { createGateAdmission } from "./gate-admission.ts";
import { createMemoryMailTokenStore, createMemoryOutbox, createRecordingMailer } from "./mail-stores.ts";
import { createFakeClock, openCapacity } from "./system.ts";
import { createUserDirectory } from "./user-directory.ts";

export const appOne: App = {
  id: "cca_one",
  displayName: "App one",
  licensed: false,
  links: { verifyEmail: "https://one.example/verify?lang=en", resetPassword: "https://one.example/reset" },
};
/** An app without pages for links. */
export const appTwo: App = { id: "cca_two", displayName: "App two", licensed: false, links: {} };

export const clientOf = (app: App): AuthenticatedClient => ({ app, credentials: { id: app.id, secret: "ccas_right" } });

export const caller: EndUser = { ipAddress: "192.0.2.7", userAgent: "Browser/1" };

export const passwordBudget: AttemptBudget = { counter: "password", maxAttempts: 3, lockSeconds: 600 };
export const mfaBudget: AttemptBudget = { counter: "mfa", maxAttempts: 4, lockSeconds: 600 };

/** A random source that is the same in every run, and never gives a value twice. */
function createSeededRandom(): Random {
  let count = 0;
  return {
    token(byteLength) {
      count += 1;
      return createHash("shake256", { outputLength: byteLength }).update(String(count)).digest().toString("base64url");
    },
  };
}

/** Fakes of all ports, joined as the services under test share them. */
export function createGatewayWorld() {
  const clock = createFakeClock();
  const random = createSeededRandom();
  const hash: KeyedHash = (purpose, value) => createHash("sha256").update(`${purpose}\0${value}`).digest("base64url");
  const directory = createUserDirectory(clock);
  const admission = createGateAdmission(clock);
  const outbox = createMemoryOutbox(clock);
  const tokenStore = createMemoryMailTokenStore(clock);
  const usedCodes = createMemoryUsedCodes(clock);
  const backupCodes = createPlainBackupCodes();
  const marks = createMemoryEndingMarks();
  const served = new Map([appOne, appTwo].map((app) => [app.id, app]));
  const apps: AppRegistry = { find: (id) => served.get(id) };
  const clients: ClientAuthenticator = {
    authenticate: () => Promise.reject(new Error("the test did not foresee authenticate")),
    forget: () => undefined,
  };
  return {
    clock,
    random,
    hash,
    directory,
    admission,
    outbox,
    tokenStore,
    usedCodes,
    backupCodes,
    marks,
    endings: createSessionEndings({ marks, sessions: directory, identityProvider: directory, hash, clock }),
    apps,
    served,
    clients,
    mailer: createRecordingMailer(),
    notes: createMemorySessionNotes(),
    capacity: openCapacity,
    enrolments: createMemoryEnrolmentStore(clock),
    tokens: createMailTokens({ store: tokenStore, hash, random }),
    gate: createAccountGate({ admission }),
    attempts: createAttemptRunner({ admission, clock }),
    factors: createFactorCheck({ identityProvider: directory, secondFactors: directory, backupCodes, usedCodes }),
    /** The code that an authenticator app shows now, or some steps of 30 s away. */
    codeOf: (secret: string, steps = 0) => generateSync({ secret, epoch: Math.floor(clock.now() / 1000) + steps * 30 }),
  };
}

export type GatewayWorld = ReturnType<typeof createGatewayWorld>;
