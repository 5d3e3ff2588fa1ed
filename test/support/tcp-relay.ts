import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A fixed loopback port in front of another one. */
export interface TcpRelay {
  readonly port: number;
  /** Leads new connections to another port, and ends the present ones. */
  target(port: number): void;
  /** Lets nothing through in either direction; the connections stay. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Relays every connection to a loopback port. */
export async function startTcpRelay(targetPort: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let port = targetPort;
  let paused = false;

  function pass(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on("data", (chunk) => to.write(chunk));
    from.on("error", () => from.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    if (paused) from.pause();
  }

  // Without a delay of its own: what is measured through it is not it.
  const server = createServer({ noDelay: true }, (incoming) => {
    const outgoing = connect({ port, host: "127.0.0.1", noDelay: true });
    pass(incoming, outgoing);
    pass(outgoing, incoming);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    port: (server.address() as AddressInfo).port,
    target(other) {
      port = other;
      end();
    },
    pause() {
      paused = true;
      for (const socket of sockets) socket.pause();
    },
    resume() {
      paused = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      end();
      server.close();
      await once(server, "close");
    },
  };
}
