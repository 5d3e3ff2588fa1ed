import { type Dispatcher, errors, Pool } from "undici";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import type { AdapterLog } from "./log.ts";

const maxAnswerBytes = 1024 * 1024;
const maxConnections = 128;
const pingTimeoutMs = 2000;

export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Absolute path, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A whole answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Empty where there is none. */
  header(name: "location" | "www-authenticate"): string;
}

/** Connections to one Keycloak realm. */
export interface KeycloakHttp {
  /**
   * Sends one request and waits for the whole answer. Only a GET is ever sent a second time, when no whole answer came,
   * within the same time-out.
   *
   * @throws UpstreamUnavailable when no whole answer came in time
   */
  send(call: HttpCall): Promise<HttpAnswer>;
  /** Resolves when the realm answers, within 2 seconds or the time-out, whichever is shorter. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What became of one request; undici tells when the request is handed to an established connection. */
interface Progress {
  sent: boolean;
}

const noteSending: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  dispatch(options, {
    onRequestStart(controller, context) {
      const { opaque } = options as { opaque?: Progress };
      if (opaque) opaque.sent = true;
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade: (...event) => handler.onRequestUpgrade?.(...event),
    onResponseStart: (...event) => handler.onResponseStart?.(...event),
    onResponseData: (...event) => handler.onResponseData?.(...event),
    onResponseEnd: (...event) => handler.onResponseEnd?.(...event),
    onResponseError: (...event) => handler.onResponseError?.(...event),
  });

function notJson(answer: HttpAnswer): UpstreamUnavailable {
  return new UpstreamUnavailable(`Keycloak answered ${answer.status} without JSON`, "noVerdict");
}

/** @throws UpstreamUnavailable when the answer is not declared as JSON, whatever its status */
export function requireJson(answer: HttpAnswer): void {
  if (!/^application\/json\b/i.test(answer.contentType)) throw notJson(answer);
}

/** Parses a JSON answer. @throws UpstreamUnavailable when it is not JSON, whatever its status */
export function parseJson(answer: HttpAnswer): unknown {
  requireJson(answer);
  try {
    return JSON.parse(answer.body);
  } catch {
    // The parser's message would quote the body.
    throw notJson(answer);
  }
}

/** Opens the connections lazily: nothing is sent before the first call. */
export function createKeycloakHttp(deps: {
  readonly origin: string;
  /** Path of the realm, `/realms/…`. */
  readonly realmPath: string;
  /** Scheme under which end users see Keycloak; keeps the issuer the same when Keycloak derives it from the request. */
  readonly forwardedProto: "http" | "https";
  readonly timeoutMs: number;
  /** A grant for nobody. Keycloak's refusal of it, in time, is what closes the circuit. */
  readonly trialGrant: HttpCall;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: AdapterLog;
}): KeycloakHttp {
  const { timeoutMs } = deps;
  const pool = new Pool(deps.origin, {
    connections: maxConnections,
    maxResponseSize: maxAnswerBytes,
    connect: { timeout: timeoutMs },
    // One deadline a call, below, covers connecting, headers and body.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const dispatcher = pool.compose(noteSending);
  const breaker = createCircuitBreaker({ probe: () => trial(), clock: deps.clock, log: deps.log });

  async function attempt(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const progress: Progress = { sent: false };
    try {
      const answer = await dispatcher.request({
        method: call.method,
        path: call.path,
        headers: { accept: "application/json", "x-forwarded-proto": deps.forwardedProto, ...call.headers },
        body: call.body ?? null,
        signal,
        opaque: progress,
      });
      const body = await answer.body.text();
      breaker.succeeded();
      return {
        status: answer.statusCode,
        contentType: String(answer.headers["content-type"] ?? ""),
        body,
        header: (name) => String(answer.headers[name] ?? ""),
      };
    } catch (cause) {
      if (cause instanceof errors.ResponseExceededMaxSizeError)
        throw new UpstreamUnavailable("Keycloak's answer is too large", "noVerdict", cause);
      // A request that cannot even be written says nothing of Keycloak.
      if (!(cause instanceof errors.InvalidArgumentError)) breaker.failed();
      if (signal.aborted)
        throw new UpstreamUnavailable("Keycloak did not answer in time", progress.sent ? "unknown" : "unsent", cause);
      throw progress.sent
        ? new UpstreamUnavailable("The connection to Keycloak was lost", "unknown", cause)
        : new UpstreamUnavailable("Keycloak cannot be reached", "unsent", cause);
    }
  }

  const ask = (call: HttpCall) => attempt(call, AbortSignal.timeout(Math.min(pingTimeoutMs, timeoutMs)));

  async function probe(): Promise<void> {
    const answer = await ask({ method: "GET", path: deps.realmPath });
    if (answer.status !== 200) throw new UpstreamUnavailable(`The realm answered ${answer.status}`, "noVerdict");
    parseJson(answer);
  }

  /** The realm is read from a cache: it may answer while no grant does, such as when Keycloak's database hangs. */
  async function trial(): Promise<void> {
    await probe();
    const answer = await ask(deps.trialGrant);
    if (answer.status >= 500 || answer.status === 429)
      throw new UpstreamUnavailable(`The token endpoint answered ${answer.status}`, "noVerdict");
    parseJson(answer);
  }

  function requireClosedCircuit(): void {
    if (breaker.isOpen()) throw new UpstreamUnavailable("Keycloak could not be reached of late", "unsent");
  }

  return {
    async send(call) {
      requireClosedCircuit();
      // Not AbortSignal.timeout: that one cannot be called off, and lives on for its whole time after the answer.
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      const { signal } = deadline;
      try {
        return await attempt(call, signal);
      } catch (fault) {
        const again = call.method === "GET" && !signal.aborted && !breaker.isOpen();
        if (!again || (fault instanceof UpstreamUnavailable && fault.fate === "noVerdict")) throw fault;
        return await attempt(call, signal);
      } finally {
        clearTimeout(timer);
      }
    },
    async ping() {
      requireClosedCircuit();
      await probe();
    },
    async close() {
      breaker.stop();
      await pool.destroy();
    },
  };
}
