import { randomBytes } from "node:crypto";
import { type AppDeps, createApp } from "../../src/http/app.ts";
import { type RunningServer, type ServerTimeouts, startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/observability/log.ts";
import { createDocumentCheck, type DocumentCheck, type ServedDocument } from "./document-check.ts";
import { type Behaviour, createFakes, type Fakes } from "./fakes.ts";
import { accessToken, client } from "./fixtures.ts";
import type { Sample } from "./samples.ts";

export * from "./fixtures.ts";
export { type Sample, sampleOf, samples, templateOf } from "./samples.ts";

export interface Gateway {
  readonly url: string;
  readonly server: RunningServer;
  readonly behaviour: Behaviour;
  readonly events: Fakes["events"];
  /** As `/openapi.json` serves it. */
  readonly document: ServedDocument;
  /** Every answer is checked with it, but not where the gateway is told to send what it does not declare. */
  readonly documentCheck: DocumentCheck | undefined;
  lastRequest: Fakes["lastRequest"];
  rawLog(): string;
  logLines(): Record<string, unknown>[];
  stop(): Promise<void>;
}

/** Starts the real app on a real server, with fakes of the services, the checks of callers and the limiter. */
export async function startGateway(
  options: {
    readonly responseGuard?: AppDeps["responseGuard"];
    readonly timeouts?: Partial<ServerTimeouts>;
    readonly mail?: () => Promise<void>;
    readonly monotonicNow?: () => number;
  } = {},
): Promise<Gateway> {
  const written: string[] = [];
  const { behaviour, events, deps, lastRequest } = createFakes();
  const log = createLogger({ level: "debug", destination: { write: (line: string) => void written.push(line) } });
  const random = { token: (length: number) => randomBytes(length).toString("base64url") };
  const responseGuard = options.responseGuard ?? "strict";
  const app = createApp({
    log,
    random,
    monotonicNow: options.monotonicNow ?? (() => performance.now()),
    responseGuard,
    ...deps,
    healthChecks: {
      keycloak: () => behaviour.keycloak(),
      store: () => behaviour.store(),
      mail: options.mail ?? (async () => undefined),
    },
  });

  const server = await startServer({
    app,
    host: "127.0.0.1",
    port: 0,
    log,
    random,
    ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
  });
  const url = `http://127.0.0.1:${server.port}`;
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as ServedDocument;
  written.splice(0);
  return {
    url,
    server,
    behaviour,
    events,
    document,
    documentCheck: responseGuard === "strict" ? createDocumentCheck(document) : undefined,
    lastRequest,
    rawLog: () => written.join(""),
    logLines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: async () => {
      await server.close(1_000);
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

const credentials = {
  client: { "x-client-id": client.id, "x-client-secret": client.secret },
  bearer: { authorization: `Bearer ${accessToken}` },
};

/**
 * Sends a sample, changed as a test needs it; a header set to undefined is left out.
 *
 * @throws Error when the answer is not what the served API document says
 */
export async function send(
  gateway: Gateway,
  sample: Pick<Sample, "method" | "path" | "body"> & Partial<Pick<Sample, "auth">>,
  change: {
    readonly headers?: Record<string, string | undefined>;
    readonly body?: unknown;
    readonly rawBody?: string | Uint8Array | ReadableStream;
  } = {},
): Promise<Answer> {
  const given = "body" in change ? change.body : sample.body;
  const headers = Object.entries({
    ...credentials[sample.auth ?? "client"],
    ...(given === undefined && change.rawBody === undefined ? {} : { "content-type": "application/json" }),
    ...change.headers,
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const response = await fetch(`${gateway.url}${sample.path}`, {
    method: sample.method,
    headers,
    ...(change.rawBody !== undefined
      ? { body: change.rawBody, duplex: "half" as const }
      : given === undefined
        ? {}
        : { body: JSON.stringify(given) }),
  });
  const text = await response.text();
  const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  const problems = gateway.documentCheck?.answerProblems({ ...sample, status: response.status, body }) ?? [];
  if (problems.length > 0) throw new Error(`The answer is not what the API document says:\n${problems.join("\n")}`);
  return { status: response.status, headers: response.headers, text, body };
}
