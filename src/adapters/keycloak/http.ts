import { errors, Pool } from "undici";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import { AnswerTooLarge, type Exchange, type HttpAnswer, type HttpCall, startExchange } from "./exchange.ts";
import type { AdapterLog } from "./log.ts";

const defaultMaxAnswerBytes = 1024 * 1024;
const maxConnections = 128;
const pingTimeoutMs = 2000;

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

/** When a call must be over, and what is to be ended then. */
interface Deadline {
  passed: boolean;
  exchange: Exchange | undefined;
}

/** Runs work that may take so long. Not AbortSignal.timeout: that one lives on for its whole time after the answer. */
async function within<T>(milliseconds: number, work: (deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline: Deadline = { passed: false, exchange: undefined };
  const timer = setTimeout(() => {
    deadline.passed = true;
    deadline.exchange?.abort(new Error("the time is over"));
  }, milliseconds);
  try {
    return await work(deadline);
  } finally {
    clearTimeout(timer);
  }
}

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
    connect: { timeout: timeoutMs },
    // One deadline a call, below, covers connecting, headers and body.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const breaker = createCircuitBreaker({ probe: () => trial(), clock: deps.clock, log: deps.log });

  async function attempt(call: HttpCall, deadline: Deadline): Promise<HttpAnswer> {
    const exchange = startExchange(
      pool,
      {
        method: call.method,
        path: call.path,
        headers: { accept: "application/json", "x-forwarded-proto": deps.forwardedProto, ...call.headers },
        body: call.body ?? null,
      },
      call.maxAnswerBytes ?? defaultMaxAnswerBytes,
    );
    deadline.exchange = exchange;
    try {
      const answer = await exchange.answer;
      breaker.succeeded();
      return answer;
    } catch (cause) {
      if (cause instanceof AnswerTooLarge)
        throw new UpstreamUnavailable("Keycloak's answer is too large", "noVerdict", cause);
      // A request that cannot even be written says nothing of Keycloak.
      if (!(cause instanceof errors.InvalidArgumentError)) breaker.failed();
      if (deadline.passed)
        throw new UpstreamUnavailable("Keycloak did not answer in time", exchange.sent() ? "unknown" : "unsent", cause);
      throw exchange.sent()
        ? new UpstreamUnavailable("The connection to Keycloak was lost", "unknown", cause)
        : new UpstreamUnavailable("Keycloak cannot be reached", "unsent", cause);
    }
  }

  const ask = (call: HttpCall) => within(Math.min(pingTimeoutMs, timeoutMs), (deadline) => attempt(call, deadline));

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
      return within(timeoutMs, async (deadline) => {
        try {
          return await attempt(call, deadline);
        } catch (fault) {
          const again = call.method === "GET" && !deadline.passed && !breaker.isOpen();
          if (!again || (fault instanceof UpstreamUnavailable && fault.fate === "noVerdict")) throw fault;
          return await attempt(call, deadline);
        }
      });
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
