import { headlessBasePath } from "../contract/headless.ts";
import type { OnRefresh } from "./renewal.ts";

/** What the SDK needs of a `fetch`: any implementation of the standard, and most wrappers around one, fit. */
export type FetchFunction = (url: string, init: FetchInit) => FetchResponse | Promise<FetchResponse>;

/** How the SDK calls `fetch`. */
export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string;
  redirect: "manual";
  signal: AbortSignal;
}

/** What the SDK reads of a `Response`. */
export interface FetchResponse {
  readonly status: number;
  readonly type?: string;
  readonly headers: { get(name: string): string | null };
  readonly body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
      cancel(): Promise<unknown>;
    };
  } | null;
}

/** Options of a {@link HeadlessAuthClient}. */
export interface HeadlessAuthConfig {
  /** Origin of the gateway, `https://auth.example.com`; may end in a path prefix under which a proxy serves it. */
  baseUrl: string;
  /** `cca_…`; default: the environment variable `CALIMATIC_CLIENT_ID`. */
  clientId?: string | undefined;
  /** `ccas_…`; default: the environment variable `CALIMATIC_CLIENT_SECRET`. */
  clientSecret?: string | undefined;
  /** Milliseconds until the complete answer of a call must be there; 1 to 2,147,483,647, default 15,000. */
  timeoutMs?: number | undefined;
  /** Replaces the global `fetch`, for a proxy or a test. */
  fetch?: FetchFunction | undefined;
  /**
   * Returns a new access token for one that the gateway refused; the call is then sent once more. Without it, such a call
   * rejects with `INVALID_TOKEN`. Has the client's `timeoutMs`.
   */
  onRefresh?: OnRefresh | undefined;
}

/** A checked configuration. */
export interface ResolvedConfig {
  /** The API's address, without a slash at the end. */
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeoutMs: number;
  readonly fetch: FetchFunction;
  readonly onRefresh: OnRefresh | undefined;
}

const defaultTimeoutMs = 15_000;

/**
 * Checks the options once and fills in the defaults.
 *
 * @throws TypeError naming every option that is missing or wrong, never its value.
 */
export function resolveConfig(config: HeadlessAuthConfig): ResolvedConfig {
  const problems: string[] = [];
  const apiUrl = readBaseUrl(config?.baseUrl, problems);
  const clientId = readCredential("clientId", "CALIMATIC_CLIENT_ID", config?.clientId, problems);
  const clientSecret = readCredential("clientSecret", "CALIMATIC_CLIENT_SECRET", config?.clientSecret, problems);
  const timeoutMs = config?.timeoutMs ?? defaultTimeoutMs;
  if (!isTimeoutMs(timeoutMs)) problems.push(`timeoutMs ${timeoutRule}`);
  if (config?.fetch !== undefined && typeof config.fetch !== "function") problems.push("fetch must be a function");
  if (config?.fetch === undefined && typeof globalThis.fetch !== "function") {
    problems.push("fetch is missing: this runtime has none, pass one");
  }
  const onRefresh = config?.onRefresh ?? undefined;
  if (onRefresh !== undefined && typeof onRefresh !== "function") problems.push("onRefresh must be a function");
  if (problems.length > 0) throw new TypeError(`HeadlessAuthClient: ${problems.join("; ")}.`);
  // The global is looked up at each call, so that instrumentation installed later is used.
  const fetch = config.fetch ?? ((url, init) => globalThis.fetch(url, init));
  return { apiUrl, clientId, clientSecret, timeoutMs, fetch, onRefresh };
}

/** What {@link isTimeoutMs} asks, for messages. */
export const timeoutRule = "must be a whole number of milliseconds from 1 to 2147483647";

/** Whether a timer can wait that long; a longer one would fire at once. */
export function isTimeoutMs(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 2_147_483_647;
}

function readBaseUrl(value: unknown, problems: string[]): string {
  if (typeof value !== "string" || value === "") {
    problems.push("baseUrl is missing");
    return "";
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    // The error of `new URL` is not kept: it holds the value, which may hold a password.
    problems.push("baseUrl must be an absolute URL such as https://auth.example.com");
    return "";
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    problems.push("baseUrl must begin with https:// or http://");
  if (url.username !== "" || url.password !== "") problems.push("baseUrl must not hold a user name or a password");
  if (url.search !== "" || url.hash !== "") problems.push("baseUrl must not hold a query or a fragment");
  const prefix = url.pathname.replace(/\/+$/, "");
  if (prefix.endsWith(headlessBasePath)) problems.push(`baseUrl must not hold ${headlessBasePath}: the SDK adds it`);
  return `${url.origin}${prefix}${headlessBasePath}`;
}

function readCredential(option: string, variable: string, given: unknown, problems: string[]): string {
  const value = given ?? readEnvironment(variable);
  if (value === undefined || value === "") {
    problems.push(`${option} is missing: pass it or set ${variable}`);
  } else if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) {
    problems.push(`${option} must be a string of visible ASCII characters`);
  } else {
    return value;
  }
  return "";
}

function readEnvironment(variable: string): string | undefined {
  return typeof process === "undefined" ? undefined : process.env?.[variable];
}
