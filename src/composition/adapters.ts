import { createKeycloakIdentityProvider } from "../adapters/keycloak/index.ts";
import { createSmtpMailer, type SmtpMailer } from "../adapters/mailer/smtp-mailer.ts";
import { createRedisAdmission } from "../adapters/redis/admission.ts";
import { createRedisChallengeStore } from "../adapters/redis/challenge-store.ts";
import { connectRedis, type RedisConnection, type RedisConnectionOptions } from "../adapters/redis/connect.ts";
import { startEmbeddedRedis } from "../adapters/redis/embedded.ts";
import { createRedisEndingMarks } from "../adapters/redis/ending-marks.ts";
import { createRedisEnrolmentStore } from "../adapters/redis/enrolment-store.ts";
import { createRedisMailOutbox } from "../adapters/redis/mail-outbox.ts";
import { createRedisMailTokenStore } from "../adapters/redis/mail-token-store.ts";
import { createRedisSessionNotes } from "../adapters/redis/session-notes.ts";
import { createRedisUsedCodes } from "../adapters/redis/used-codes.ts";
import { createKeyedHash, systemClock, systemRandom } from "../adapters/system.ts";
import { type Config, ConfigError } from "../config/config.ts";
import type { Logger } from "../observability/log.ts";

/** Everything that a gateway holds open. */
export type Adapters = Awaited<ReturnType<typeof openAdapters>>;

/** The most calls to Keycloak that are made under an account's gate. */
const callsUnderTheGate = 12;

/**
 * How long the mark of an ending stays, in milliseconds: longer than the longest ending, a password reset that waits for its
 * account's gate, and a refresh that began beside it.
 */
function endingKeptMs(config: Config): number {
  return leaseMs(config) + config.HEADGATE_ACCOUNT_WAIT_MS + config.HEADGATE_KEYCLOAK_TIMEOUT_MS;
}

/**
 * How long a grant may hold its account's gate before another instance takes it for dead, in milliseconds: longer than the
 * most calls that are made under one, each up to its time-out, the wait for a turn at hashing, and the rest of a refusal's step.
 */
function leaseMs(config: Config): number {
  const waits = config.HEADGATE_PASSWORD_WAIT_MS + config.HEADGATE_LOGIN_REFUSAL_STEP_MS;
  return callsUnderTheGate * config.HEADGATE_KEYCLOAK_TIMEOUT_MS + waits + 2_000;
}

/** The outbox alone, for commands that look at it. */
export function createOutbox(config: Config, connection: RedisConnection) {
  return createRedisMailOutbox({ connection, random: systemRandom, secret: config.HEADGATE_SECRET });
}

/** The replicas that counts must reach, when any are asked for. */
function replicationOf(config: Config): Pick<RedisConnectionOptions, "replication"> {
  const { HEADGATE_REDIS_WAIT_REPLICAS: replicas, HEADGATE_REDIS_WAIT_MS: timeoutMs } = config;
  return replicas === 0 ? {} : { replication: { replicas, timeoutMs } };
}

async function openStore(config: Config, log: Logger) {
  const embedded = config.HEADGATE_REDIS_URL === "embedded" ? await startEmbeddedRedis() : undefined;
  const connection = connectRedis({
    url: embedded?.url ?? config.HEADGATE_REDIS_URL,
    ...replicationOf(config),
    onAvailability: (available, error) => {
      if (available) log.info("store connected");
      else log.warn({ err: error }, "store connection lost");
    },
  });
  const hash = createKeyedHash(config.HEADGATE_SECRET);
  const secret = config.HEADGATE_SECRET;
  const admission = createRedisAdmission({
    connection,
    random: systemRandom,
    queueLimit: config.HEADGATE_ACCOUNT_QUEUE_LIMIT,
    waitMs: config.HEADGATE_ACCOUNT_WAIT_MS,
    leaseMs: leaseMs(config),
  });
  return {
    hash,
    admission,
    endingMarks: createRedisEndingMarks({ connection, random: systemRandom, keepMs: endingKeptMs(config) }),
    challenges: createRedisChallengeStore({ connection, secret }),
    enrolments: createRedisEnrolmentStore({ connection, hash, secret }),
    usedCodes: createRedisUsedCodes({ connection, hash }),
    notes: createRedisSessionNotes({ connection, hash }),
    mailTokens: createRedisMailTokenStore({ connection, hash, secret }),
    outbox: createOutbox(config, connection),
    ping: () => connection.ping(),
    async close() {
      await admission.close();
      await connection.close();
      await embedded?.close();
    },
  };
}

function openKeycloak(config: Config, log: Logger) {
  const realmUrl = `${config.HEADGATE_KEYCLOAK_URL}/realms/${config.HEADGATE_KEYCLOAK_REALM}`;
  return createKeycloakIdentityProvider({
    url: config.HEADGATE_KEYCLOAK_URL,
    realm: config.HEADGATE_KEYCLOAK_REALM,
    issuer: config.HEADGATE_KEYCLOAK_ISSUER ?? realmUrl,
    adminClient: { id: config.HEADGATE_KEYCLOAK_CLIENT_ID, secret: config.HEADGATE_KEYCLOAK_CLIENT_SECRET },
    otpClient: { id: config.HEADGATE_KEYCLOAK_OTP_CLIENT_ID, secret: config.HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET },
    mintClient: { id: config.HEADGATE_KEYCLOAK_MINT_CLIENT_ID, secret: config.HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET },
    timeoutMs: config.HEADGATE_KEYCLOAK_TIMEOUT_MS,
    log,
    clock: systemClock,
  });
}

/** @throws ConfigError when the mail server's URL, the sender or a template cannot be used */
export function openMailer(config: Config): SmtpMailer {
  const templatesDir = config.HEADGATE_MAIL_TEMPLATES_DIR;
  try {
    return createSmtpMailer({
      url: config.HEADGATE_SMTP_URL,
      from: config.HEADGATE_MAIL_FROM,
      language: config.HEADGATE_MAIL_LANGUAGE,
      ...(templatesDir === undefined ? {} : { templatesDir }),
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConfigError([
      `HEADGATE_SMTP_URL, HEADGATE_MAIL_FROM, HEADGATE_MAIL_TEMPLATES_DIR, HEADGATE_MAIL_LANGUAGE: ${error.message}`,
    ]);
  }
}

/** Opens the rest beside the mailer; nothing here waits for a server to answer, so that a gateway starts while one is away. */
export async function openAdapters(config: Config, mailer: SmtpMailer, log: Logger) {
  const keycloak = openKeycloak(config, log);
  const store = await openStore(config, log);
  return {
    mailer,
    keycloak,
    store,
    async close() {
      mailer.close();
      await Promise.allSettled([keycloak.close(), store.close()]);
    },
  };
}
