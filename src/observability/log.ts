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

/** Of lines that wait until the disk has room again; much more than a turn makes. */
const maxWaitingBytes = 16 * 1024 * 1024;

/** Where lines go, and what has each of them made. */
interface Output extends DestinationStream {
  make(line: () => void): void;
}

/**
 * Standard output. Lines are made and written at the end of a turn of the event loop: what the turn answers goes out first,
 * and under load a write for each line costs more than the line. The last ones before a crash are there; only a process that
 * is killed in the middle of a turn takes that turn's with it.
 */
function turnwiseOutput(atExit: (flush: () => void) => void): Output {
  const output = pino.destination({ dest: 1, sync: true, maxLength: maxWaitingBytes });
  // A full disk is not the end of the gateway. What cannot be written waits for the next write; what is too much is dropped.
  output.on("error", () => undefined);
  // Else a text that is dropped would be the end of all writing: only one that is taken tries to write.
  output.on("drop", () => output.write(""));
  let unmade: (() => void)[] = [];
  let text = "";
  function flush(): void {
    const lines = unmade;
    unmade = [];
    for (const line of lines) {
      try {
        line();
      } catch {
        // Whoever logged it goes on: only the reader can still be told.
        text += '{"level":"error","msg":"a line of the log could not be made"}\n';
      }
    }
    output.write(text);
    text = "";
  }
  atExit(() => {
    if (unmade.length > 0) flush();
  });
  return {
    make(line) {
      if (unmade.length === 0) setImmediate(flush);
      unmade.push(line);
    },
    write(line) {
      text += line;
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
  const output: Output =
    "destination" in options
      ? { make: (line) => line(), write: (line) => options.destination.write(line) }
      : turnwiseOutput(options.atExit);
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
          const fields = first instanceof Error ? { err: first } : first;
          const named = bare ? [fields, typeof message === "string" ? message : "error"] : args;
          output.make(() => method.apply(this, named as Parameters<typeof method>));
        },
      },
    },
    output,
  );
}
