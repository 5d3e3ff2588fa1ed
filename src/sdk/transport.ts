import { errorOf, type JsonObject, readJsonObject } from "./answer.ts";
import { type FetchInit, type FetchResponse, isTimeoutMs, type ResolvedConfig, timeoutRule } from "./config.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { endUserHeaders } from "./end-user.ts";
import { AuthErrorCode, CalimaticAuthError } from "./errors.ts";
import type { RequestOptions } from "./types.ts";

/** One call of the API. */
export interface Call<T> {
  readonly method: "GET" | "POST";
  /** Below the API's address, begins with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Whether a successful answer has the documented form. */
  readonly accepts: (body: JsonObject) => body is JsonObject & T;
}

/** Sends a call once, never again, and resolves to the body of its successful answer. */
export type Transport = <T>(call: Call<T>, options: RequestOptions | undefined) => Promise<T>;

/** The configuration stays in the closure: no property of the client leads to the secret. */
export function createTransport(config: ResolvedConfig): Transport {
  return async (call, options) => {
    const timeoutMs = options?.timeoutMs ?? config.timeoutMs;
    if (!isTimeoutMs(timeoutMs)) throw new TypeError(`timeoutMs ${timeoutRule}.`);
    const caller = options?.signal ?? undefined;
    caller?.throwIfAborted();

    const url = `${config.apiUrl}${call.path}${call.query ? `?${new URLSearchParams(call.query)}` : ""}`;
    const headers: Record<string, string> = {
      accept: "application/json",
      "x-client-id": config.clientId,
      "x-client-secret": config.clientSecret,
      ...endUserHeaders(options?.endUser),
    };
    const body = call.body && JSON.stringify(call.body);
    if (body !== undefined) headers["content-type"] = "application/json";

    const deadline = startDeadline(timeoutMs, caller);
    try {
      // Redirects are not followed: the credentials are for this address only. "manual" rather than "error", so that the
      // status can be told.
      const init: FetchInit = { method: call.method, headers, redirect: "manual", signal: deadline.signal };
      if (body !== undefined) init.body = body;
      const { response, json } = await exchange(config, url, init, deadline);
      if (isRedirect(response)) throw redirectError(response);
      if (response.status < 200 || response.status > 299) throw errorOf(response, json);
      if (json !== undefined && call.accepts(json)) return json;
      throw unknownError(response.status, "The answer is not of the documented form. Check baseUrl.");
    } finally {
      deadline.stop();
    }
  };
}

async function exchange(
  config: ResolvedConfig,
  url: string,
  init: FetchInit,
  deadline: Deadline,
): Promise<{ response: FetchResponse; json: JsonObject | undefined }> {
  try {
    const response = await deadline.race((async () => config.fetch(url, init))());
    return { response, json: await readJsonObject(response, deadline) };
  } catch (cause) {
    if (deadline.endedBy === "caller") throw deadline.signal.reason;
    if (deadline.endedBy === "timeout") throw unknownError(0, "The gateway did not answer in time.", cause);
    throw unknownError(0, "The gateway could not be reached, or the connection broke.", cause);
  }
}

function isRedirect(response: FetchResponse): boolean {
  return response.type === "opaqueredirect" || (response.status >= 300 && response.status <= 399);
}

function redirectError(response: FetchResponse): CalimaticAuthError {
  const message = "The answer is a redirect, which is not followed. Check baseUrl: scheme, host and path.";
  return unknownError(response.status, message);
}

function unknownError(status: number, message: string, cause?: unknown): CalimaticAuthError {
  return new CalimaticAuthError({ status, code: AuthErrorCode.UNKNOWN, message, cause });
}
