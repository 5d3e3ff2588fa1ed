import type { FetchResponse } from "./config.ts";
import type { Deadline } from "./deadline.ts";
import { AuthErrorCode, type AuthErrorCodeValue, type AuthErrorDetails, CalimaticAuthError } from "./errors.ts";

/** The largest answer is a fraction of this; what is larger does not come from the gateway. */
const maxAnswerBytes = 1024 * 1024;

/** A JSON object of unknown form. */
export type JsonObject = { readonly [key: string]: unknown };

/**
 * Reads the body as a JSON object; undefined when it is anything else or larger than 1 MiB.
 *
 * Rejects when the connection breaks or the deadline ends the call.
 */
export async function readJsonObject(response: FetchResponse, deadline: Deadline): Promise<JsonObject | undefined> {
  const text = await readText(response, deadline);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function readText(response: FetchResponse, deadline: Deadline): Promise<string | undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  let complete = false;
  try {
    for (;;) {
      const { done, value } = await deadline.race(reader.read());
      complete = done;
      if (done) return text + decoder.decode();
      bytes += value?.byteLength ?? 0;
      if (bytes > maxAnswerBytes) return undefined;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    // Not awaited: a stream that hangs may never settle it.
    if (!complete) reader.cancel().catch(() => {});
  }
}

/** Turns an answer that is no success into the error it tells of. Takes no text from a body that is not the gateway's. */
export function errorOf(response: FetchResponse, body: JsonObject | undefined): CalimaticAuthError {
  const { status } = response;
  const wireCode = body?.["code"];
  const wireMessage = body?.["message"];
  const details = readDetails(body?.["details"]);
  const common = {
    status,
    requestId: readRequestId(body?.["requestId"]) ?? readRequestId(response.headers.get("x-request-id")),
    retryAfterSeconds:
      details !== undefined && "retryAfterSeconds" in details
        ? details.retryAfterSeconds
        : readSeconds(response.headers.get("retry-after")),
  };
  if (typeof wireCode !== "string" || typeof wireMessage !== "string") {
    const message = `HTTP ${status} without an error body of the gateway. Check baseUrl and what stands between.`;
    return new CalimaticAuthError({ ...common, code: AuthErrorCode.UNKNOWN, message });
  }
  if (!isKnownCode(wireCode)) {
    const message = `Unknown error code ${JSON.stringify(wireCode.slice(0, 64))}: ${wireMessage}`;
    return new CalimaticAuthError({ ...common, code: AuthErrorCode.UNKNOWN, message });
  }
  return new CalimaticAuthError({ ...common, code: wireCode, message: wireMessage, details });
}

function isKnownCode(code: string): code is AuthErrorCodeValue {
  return Object.hasOwn(AuthErrorCode, code);
}

function readRequestId(value: unknown): string | undefined {
  return typeof value === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(value) ? value : undefined;
}

function readSeconds(header: string | null): number | undefined {
  return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

/** Keeps details of a documented form, so that their type is true, and drops anything else. */
function readDetails(value: unknown): AuthErrorDetails | undefined {
  if (Array.isArray(value)) {
    return value.every((issue) => isObject(issue) && areStrings([issue["path"], issue["message"]])) ? value : undefined;
  }
  if (!isObject(value)) return undefined;
  const { requiredActions, retryAfterSeconds } = value;
  if (Array.isArray(requiredActions) && areStrings(requiredActions)) return { requiredActions };
  if (typeof retryAfterSeconds === "number" && retryAfterSeconds >= 0) return { retryAfterSeconds };
  return undefined;
}

function areStrings(values: readonly unknown[]): values is string[] {
  return values.every((value) => typeof value === "string");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
