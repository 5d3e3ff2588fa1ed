/** What the log keeps of an error. */
export interface SerializedError {
  readonly type: string;
  readonly message?: string;
  readonly code?: string | number;
  /** Of an UpstreamUnavailable: what the failed call can have done. */
  readonly fate?: string;
  readonly stack?: readonly string[];
  readonly cause?: SerializedError;
  readonly errors?: readonly SerializedError[];
}

const maxDepth = 5;
const maxMessageLength = 500;
const maxFrames = 15;
const maxParallelErrors = 5;
/** Their messages quote what was parsed: `Unexpected token 'h', "hunter2" is not valid JSON`. */
const quotingErrors = new Set(["SyntaxError", "ZodError"]);

/**
 * Turns whatever was thrown into a loggable object, causes included.
 *
 * Only named fields are taken: libraries hang commands, parameters, headers and response bodies on their errors, and those
 * hold passwords and tokens. For the same reason the message of a parser is left out, and a thrown value that is no error is
 * reduced to its type.
 */
export function serializeError(thrown: unknown): SerializedError {
  return serialize(thrown, 1);
}

function serialize(thrown: unknown, depth: number): SerializedError {
  if (!(thrown instanceof Error)) return { type: thrown === null ? "null" : typeof thrown };
  const { code, fate, errors } = thrown as { code?: unknown; fate?: unknown; errors?: unknown };
  const message = messageOf(thrown);
  const stack = framesOf(thrown);
  const deeper = depth < maxDepth;
  return {
    type: thrown.name,
    ...(message === "" ? {} : { message }),
    ...(isCode(code) ? { code } : {}),
    ...(typeof fate === "string" ? { fate } : {}),
    ...(stack.length === 0 ? {} : { stack }),
    ...(deeper && thrown.cause !== undefined ? { cause: serialize(thrown.cause, depth + 1) } : {}),
    ...(deeper && thrown instanceof AggregateError && Array.isArray(errors)
      ? { errors: errors.slice(0, maxParallelErrors).map((error) => serialize(error, depth + 1)) }
      : {}),
  };
}

function messageOf(error: Error): string {
  if (quotingErrors.has(error.name)) return "";
  // Redis repeats the arguments of a command that it does not know.
  const [message = ""] = error.message.split(", with args beginning with");
  return message.slice(0, maxMessageLength);
}

/** The frames alone: the head of a stack repeats the message. */
function framesOf(error: Error): string[] {
  return (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at .+:\d+:\d+\)?$/.test(line))
    .slice(0, maxFrames)
    .map((line) => line.trim());
}

function isCode(code: unknown): code is string | number {
  return typeof code === "number" || (typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code));
}
