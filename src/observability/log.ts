import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { serializeError } from "./serialize-error.ts";

/** The gateway's log: one JSON object a line. */
export type Logger = PinoLogger;

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

/**
 * Fields that never reach the log, whoever logs them: a second line of defence behind logging only named fields. Exact
 * paths, because wildcards double the price of a line.
 */
const secretFields = [
  "accessToken",
  "authorization",
  "body",
  "clientSecret",
  "code",
  "cookie",
  "email",
  "headers",
  "idToken",
  "mfaToken",
  "newPassword",
  "password",
  "query",
  "refreshToken",
  "secret",
  "token",
  "username",
] as const;

/**
 * Creates the log. Lines are written synchronously, so that the last ones before a crash are there.
 *
 * @param options.destination where lines go; standard output by default
 */
export function createLogger(options: { readonly level: LogLevel; readonly destination?: DestinationStream }): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...secretFields], censor: "[redacted]" },
      serializers: { err: serializeError },
      hooks: {
        logMethod(args, method) {
          const [first, message] = args as [unknown, unknown];
          // Without a message of its own, pino would copy the error's, past the serializer.
          const bare = first instanceof Error || (typeof first === "object" && message === undefined);
          if (!bare) return method.apply(this, args);
          const fields = first instanceof Error ? { err: first } : first;
          return method.apply(this, [fields, typeof message === "string" ? message : "error"] as Parameters<
            typeof method
          >);
        },
      },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
}
