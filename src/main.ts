import { createKeycloakIdentityProvider } from "./adapters/keycloak/index.ts";
import { createSmtpConnection } from "./adapters/mailer/smtp.ts";
import { createRedisAdmission } from "./adapters/redis/admission.ts";
import { createRedisChallengeStore } from "./adapters/redis/challenge-store.ts";
import { connectRedis } from "./adapters/redis/connect.ts";
import { startEmbeddedRedis } from "./adapters/redis/embedded.ts";
import { createKeyedHash, systemClock, systemRandom } from "./adapters/system.ts";
import { type Command, parseCommand, usage } from "./cli/command.ts";
import { type Apps, readAppsFile, watchAppsFile } from "./config/apps-file.ts";
import { type Config, ConfigError, readConfig } from "./config/config.ts";
import { createClientAuthenticator } from "./domain/clients/client-authenticator.ts";
import { createAttemptRunner } from "./domain/lockout/attempt-runner.ts";
import { createLockoutService } from "./domain/lockout/lockout-service.ts";
import { createLoginService } from "./domain/login/login-service.ts";
import { createChallenges } from "./domain/mfa/challenges.ts";
import { createMfaService } from "./domain/mfa/mfa-service.ts";
import type { AttemptBudget } from "./domain/ports/admission.ts";
import { createSessionService } from "./domain/sessions/session-service.ts";
import { type AppDeps, createApp } from "./http/app.ts";
import { startServer } from "./http/server.ts";
import { createRequestLimiter } from "./limits/request-limiter.ts";
import { createLogger, type Logger } from "./observability/log.ts";

/** What a running gateway holds open. */
interface Adapters {
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly keycloak: ReturnType<typeof openKeycloak>;
  readonly smtp: ReturnType<typeof createSmtpConnection> | undefined;
}

async function openStore(config: Config, log: Logger) {
  const embedded = config.HEADGATE_REDIS_URL === "embedded" ? await startEmbeddedRedis() : undefined;
  const connection = connectRedis({
    url: embedded?.url ?? config.HEADGATE_REDIS_URL,
    onAvailability: (available, error) => {
      if (available) log.info("store connected");
      else log.warn({ err: error }, "store connection lost");
    },
  });
  const admission = createRedisAdmission({
    connection,
    random: systemRandom,
    queueLimit: config.HEADGATE_ACCOUNT_QUEUE_LIMIT,
    waitMs: config.HEADGATE_ACCOUNT_WAIT_MS,
    leaseMs: leaseMs(config),
  });
  return {
    connection,
    admission,
    async close() {
      await admission.close();
      await connection.close();
      await embedded?.close();
    },
  };
}

function openKeycloak(config: Config, log: Logger) {
  const realmUrl = `${config.HEADGATE_KEYCLOAK_URL.replace(/\/+$/, "")}/realms/${config.HEADGATE_KEYCLOAK_REALM}`;
  return createKeycloakIdentityProvider({
    url: config.HEADGATE_KEYCLOAK_URL,
    realm: config.HEADGATE_KEYCLOAK_REALM,
    issuer: config.HEADGATE_KEYCLOAK_ISSUER ?? realmUrl,
    adminClient: { id: config.HEADGATE_KEYCLOAK_CLIENT_ID, secret: config.HEADGATE_KEYCLOAK_CLIENT_SECRET },
    otpClient: { id: config.HEADGATE_KEYCLOAK_OTP_CLIENT_ID, secret: config.HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET },
    timeoutMs: config.HEADGATE_KEYCLOAK_TIMEOUT_MS,
    log,
    clock: systemClock,
  });
}

function composeApp(config: Config, apps: Apps, log: Logger, { store, keycloak, smtp }: Adapters) {
  const clock = systemClock;
  const random = systemRandom;
  const hash = createKeyedHash(config.HEADGATE_SECRET);
  const identityProvider = keycloak;
  const { connection, admission } = store;
  const lockSeconds = config.HEADGATE_LOCKOUT_SECONDS;
  const passwordBudget: AttemptBudget = {
    counter: "password",
    maxAttempts: config.HEADGATE_LOCKOUT_MAX_ATTEMPTS,
    lockSeconds,
  };
  const mfaBudget: AttemptBudget = { counter: "mfa", maxAttempts: config.HEADGATE_MFA_MAX_ATTEMPTS, lockSeconds };

  const clients = createClientAuthenticator({ identityProvider, apps, hash, clock });
  const attempts = createAttemptRunner({ admission, clock });
  const challenges = createChallenges({ store: createRedisChallengeStore(connection), hash, random });
  const deps: AppDeps = {
    log,
    random,
    monotonicNow: () => performance.now(),
    responseGuard: config.NODE_ENV === "production" ? "strip" : "strict",
    clients,
    limiter: createRequestLimiter({
      admission,
      hash,
      policies: {
        client: config.HEADGATE_LIMIT_CLIENT,
        address: config.HEADGATE_LIMIT_ADDRESS,
        account: config.HEADGATE_LIMIT_ACCOUNT,
      },
    }),
    services: {
      login: createLoginService({ attempts, challenges, identityProvider, clients, hash, budget: passwordBudget }),
      mfa: createMfaService({ attempts, challenges, identityProvider, clients, budget: mfaBudget }),
      sessions: createSessionService({ admission, identityProvider, clients, hash }),
      lockout: createLockoutService({ admission, identityProvider, hash, budget: passwordBudget }),
    },
    healthChecks: {
      keycloak: () => keycloak.ping(),
      store: () => connection.ping(),
      mail: smtp && (() => smtp.check()),
    },
  };
  return createApp(deps);
}

/**
 * How long a grant may hold its account's gate before another instance takes it for dead, in milliseconds: longer than the
 * most calls that are made under one, each up to its time-out.
 */
function leaseMs(config: Config): number {
  const callsUnderTheGate = 6;
  return callsUnderTheGate * config.HEADGATE_KEYCLOAK_TIMEOUT_MS + 2_000;
}

async function start(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLogger({ level: config.HEADGATE_LOG_LEVEL });
  const apps = watchAppsFile(config.HEADGATE_APPS_FILE, log);
  const adapters: Adapters = {
    store: await openStore(config, log),
    keycloak: openKeycloak(config, log),
    smtp: config.HEADGATE_SMTP_URL === undefined ? undefined : createSmtpConnection(config.HEADGATE_SMTP_URL),
  };

  async function closeAdapters(): Promise<void> {
    apps.close();
    adapters.smtp?.close();
    await Promise.allSettled([adapters.keycloak.close(), adapters.store.close()]);
  }

  const { HEADGATE_HOST: host, HEADGATE_PORT: port } = config;
  const server = await startServer({
    app: composeApp(config, apps, log, adapters),
    host,
    port,
    log,
    random: systemRandom,
  }).catch(async (error: NodeJS.ErrnoException) => {
    await closeAdapters();
    throw new ConfigError([
      `HEADGATE_HOST, HEADGATE_PORT: the address cannot be listened on (${error.code ?? error.name})`,
    ]);
  });
  log.info({ host: server.host, port: server.port, apps: apps.size }, "listening");

  let stopping = false;
  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    const { finished } = await server.close(config.HEADGATE_SHUTDOWN_TIMEOUT_MS);
    await closeAdapters();
    log.info({ finished }, "stopped");
    process.exit(finished ? 0 : 1);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, (received) => void stop(received));
}

function checkConfig(): void {
  const config = readConfig(process.env);
  const apps = readAppsFile(config.HEADGATE_APPS_FILE);
  process.stdout.write(`The configuration is valid; apps: ${[...apps.keys()].join(", ")}\n`);
}

async function run(command: Command): Promise<void> {
  switch (command.kind) {
    case "start":
      return start();
    case "check-config":
      return checkConfig();
    case "help":
      process.stdout.write(usage);
      return;
    case "unknown":
      process.stderr.write(`${command.problem}\n\n${usage}`);
      process.exitCode = 2;
  }
}

try {
  await run(parseCommand(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`The configuration cannot be used:\n${error.problems.map((line) => `  ${line}\n`).join("")}`);
  process.exitCode = 1;
}
