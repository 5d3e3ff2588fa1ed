import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "../../../src/adapters/redis/redis-url.ts";
import { ConfigError, configVariables, readConfig } from "../../../src/config/config.ts";
import { defaultRatePolicies } from "../../../src/limits/policies.ts";

/** What must be set. */
const minimum = {
  HEADGATE_SECRET: "0123456789abcdef0123456789abcdef",
  HEADGATE_APPS_FILE: "apps.json",
  HEADGATE_REDIS_URL: "redis://localhost:6379",
  HEADGATE_KEYCLOAK_URL: "http://localhost:8180",
  HEADGATE_KEYCLOAK_REALM: "headgate",
  HEADGATE_KEYCLOAK_CLIENT_SECRET: "gateway-client-secret",
  HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET: "otp-client-secret",
  HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET: "mint-client-secret",
  HEADGATE_SMTP_URL: "smtp://localhost:1025",
  HEADGATE_MAIL_FROM: "no-reply@example.com",
} as const;

type Variables = Record<string, string | undefined>;
const read = (variables: Variables = {}) => readConfig({ ...minimum, ...variables });

function problemsOf(variables: Variables): readonly string[] {
  try {
    readConfig(variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
const problems = (variables: Variables) => problemsOf({ ...minimum, ...variables });

test("the smallest configuration takes every default", () => {
  expect(read()).toEqual({
    ...minimum,
    NODE_ENV: "development",
    HEADGATE_HOST: "127.0.0.1",
    HEADGATE_PORT: 8787,
    HEADGATE_REDIS_WAIT_REPLICAS: 0,
    HEADGATE_REDIS_WAIT_MS: 500,
    HEADGATE_KEYCLOAK_CLIENT_ID: "headless-gateway",
    HEADGATE_KEYCLOAK_OTP_CLIENT_ID: "headless-otp",
    HEADGATE_KEYCLOAK_MINT_CLIENT_ID: "headless-mint",
    HEADGATE_KEYCLOAK_TIMEOUT_MS: 5000,
    HEADGATE_MAIL_LANGUAGE: "en",
    HEADGATE_LOG_LEVEL: "info",
    HEADGATE_LOCKOUT_MAX_ATTEMPTS: 5,
    HEADGATE_LOCKOUT_SECONDS: 600,
    HEADGATE_MFA_MAX_ATTEMPTS: 10,
    HEADGATE_ACCOUNT_QUEUE_LIMIT: 64,
    HEADGATE_ACCOUNT_WAIT_MS: 10_000,
    HEADGATE_PASSWORD_CONCURRENCY: 16,
    HEADGATE_PASSWORD_QUEUE_LIMIT: 64,
    HEADGATE_PASSWORD_WAIT_MS: 2_000,
    HEADGATE_LOGIN_REFUSAL_STEP_MS: 500,
    HEADGATE_HIDE_EXISTING_ACCOUNTS: false,
    HEADGATE_TOTP_ISSUER: "Headgate",
    HEADGATE_LIMIT_CLIENT: defaultRatePolicies.client,
    HEADGATE_LIMIT_ADDRESS: defaultRatePolicies.address,
    HEADGATE_LIMIT_ACCOUNT: defaultRatePolicies.account,
    HEADGATE_SHUTDOWN_TIMEOUT_MS: 15_000,
  });
});

test("every variable can be set", () => {
  const given: Variables = {
    ...minimum,
    NODE_ENV: "production",
    HEADGATE_HOST: "0.0.0.0",
    HEADGATE_PORT: "80",
    HEADGATE_REDIS_URL: "rediss://gateway:secret@a:1/2",
    HEADGATE_REDIS_WAIT_REPLICAS: "2",
    HEADGATE_REDIS_WAIT_MS: "100",
    HEADGATE_KEYCLOAK_URL: "https://id.example.com/auth",
    HEADGATE_KEYCLOAK_ISSUER: "https://login.example.com/realms/headgate",
    HEADGATE_KEYCLOAK_CLIENT_ID: "gateway",
    HEADGATE_KEYCLOAK_OTP_CLIENT_ID: "otp",
    HEADGATE_KEYCLOAK_MINT_CLIENT_ID: "mint",
    HEADGATE_KEYCLOAK_TIMEOUT_MS: "2000",
    HEADGATE_SMTP_URL: "smtps://user:pass@mail.example.com",
    HEADGATE_MAIL_FROM: "Example <no-reply@example.com>",
    HEADGATE_MAIL_TEMPLATES_DIR: "templates",
    HEADGATE_MAIL_LANGUAGE: "pt-BR",
    HEADGATE_LOG_LEVEL: "debug",
    HEADGATE_LOCKOUT_MAX_ATTEMPTS: "3",
    HEADGATE_LOCKOUT_SECONDS: "60",
    HEADGATE_MFA_MAX_ATTEMPTS: "4",
    HEADGATE_ACCOUNT_QUEUE_LIMIT: "0",
    HEADGATE_ACCOUNT_WAIT_MS: "0",
    HEADGATE_PASSWORD_CONCURRENCY: "1",
    HEADGATE_PASSWORD_QUEUE_LIMIT: "0",
    HEADGATE_PASSWORD_WAIT_MS: "0",
    HEADGATE_LOGIN_REFUSAL_STEP_MS: "250",
    HEADGATE_HIDE_EXISTING_ACCOUNTS: "true",
    HEADGATE_TOTP_ISSUER: "Example",
    HEADGATE_LIMIT_CLIENT: "1/2",
    HEADGATE_LIMIT_ADDRESS: "3/4",
    HEADGATE_LIMIT_ACCOUNT: "5/6",
    HEADGATE_SHUTDOWN_TIMEOUT_MS: "0",
  };
  expect(Object.keys(given).toSorted()).toEqual(
    configVariables()
      .map(({ name }) => name)
      .toSorted(),
  );
  const config: Record<string, unknown> = readConfig(given);
  for (const [name, value = ""] of Object.entries(given)) {
    const rate = /^(\d)\/(\d)$/.exec(value);
    const plain = /^(\d+|true)$/.test(value) && name !== "HEADGATE_SECRET" ? JSON.parse(value) : value;
    expect(config[name]).toEqual(rate ? { limit: Number(rate[1]), windowSeconds: Number(rate[2]) } : plain);
  }
});

test("the configuration is frozen, and holds nothing that was not asked for", () => {
  const config = read({ PATH: "/bin", OTHER: "1" });
  expect(Object.isFrozen(config)).toBe(true);
  expect(config).not.toHaveProperty("PATH");
});

test.each(Object.keys(minimum))("%s must be set, and empty is not set", (name) => {
  expect(problems({ [name]: undefined })).toEqual([`${name} is missing`]);
  expect(problems({ [name]: "" })).toEqual([`${name} is missing`]);
});

test("an empty variable that has a default takes it", () => {
  expect(read({ HEADGATE_PORT: "", HEADGATE_LIMIT_CLIENT: "" })).toEqual(read());
});

describe("rules", () => {
  test.each([
    ["HEADGATE_PORT", 0, 65_535],
    ["HEADGATE_REDIS_WAIT_REPLICAS", 0, 5],
    ["HEADGATE_REDIS_WAIT_MS", 10, 5_000],
    ["HEADGATE_KEYCLOAK_TIMEOUT_MS", 100, 30_000],
    ["HEADGATE_LOCKOUT_MAX_ATTEMPTS", 1, 100],
    ["HEADGATE_LOCKOUT_SECONDS", 1, 86_400],
    ["HEADGATE_MFA_MAX_ATTEMPTS", 1, 100],
    ["HEADGATE_ACCOUNT_QUEUE_LIMIT", 0, 10_000],
    ["HEADGATE_ACCOUNT_WAIT_MS", 0, 60_000],
    ["HEADGATE_PASSWORD_CONCURRENCY", 1, 1_000],
    ["HEADGATE_PASSWORD_QUEUE_LIMIT", 0, 10_000],
    ["HEADGATE_PASSWORD_WAIT_MS", 0, 30_000],
    ["HEADGATE_LOGIN_REFUSAL_STEP_MS", 0, 5_000],
    ["HEADGATE_SHUTDOWN_TIMEOUT_MS", 0, 300_000],
  ])("%s is a whole number from %i to %i", (name, min, max) => {
    expect(read({ [name]: String(min) })).toHaveProperty(name, min);
    expect(read({ [name]: String(max) })).toHaveProperty(name, max);
    const outside = [String(max + 1), "999999999", ...(min > 0 ? [String(min - 1)] : [])];
    for (const value of outside) expect(problems({ [name]: value })).toEqual([`${name} must be from ${min} to ${max}`]);
    for (const value of ["-1", "1.5", "1e2", "0x10", " 1", "1 ", "ten", "1\n", "9999999999", "१"]) {
      expect(problems({ [name]: value })).toContain(`${name} must be a whole number`);
    }
  });

  test.each(["HEADGATE_LIMIT_CLIENT", "HEADGATE_LIMIT_ADDRESS", "HEADGATE_LIMIT_ACCOUNT"])("%s is a rate", (name) => {
    expect(read({ [name]: "999999/1" })).toHaveProperty(name, { limit: 999_999, windowSeconds: 1 });
    // The last is more than a million a second: the limiter's step would be zero, and the limit none.
    for (const value of ["60", "60/", "/60", "0/60", "60/0", "60/60s", "1.5/60", "-1/60", "6 / 60", "1000000/1"]) {
      expect(problems({ [name]: value })).toEqual([`${name} must be requests/seconds, such as 600/60`]);
    }
  });

  test("a secret has 32 characters or more", () => {
    expect(problems({ HEADGATE_SECRET: "x".repeat(31) })).toEqual(["HEADGATE_SECRET must have 32 characters or more"]);
    expect(read({ HEADGATE_SECRET: "x".repeat(32) }).HEADGATE_SECRET).toHaveLength(32);
  });

  test.each(["HEADGATE_KEYCLOAK_URL", "HEADGATE_KEYCLOAK_ISSUER"])("%s is a plain http or https address", (name) => {
    for (const value of ["http://localhost:8180", "https://id.example.com/auth", "http://[::1]:8180"]) {
      expect(read({ [name]: value })).toHaveProperty(name, value);
      // Keycloak's issuer has no slash at its end, and tokens name it to the letter.
      expect(read({ [name]: `${value}/` })).toHaveProperty(name, value);
    }
    for (const value of ["localhost:8180", "ftp://localhost", "//localhost", "keycloak", "javascript:alert(1)"]) {
      expect(problems({ [name]: value })).toEqual([`${name} must be a URL with http:// or https://`]);
    }
    for (const value of ["http://user:pass@localhost", "http://localhost/?a=b", "http://localhost/#a"]) {
      expect(problems({ [name]: value })).toEqual([`${name} must have no user, query or fragment`]);
    }
  });

  test("the mail server is an smtp or smtps address", () => {
    expect(read({ HEADGATE_SMTP_URL: "smtp://localhost:1025" }).HEADGATE_SMTP_URL).toBe("smtp://localhost:1025");
    expect(problems({ HEADGATE_SMTP_URL: "http://localhost" })).toEqual([
      "HEADGATE_SMTP_URL must be a URL with smtp:// or smtps://",
    ]);
  });

  test("existing accounts are hidden, or not", () => {
    const name = "HEADGATE_HIDE_EXISTING_ACCOUNTS";
    expect(read({ [name]: "true" })).toHaveProperty(name, true);
    expect(read({ [name]: "false" })).toHaveProperty(name, false);
    for (const value of ["1", "yes", "TRUE", " true", "on"]) {
      expect(problems({ [name]: value })).toEqual([`${name} must be true or false`]);
    }
  });

  test("the log level is one that the log knows", () => {
    expect(problems({ HEADGATE_LOG_LEVEL: "verbose" })).toEqual([
      "HEADGATE_LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent",
    ]);
  });

  describe("the store", () => {
    const refused =
      "HEADGATE_REDIS_URL must be `embedded`, redis://host:port or redis+cluster://host:port,host:port (rediss for TLS)";

    test.each([
      "embedded",
      "redis://localhost",
      "rediss://gateway:s%40cret@[::1]:6380/3",
      "redis+cluster://a:1,b,[::1]:2",
      "redis://:s%E2%82%AC@localhost/",
    ])("%s is taken", (value) => {
      expect(read({ HEADGATE_REDIS_URL: value }).HEADGATE_REDIS_URL).toBe(value);
    });

    test.each([
      "localhost:6379",
      "http://localhost",
      "redis://",
      "redis://a:1,b:2",
      "redis://localhost:0",
      "redis://localhost:65536",
      "redis://localhost/x",
      "redis://localhost?db=1",
      "redis://name@localhost",
      "redis://:%zz@localhost",
      "redis+cluster://a:1/1",
      "redis+cluster://a:1,,b:2",
      "EMBEDDED",
    ])("%s is not", (value) => {
      expect(problems({ HEADGATE_REDIS_URL: value })).toEqual([refused]);
    });

    test("is taken when, and only when, the adapter can read it", () => {
      const part = fc.string({ unit: fc.constantFrom(..."ab1:@/,%4[]?#+") });
      const scheme = fc.constantFrom("redis", "rediss", "redis+cluster", "rediss+cluster", "http");
      const value = fc.tuple(scheme, part).map(([name, rest]) => `${name}://${rest}`);
      const readable = (candidate: string) => {
        try {
          parseRedisUrl(candidate);
          return true;
        } catch {
          return false;
        }
      };
      fc.assert(
        fc.property(value, (candidate) => {
          expect(problems({ HEADGATE_REDIS_URL: candidate }).length === 0).toBe(readable(candidate));
        }),
        { numRuns: 5_000 },
      );
    });
  });

  // Threat: a misspelt "production" serves with the settings of development.
  test("the mode is one of three", () => {
    for (const mode of ["production", "development", "test"]) expect(problems({ NODE_ENV: mode })).toEqual([]);
    for (const mode of ["prod", "Production"])
      expect(problems({ NODE_ENV: mode })).toEqual(["NODE_ENV must be production, development or test"]);
  });

  test("what Kubernetes sets for Services of that name is passed over, but not where it hides a variable", () => {
    const links = {
      HEADGATE_SERVICE_HOST: "10.0.0.1",
      HEADGATE_SERVICE_PORT: "8787",
      HEADGATE_SERVICE_PORT_HTTP: "8787",
      HEADGATE_PORT_8787_TCP: "tcp://10.0.0.1:8787",
      HEADGATE_PORT_8787_TCP_ADDR: "10.0.0.1",
      HEADGATE_REDIS_SERVICE_HOST: "10.0.0.2",
      HEADGATE_REDIS_PORT: "tcp://10.0.0.2:6379",
    };
    expect(problems(links)).toEqual([]);
    expect(problems({ HEADGATE_PORT: "tcp://10.0.0.1:8787" })).toEqual([
      "HEADGATE_PORT must be a whole number; Kubernetes has set it for a Service: use enableServiceLinks: false",
    ]);
    expect(problems({ HEADGATE_REDIS_HOST: "10.0.0.2" })).toEqual(["HEADGATE_REDIS_HOST is not known"]);
  });

  // Threat: a production gateway whose lockouts are forgotten at every restart and shared with no other instance.
  test("the embedded store is refused in production", () => {
    const [problem, ...others] = problems({ NODE_ENV: "production", HEADGATE_REDIS_URL: "embedded" });
    expect(problem).toMatch(/^HEADGATE_REDIS_URL must not be `embedded` when NODE_ENV is production/);
    expect(others).toEqual([]);
    expect(problems({ NODE_ENV: "test", HEADGATE_REDIS_URL: "embedded" })).toEqual([]);
  });
});

// Threat: an operator who believes that counts outlive a failover, on a store where nothing is waited for.
test.each(["embedded", "redis+cluster://a:1,b:2", "rediss+cluster://a:1"])(
  "replicas cannot be waited for on %s",
  (url) => {
    const refused = "HEADGATE_REDIS_WAIT_REPLICAS must be 0 with a cluster or the embedded store";
    expect(problems({ HEADGATE_REDIS_URL: url, HEADGATE_REDIS_WAIT_REPLICAS: "1" })).toEqual([refused]);
    expect(problems({ HEADGATE_REDIS_URL: url, HEADGATE_REDIS_WAIT_REPLICAS: "0" })).toEqual([]);
  },
);

test("names that are not known are problems: a misspelt limit would silently be the default", () => {
  expect(problems({ HEADGATE_LOCKUOT_SECONDS: "1", HEADGATE_: "1", headgate_port: "1" })).toEqual([
    "HEADGATE_LOCKUOT_SECONDS is not known",
    "HEADGATE_ is not known",
  ]);
});

test("variables of the local environment are let through, and are not in the configuration", () => {
  const names = ["HEADGATE_CACHE_DIR", "HEADGATE_KEYCLOAK_ARCHIVE"];
  expect(read(Object.fromEntries(names.map((name) => [name, "x"])))).toEqual(read());
});

test("every problem is told at once", () => {
  const found = problemsOf({
    NODE_ENV: "production",
    HEADGATE_REDIS_URL: "embedded",
    HEADGATE_PORT: "http",
    HEADGATE_PROT: "80",
    HEADGATE_KEYCLOAK_URL: "id",
  });
  expect(found.map((line) => line.split(" ")[0]).toSorted()).toEqual([
    "HEADGATE_APPS_FILE",
    "HEADGATE_KEYCLOAK_CLIENT_SECRET",
    "HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET",
    "HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET",
    "HEADGATE_KEYCLOAK_REALM",
    "HEADGATE_KEYCLOAK_URL",
    "HEADGATE_MAIL_FROM",
    "HEADGATE_PORT",
    "HEADGATE_PROT",
    "HEADGATE_REDIS_URL",
    "HEADGATE_SECRET",
    "HEADGATE_SMTP_URL",
  ]);
  expect(new ConfigError(found).message.split("\n")).toEqual(found);
});

// Threat: a secret that was put into the wrong variable is printed at start, into a log that many can read.
test("no problem ever tells a value", () => {
  const marked = "hunter2-hunter2";
  for (const { name } of configVariables()) {
    for (const value of [marked, `http://user:${marked}@host/`, `redis://${marked}@host`, `smtp:${marked}`]) {
      expect(problems({ [name]: value }).join("\n")).not.toContain("hunter2");
    }
  }
  expect(problems({ HEADGATE_PASSWORD: marked })).toEqual(["HEADGATE_PASSWORD is not known"]);
});
