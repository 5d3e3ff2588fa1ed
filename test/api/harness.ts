import { randomBytes } from "node:crypto";
import { AuthError } from "../../src/contract/errors.ts";
import type { LockoutView } from "../../src/domain/lockout/lockout-service.ts";
import type { BucketState } from "../../src/domain/ports/admission.ts";
import type { App } from "../../src/domain/ports/app-registry.ts";
import type { IssuedTokens } from "../../src/domain/ports/identity-provider.ts";
import type { RequestLimits } from "../../src/domain/ports/request-limits.ts";
import { type AppDeps, createApp } from "../../src/http/app.ts";
import { type RunningServer, type ServerTimeouts, startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/observability/log.ts";

export const base = "/api/v1/auth/headless";
export const client = { id: "cca_demo", secret: "ccas_demo-secret" };
export const userId = "0f8fad5b-d9cb-469f-a165-70867728950e";

const demoApp: App = { id: client.id, displayName: "Demo app", licensed: false };

export const tokens: IssuedTokens = {
  accessToken: "access-1",
  refreshToken: "refresh-1",
  idToken: "id-1",
  accessTokenExpiresAt: Date.UTC(2026, 2, 25, 2, 30),
  user: { userId, email: "jane@example.com", firstName: "Jane", lastName: "Doe" },
};

export const wireTokens = {
  accessToken: "access-1",
  refreshToken: "refresh-1",
  idToken: "id-1",
  expiresAt: "2026-03-25T02:30:00.000Z",
  user: { userId, email: "jane@example.com", firstName: "Jane", lastName: "Doe" },
};

export const unlocked: LockoutView = {
  locked: false,
  lockedUntil: undefined,
  remainingSeconds: undefined,
  attemptsRemaining: 5,
  maxAttempts: 5,
  lockSeconds: 600,
};

type Services = AppDeps["services"];

/** What a test can change about the fakes while the gateway runs. */
export interface Behaviour {
  authenticate: AppDeps["clients"]["authenticate"];
  login: Services["login"]["login"];
  verify: Services["mfa"]["verify"];
  refresh: Services["sessions"]["refresh"];
  logout: Services["sessions"]["logout"];
  status: Services["lockout"]["status"];
  unlock: Services["lockout"]["unlock"];
  /** The limits are used up: the next charge fails. */
  limitsExhausted: boolean;
  keycloak: () => Promise<void>;
  store: () => Promise<void>;
}

export interface Gateway {
  readonly url: string;
  readonly server: RunningServer;
  readonly behaviour: Behaviour;
  /** What the fakes were asked, in order: `client`, `limits CLIENT ADDRESS`, `charged rest`, `charged in service`, service names. */
  readonly events: string[];
  /** Of the headless API. */
  readonly operationIds: readonly string[];
  /** The arguments of the last call of a service. */
  lastRequest(): Record<string, unknown>;
  rawLog(): string;
  logLines(): Record<string, unknown>[];
  stop(): Promise<void>;
}

export const bucketStates: readonly BucketState[] = [
  { policy: "client", limit: 6000, windowSeconds: 60, remaining: 5999, resetSeconds: 1 },
  { policy: "address", limit: 600, windowSeconds: 60, remaining: 599, resetSeconds: 1 },
  { policy: "account", limit: 120, windowSeconds: 60, remaining: 119, resetSeconds: 1 },
];

const emptyStates = bucketStates.map((state) => ({ ...state, remaining: 0, resetSeconds: 7 }));

/** Starts the real app on a real server, with fakes of the services, the client check and the limiter. */
export async function startGateway(
  options: {
    readonly responseGuard?: AppDeps["responseGuard"];
    readonly timeouts?: Partial<ServerTimeouts>;
    readonly mail?: () => Promise<void>;
    readonly monotonicNow?: () => number;
  } = {},
): Promise<Gateway> {
  const events: string[] = [];
  const written: string[] = [];
  let request: Record<string, unknown> = {};

  function chargedInService(limits: RequestLimits): void {
    if (limits.take().length === 0) return;
    events.push("charged in service");
    limits.report(behaviour.limitsExhausted ? emptyStates : bucketStates);
    if (behaviour.limitsExhausted) throw new AuthError("RATE_LIMITED", { retryAfterSeconds: 7 });
  }

  const behaviour: Behaviour = {
    async authenticate({ id, secret }) {
      if (id !== client.id || secret !== client.secret) throw new AuthError("INVALID_CLIENT");
      return { app: demoApp, credentials: { id, secret } };
    },
    async login({ limits }) {
      chargedInService(limits);
      return { kind: "tokens", tokens };
    },
    async verify({ limits }) {
      chargedInService(limits);
      return tokens;
    },
    async refresh({ limits }) {
      chargedInService(limits);
      return tokens;
    },
    logout: async () => undefined,
    status: async () => unlocked,
    unlock: async () => unlocked,
    limitsExhausted: false,
    keycloak: async () => undefined,
    store: async () => undefined,
  };

  function recorded<Request, Result>(name: string, run: () => (request: Request) => Promise<Result>) {
    return async (given: Request): Promise<Result> => {
      events.push(name);
      request = typeof given === "object" ? Object.fromEntries(Object.entries(given ?? {})) : { userId: given };
      return run()(given);
    };
  }

  const log = createLogger({ level: "debug", destination: { write: (line: string) => void written.push(line) } });
  const random = { token: (length: number) => randomBytes(length).toString("base64url") };
  const app = createApp({
    log,
    random,
    monotonicNow: options.monotonicNow ?? (() => performance.now()),
    responseGuard: options.responseGuard ?? "strict",
    clients: {
      authenticate: (presented) => {
        events.push("client");
        return behaviour.authenticate(presented);
      },
      forget: () => undefined,
    },
    limiter: {
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
            states = reported;
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
    },
    services: {
      login: { login: recorded("login", () => behaviour.login) },
      mfa: { verify: recorded("mfaVerify", () => behaviour.verify) },
      sessions: {
        refresh: recorded("refresh", () => behaviour.refresh),
        logout: recorded("logout", () => behaviour.logout),
      },
      lockout: {
        status: recorded("lockoutStatus", () => behaviour.status),
        unlock: recorded("unlock", () => behaviour.unlock),
      },
    },
    healthChecks: {
      keycloak: () => behaviour.keycloak(),
      store: () => behaviour.store(),
      mail: options.mail,
    },
  });

  const server = await startServer({
    app,
    host: "127.0.0.1",
    port: 0,
    log,
    random,
    ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    server,
    behaviour,
    events,
    operationIds: app.openAPIRegistry.definitions.flatMap((definition) =>
      definition.type === "route" && definition.route.path.startsWith(base)
        ? [String(definition.route.operationId)]
        : [],
    ),
    lastRequest: () => request,
    rawLog: () => written.join(""),
    logLines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: async () => {
      await server.close(1_000);
    },
  };
}

/** One request to each operation, as a well-behaved app client makes it. */
export interface Sample {
  readonly operationId: string;
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly answer: unknown;
}

const wireUnlocked = {
  locked: false,
  remainingLockoutSeconds: null,
  attemptsRemaining: 5,
  lockedUntil: null,
  maxAttempts: 5,
  lockoutDurationMinutes: 10,
};

export const samples: readonly Sample[] = [
  {
    operationId: "login",
    service: "login",
    method: "POST",
    path: `${base}/login`,
    body: { email: "jane@example.com", password: "correct horse" },
    answer: wireTokens,
  },
  {
    operationId: "mfaVerify",
    service: "mfaVerify",
    method: "POST",
    path: `${base}/mfa/verify`,
    body: { mfaToken: "mfa_abc", code: "123456", method: "totp" },
    answer: wireTokens,
  },
  {
    operationId: "refresh",
    service: "refresh",
    method: "POST",
    path: `${base}/refresh`,
    body: { refreshToken: "refresh-0" },
    answer: wireTokens,
  },
  {
    operationId: "logout",
    service: "logout",
    method: "POST",
    path: `${base}/logout`,
    body: { refreshToken: "refresh-0" },
    answer: {},
  },
  {
    operationId: "lockoutStatus",
    service: "lockoutStatus",
    method: "GET",
    path: `${base}/security/lockout-status?userId=${userId}`,
    answer: wireUnlocked,
  },
  {
    operationId: "unlock",
    service: "unlock",
    method: "POST",
    path: `${base}/security/unlock`,
    body: { userId },
    answer: wireUnlocked,
  },
];

export function sampleOf(operationId: string): Sample {
  const sample = samples.find((candidate) => candidate.operationId === operationId);
  if (sample === undefined) throw new Error(`no sample for ${operationId}`);
  return sample;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** Sends a sample, changed as a test needs it; a header set to undefined is left out. */
export async function send(
  gateway: Gateway,
  sample: Pick<Sample, "method" | "path" | "body">,
  change: {
    readonly headers?: Record<string, string | undefined>;
    readonly body?: unknown;
    readonly rawBody?: string | Uint8Array | ReadableStream;
  } = {},
): Promise<Answer> {
  const body = "body" in change ? change.body : sample.body;
  const headers = Object.entries({
    "x-client-id": client.id,
    "x-client-secret": client.secret,
    ...(body === undefined && change.rawBody === undefined ? {} : { "content-type": "application/json" }),
    ...change.headers,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const response = await fetch(`${gateway.url}${sample.path}`, {
    method: sample.method,
    headers,
    ...(change.rawBody !== undefined
      ? { body: change.rawBody, duplex: "half" as const }
      : body === undefined
        ? {}
        : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
