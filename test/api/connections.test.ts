import { EventEmitter } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { trackConnections } from "../../src/http/connections.ts";

/** An exchange whose request is complete, and the end of its answer. */
function exchangeOn(socket: Socket) {
  const outgoing = Object.assign(new EventEmitter(), { closed: false });
  return {
    incoming: { socket, complete: true } as IncomingMessage,
    outgoing: outgoing as unknown as ServerResponse,
    answer() {
      outgoing.closed = true;
      outgoing.emit("close");
    },
  };
}

// Threat: a client that sends each request before the answer to the last one is out fills the memory of the gateway.
test("a connection that always has a request under way keeps none of those that are answered", () => {
  const connections = trackConnections(new EventEmitter() as Server);
  const socket = new EventEmitter() as Socket;
  let last = exchangeOn(socket);
  connections.begin(last.incoming, last.outgoing);
  for (let count = 0; count < 100; count++) {
    const next = exchangeOn(socket);
    connections.begin(next.incoming, next.outgoing);
    last.answer();
    last = next;
  }
  let kept = 0;
  for (let exchange = connections.current(socket); exchange !== undefined; exchange = exchange.before) kept += 1;
  expect(kept).toBeLessThanOrEqual(2);
  expect(connections.answering(socket)?.outgoing).toBe(last.outgoing);
  last.answer();
  expect(connections.answering(socket)).toBeUndefined();
});
