import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Random } from "../domain/ports/random.ts";
import type { Logger } from "../observability/log.ts";
import { trackConnections } from "./connections.ts";
import type { GatewayApp } from "./operation.ts";
import { newRequestId } from "./request-id.ts";
import {
  internalError,
  invalidTarget,
  noTunnel,
  type ServerError,
  toRawResponse,
  unreadableRequest,
} from "./server-error.ts";

/** How long a client may take, in milliseconds. */
export interface ServerTimeouts {
  /** For a request's headers, from the connection's or the request's first moment. */
  readonly headersMs: number;
  /** For a whole request, body included. */
  readonly requestMs: number;
  /** Between two requests of a connection. */
  readonly keepAliveMs: number;
}

/** Idle connections live longer than the 60 s of common load balancers, so that none of these reuses one that is just closing. */
const defaultTimeouts: ServerTimeouts = { headersMs: 10_000, requestMs: 15_000, keepAliveMs: 65_000 };
const maxHeaderBytes = 16 * 1024;
/** How long an error that ends a connection may take to be read. */
const lingerMs = 500;

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /**
   * Stops accepting, lets requests in flight finish and closes their connections after them; what is left after the time-out
   * is cut off. `finished` tells that nothing had to be.
   */
  close(timeoutMs: number): Promise<{ readonly finished: boolean }>;
}

/**
 * Serves the app over HTTP/1.1.
 *
 * @throws the system's error when the address cannot be bound
 */
export async function startServer(options: {
  readonly app: Pick<GatewayApp, "fetch">;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly random: Random;
  readonly timeouts?: Partial<ServerTimeouts>;
}): Promise<RunningServer> {
  const { app, host, port, log, random } = options;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const shortest = Math.min(timeouts.headersMs, timeouts.requestMs);
  const server = createServer({
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // The time-outs hold only as exactly as they are checked; Node's own interval is 30 s.
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(shortest / 4)),
    maxHeaderSize: maxHeaderBytes,
    // Left to the listener below, whose answer has a body.
    requireHostHeader: false,
  });
  const connections = trackConnections(server);

  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    errorHandler: (thrown) => {
      const requestId = newRequestId(random);
      if (thrown instanceof RequestError) {
        logUnreadable(log, requestId, 400, undefined);
        return toResponse(invalidTarget(requestId));
      }
      log.error({ requestId, err: thrown }, "request failed outside the app");
      return toResponse(internalError(requestId));
    },
  });
  function refuse(outgoing: ServerResponse, answer: (requestId: string) => ServerError): void {
    const requestId = newRequestId(random);
    const { status, headers, body } = answer(requestId);
    logUnreadable(log, requestId, status, undefined);
    outgoing.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) }).end(body);
  }
  /** Requests that are worked on, whether their callers are still there or not. */
  let underWay = 0;
  let allServed: (() => void) | undefined;
  function served(): void {
    underWay -= 1;
    if (underWay === 0) allServed?.();
  }
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.begin(incoming, outgoing);
    // Whoever stands before this server may have gone by the other one. RFC 9112 section 3.2.
    if (countOf(incoming.rawHeaders, "host") > 1) return refuse(outgoing, invalidTarget);
    // The parser undoes chunks only and passes over other codings: who undoes them reads another body. RFC 9112 section 6.1.
    const codings = incoming.headers["transfer-encoding"];
    if (codings !== undefined && codings.toLowerCase() !== "chunked") {
      outgoing.setHeader("Connection", "close");
      return refuse(outgoing, (requestId) => unreadableRequest(undefined, requestId));
    }
    underWay += 1;
    void listener(incoming, outgoing).finally(served);
  };
  server.on("request", handle);
  // An expectation that this server does not know is ignored.
  server.on("checkExpectation", handle);

  // Without a listener Node drops the connection. The socket is this listener's alone from here on, errors included.
  server.on("connect", (_incoming: IncomingMessage, socket: Socket) => {
    socket.on("error", () => socket.destroy());
    const refuseTunnel = () => {
      const requestId = newRequestId(random);
      const answer = noTunnel(requestId);
      logUnreadable(log, requestId, answer.status, undefined);
      endWith(socket, answer);
    };
    const before = connections.current(socket)?.outgoing;
    if (before === undefined || before.closed) refuseTunnel();
    else before.once("close", refuseTunnel);
  });

  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === "ECONNRESET" || connections.current(socket)?.outgoing.headersSent) {
      socket.destroy();
      return;
    }
    const answering = connections.answering(socket);
    if (answering !== undefined) {
      // What cannot be read came behind a request that is being answered: that answer goes out, then the connection ends.
      if (!answering.outgoing.headersSent) answering.outgoing.setHeader("Connection", "close");
      answering.outgoing.once("close", () => socket.destroySoon());
      return;
    }
    const requestId = newRequestId(random);
    const answer = unreadableRequest(error.code, requestId);
    logUnreadable(log, requestId, answer.status, error.code);
    endWith(socket, answer);
  });

  const { address, port: bound } = await listen(server, host, port);
  server.on("error", (error) => log.error({ err: error }, "server error"));
  return {
    host: address,
    port: bound,
    async close(timeoutMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.drain();
      const { promise: late, resolve: cutOff } = Promise.withResolvers<{ finished: boolean }>();
      const timer = setTimeout(() => {
        server.closeAllConnections();
        cutOff({ finished: false });
      }, timeoutMs);
      // A caller that has hung up leaves work behind that must not be torn off: an attempt, a session, a link.
      const done = closed.then(async () => {
        if (underWay > 0) await new Promise<void>((resolve) => (allServed = resolve));
        return { finished: true };
      });
      const outcome = await Promise.race([done, late]);
      clearTimeout(timer);
      return outcome;
    },
  };
}

/** How often a header was sent: of some, Node keeps the first only. */
function countOf(rawHeaders: readonly string[], lowerName: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) count += 1;
  }
  return count;
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** Sends an error as the last answer of a connection. */
function endWith(socket: Socket, answer: ServerError): void {
  socket.end(toRawResponse(answer));
  // Destroyed at once, a connection with unread bytes would be reset and the answer lost.
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

/** The access line of a request that never reached the app. */
function logUnreadable(log: Logger, requestId: string, status: number, fault: string | undefined): void {
  log.info({ requestId, method: null, route: null, status, ...(fault === undefined ? {} : { fault }) }, "request");
}

function toResponse({ status, headers, body }: ServerError): Response {
  return new Response(body, { status, headers });
}
