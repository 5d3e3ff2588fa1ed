import { z } from "zod";
import { baseUrl, flag, integer, rate, redisUrl, text, url } from "./rules.ts";

/** Everything that a gateway is told by its environment. */
export type Config = z.output<typeof environment>;

/** A configuration that cannot be used: one line a problem, each naming a variable and never its value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/**
 * The variables, each with its rule and default. `headgate check-config` checks the same table.
 */
const environment = z.object({
  NODE_ENV: z
    .enum(["production", "development", "test"], "must be production, development or test")
    .default("development"),
  HEADGATE_HOST: text().default("127.0.0.1"),
  HEADGATE_PORT: integer({ min: 0, max: 65_535, default: 8787 }),
  HEADGATE_SECRET: z.string().min(32, "must have 32 characters or more"),
  HEADGATE_APPS_FILE: text(),
  HEADGATE_REDIS_URL: redisUrl(),
  HEADGATE_REDIS_WAIT_REPLICAS: integer({ min: 0, max: 5, default: 0 }),
  HEADGATE_REDIS_WAIT_MS: integer({ min: 10, max: 5_000, default: 500 }),
  HEADGATE_KEYCLOAK_URL: baseUrl(),
  HEADGATE_KEYCLOAK_REALM: text(),
  HEADGATE_KEYCLOAK_ISSUER: baseUrl().optional(),
  HEADGATE_KEYCLOAK_CLIENT_ID: text().default("headless-gateway"),
  HEADGATE_KEYCLOAK_CLIENT_SECRET: text(),
  HEADGATE_KEYCLOAK_OTP_CLIENT_ID: text().default("headless-otp"),
  HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET: text(),
  HEADGATE_KEYCLOAK_MINT_CLIENT_ID: text().default("headless-mint"),
  HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET: text(),
  HEADGATE_KEYCLOAK_TIMEOUT_MS: integer({ min: 100, max: 30_000, default: 5_000 }),
  HEADGATE_SMTP_URL: url(["smtp:", "smtps:"]),
  HEADGATE_MAIL_FROM: text(),
  HEADGATE_MAIL_TEMPLATES_DIR: text().optional(),
  HEADGATE_MAIL_LANGUAGE: text().default("en"),
  HEADGATE_LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(", ")}`).default("info"),
  HEADGATE_LOCKOUT_MAX_ATTEMPTS: integer({ min: 1, max: 100, default: 5 }),
  HEADGATE_LOCKOUT_SECONDS: integer({ min: 1, max: 86_400, default: 600 }),
  HEADGATE_MFA_MAX_ATTEMPTS: integer({ min: 1, max: 100, default: 10 }),
  HEADGATE_ACCOUNT_QUEUE_LIMIT: integer({ min: 0, max: 10_000, default: 64 }),
  HEADGATE_ACCOUNT_WAIT_MS: integer({ min: 0, max: 60_000, default: 10_000 }),
  HEADGATE_PASSWORD_CONCURRENCY: integer({ min: 1, max: 1_000, default: 16 }),
  HEADGATE_PASSWORD_QUEUE_LIMIT: integer({ min: 0, max: 10_000, default: 64 }),
  HEADGATE_PASSWORD_WAIT_MS: integer({ min: 0, max: 30_000, default: 2_000 }),
  HEADGATE_LOGIN_REFUSAL_STEP_MS: integer({ min: 0, max: 5_000, default: 500 }),
  HEADGATE_HIDE_EXISTING_ACCOUNTS: flag(false),
  HEADGATE_TOTP_ISSUER: text().default("Headgate"),
  HEADGATE_LIMIT_CLIENT: rate("6000/60"),
  HEADGATE_LIMIT_ADDRESS: rate("600/60"),
  HEADGATE_LIMIT_ACCOUNT: rate("120/60"),
  HEADGATE_SHUTDOWN_TIMEOUT_MS: integer({ min: 0, max: 300_000, default: 15_000 }),
});

/** A variable as its schema sees it. */
export interface Variable {
  readonly name: string;
  readonly required: boolean;
  /** The value that stands in for a missing one; undefined when nothing does. */
  readonly default: unknown;
}

/** Every variable that a gateway reads. */
export function configVariables(): readonly Variable[] {
  return Object.entries(environment.shape).map(([name, schema]) => {
    const missing = schema.safeParse(undefined);
    return { name, required: !missing.success, default: missing.data };
  });
}

/**
 * Reads the configuration. Variables that start with `HEADGATE_` and are not known are problems too: a misspelt limit would
 * otherwise be silently the default. An empty variable counts as not set.
 *
 * @throws ConfigError with every problem
 */
export function readConfig(variables: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""),
  );
  const problems: string[] = [];

  const known = environment.shape as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!name.startsWith("HEADGATE_") || name in known || reserved.has(name) || isServiceLink(name, value)) continue;
    problems.push(`${name} is not known`);
  }
  const parsed = environment.safeParse(given);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0]);
    const link = isLink(given[name] ?? "")
      ? "; Kubernetes has set it for a Service: use enableServiceLinks: false"
      : "";
    problems.push(`${name} ${name in given ? issue.message : "is missing"}${link}`);
  }
  if (given["NODE_ENV"] === "production" && given["HEADGATE_REDIS_URL"] === "embedded") {
    problems.push(
      "HEADGATE_REDIS_URL must not be `embedded` when NODE_ENV is production: the embedded store forgets every lockout when the process ends",
    );
  }
  const store = parsed.data?.HEADGATE_REDIS_URL;
  if (parsed.data?.HEADGATE_REDIS_WAIT_REPLICAS && /^(embedded$|rediss?\+cluster:)/.test(store ?? "")) {
    problems.push("HEADGATE_REDIS_WAIT_REPLICAS must be 0 with a cluster or the embedded store");
  }
  if (parsed.data === undefined || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(parsed.data);
}

/** Whether Kubernetes has set a variable to tell of a Service whose name begins with `headgate`. */
function isServiceLink(name: string, value = ""): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) || isLink(value)
  );
}

const isLink = (value: string) => /^(tcp|udp|sctp):\/\//.test(value);

/** Variables of the local environment that a gateway may find set and does not use. */
const reserved: ReadonlySet<string> = new Set(["HEADGATE_CACHE_DIR", "HEADGATE_KEYCLOAK_ARCHIVE"]);
