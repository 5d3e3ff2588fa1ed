import { errorOf, type JsonObject, readJsonObject } from "./answer.ts";
import { type FetchInit, type FetchResponse, isTimeoutMs, type ResolvedConfig, timeoutRule } from "./config.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { endUserHeaders } from "./end-user.ts";
import { AuthErrorCode, CalimaticAuthError } from "./errors.ts";
import { refusal } from "./refusal.ts";
import { createRenewal, isAccessToken } from "./renewal.ts";
import type { RequestOptions } from "./types.ts";

/** One call of the API. */
export interface Call<T> {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the API's address, begins with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** For calls in the name of a logged-in user. */
  readonly bearer?: { readonly accessToken: string };
  /** Whether a successful answer has the documented form. */
  readonly accepts: (body: JsonObject) => body is JsonObject & T;
}

/**
 * Sends a call and resolves to the body of its successful answer. Nothing is sent twice, except that a call with an access
 * token that has ended is sent once more with the one that `onRefresh` gives.
 */
export type Transport = <T>(call: Call<T>, options: RequestOptions | undefined) => Promise<T>;

/** The configuration stays in the closure: no property of the client leads to the secret. */
export function createTransport(config: ResolvedConfig): Transport {
  const { onRefresh, timeoutMs } = config;
  const renewal = onRefresh && createRenewal({ onRefresh, timeoutMs });
  return async (call, options) => {
    const timeoutMs = options?.timeoutMs ?? config.timeoutMs;
    if (!isTimeoutMs(timeoutMs)) throw new TypeError(`timeoutMs ${timeoutRule}.`);
    const caller = options?.signal ?? undefined;
    caller?.throwIfAborted();
    const request = buildRequest(config, call, options);
    const accessToken: unknown = call.bearer?.accessToken;
    if (call.bearer !== undefined && !isAccessToken(accessToken)) {
      throw refusal("accessToken", "must be an access token of a logged-in user");
    }

    const deadline = startDeadline(timeoutMs, caller);
    const send = (token?: string) => sendOnce(config, call, withToken(request, token), deadline);
    const wait = <R>(work: Promise<R>) => waitFor(work, deadline);
    try {
      if (!isAccessToken(accessToken)) return await send();
      if (renewal === undefined) return await send(accessToken);
      return await renewal.run({ accessToken, send, wait });
    } finally {
      deadline.stop();
    }
  };
}

interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

function buildRequest(config: ResolvedConfig, call: Call<unknown>, options: RequestOptions | undefined): Request {
  const url = `${config.apiUrl}${call.path}${call.query ? `?${new URLSearchParams(call.query)}` : ""}`;
  const headers: Record<string, string> = {
    accept: "application/json",
    // Bearer calls send them too: the gateway believes the end user's address from an authenticated app only.
    "x-client-id": config.clientId,
    "x-client-secret": config.clientSecret,
    ...endUserHeaders(options?.endUser),
  };
  const body = call.body && JSON.stringify(call.body);
  if (body !== undefined) headers["content-type"] = "application/json";
  return { url, headers, body };
}

function withToken(request: Request, accessToken: string | undefined): Request {
  if (accessToken === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${accessToken}` } };
}

async function sendOnce<T>(config: ResolvedConfig, call: Call<T>, request: Request, deadline: Deadline): Promise<T> {
  const { url, headers, body } = request;
  // Redirects are not followed: the credentials are for this address only. "manual" rather than "error", so that the
  // status can be told.
  const init: FetchInit = {
    method: call.method,
    headers: { ...headers },
    redirect: "manual",
    signal: deadline.signal,
    ...(body === undefined ? {} : { body }),
  };
  const { response, json } = await exchange(config, url, init, deadline);
  if (isRedirect(response)) throw redirectError(response);
  if (response.status < 200 || response.status > 299) throw errorOf(response, json);
  if (json !== undefined && call.accepts(json)) return json;
  throw unknownError(response.status, "The answer is not of the documented form. Check baseUrl.");
}

async function exchange(
  config: ResolvedConfig,
  url: string,
  init: FetchInit,
  deadline: Deadline,
): Promise<{ response: FetchResponse; json: JsonObject | undefined }> {
  try {
    deadline.signal.throwIfAborted(); // The call may have ended while it waited for a new token.
    const response = await deadline.race((async () => config.fetch(url, init))());
    return { response, json: await readJsonObject(response, deadline) };
  } catch (cause) {
    if (deadline.endedBy !== undefined) throw endError(deadline, "The gateway did not answer in time.", cause);
    throw unknownError(0, "The gateway could not be reached, or the connection broke.", cause);
  }
}

/** Settles like work that other calls may share, or rejects when this call ends before. */
async function waitFor<R>(work: Promise<R>, deadline: Deadline): Promise<R> {
  try {
    return await deadline.race(work);
  } catch (cause) {
    if (deadline.endedBy === undefined) throw cause;
    throw endError(deadline, "onRefresh did not return in time.", cause);
  }
}

/** What the caller is to see of a call that was ended. */
function endError(deadline: Deadline, message: string, cause: unknown): unknown {
  return deadline.endedBy === "caller" ? deadline.signal.reason : unknownError(0, message, cause);
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
