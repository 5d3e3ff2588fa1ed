import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The one before it on the same connection, while this one's answer is not out: answers go out in order. */
  before: Exchange | undefined;
}

/** The open connections of a server and what each is busy with. */
export interface Connections {
  /** Notes that a request has started; call it for each before it is handled. */
  begin(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** The unfinished exchange of a connection: its answer is not out, or its request has not come to its end. */
  current(socket: Socket): Exchange | undefined;
  /** The latest exchange of a connection whose request is complete and whose answer is not out. */
  answering(socket: Socket): Exchange | undefined;
  /** Lets every exchange finish and closes each connection after its last one. */
  drain(): void;
}

export function trackConnections(server: Server): Connections {
  const sockets = new Set<Socket>();
  /** The latest of each connection. */
  const exchanges = new Map<Socket, Exchange>();
  let draining = false;

  function closeAfter(outgoing: ServerResponse): void {
    if (!outgoing.headersSent) outgoing.setHeader("Connection", "close");
  }

  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      exchanges.delete(socket);
    });
  });

  return {
    begin(incoming, outgoing) {
      const { socket } = incoming;
      const exchange: Exchange = { incoming, outgoing, before: exchanges.get(socket) };
      exchanges.set(socket, exchange);
      if (draining) closeAfter(outgoing);
      outgoing.once("close", () => {
        // Else a connection that always has a request under way would keep all of its former ones.
        exchange.before = undefined;
        // Its headers may have been out before the draining began: then the connection is idle now, not closed.
        if (draining) setImmediate(() => server.closeIdleConnections());
      });
    },
    current(socket) {
      const latest = exchanges.get(socket);
      return latest?.outgoing.closed && latest.incoming.complete ? undefined : latest;
    },
    answering(socket) {
      let exchange = exchanges.get(socket);
      while (exchange !== undefined && !exchange.incoming.complete) exchange = exchange.before;
      return exchange?.outgoing.closed ? undefined : exchange;
    },
    drain() {
      draining = true;
      for (const { outgoing } of exchanges.values()) closeAfter(outgoing);
      server.closeIdleConnections();
      // Connections on which nothing was ever sent are not idle to Node, they wait for their first request.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    },
  };
}
