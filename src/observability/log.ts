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
 * Standard output, written once a turn of the event loop: under load a write for each line costs more than the line. The last
 * ones before a crash are there; only a process that is killed in the middle of a turn takes that turn's with it.
 */
function turnwiseOutput(atExit: (flush: () => void) => void): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true });
  let pending = "";
  function flush(): void {
    const lines = pending;
    pending = "";
    if (lines !== "") output.write(lines);
  }
  atExit(flush);
  return {
    write(line) {
      if (pending === "") setImmediate(flush);
      pending += line;
    },
  };
}

/**
 * Creates the log.
 *
 * @param options.atExit has what is not written yet written when the process ends; or `destination`, where lines go instead of
 *   to standard output, each at once
 */
export function createLogger(
  options: { readonly level: LogLevel } & (
    | { readonly atExit: (flush: () => void) => void }
    | { readonly destination: DestinationStream }
  ),
): Logger {
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
    "destination" in options ? options.destination : turnwiseOutput(options.atExit),
  );
}
