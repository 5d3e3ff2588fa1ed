import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What becomes of the bytes. It holds for the connections that are there, too. */
export type TcpBehaviour =
  | { readonly kind: "pass" }
  /** Connections are accepted, and nothing moves on them either way; what came meanwhile moves on afterwards. */
  | { readonly kind: "hang" }
  /** Every chunk comes so much later, either way. */
  | { readonly kind: "delay"; readonly ms: number }
  /**
   * The first request that holds the text ends its connection by a reset: `request` passes on its first half, `reply`
   * passes it on whole and nothing of what is answered. Then everything passes again.
   */
  | { readonly kind: "cut"; readonly at: "request" | "reply"; readonly when: string };

/** Stands between a gateway and a server that speaks over TCP, on a port that stays its own. */
export interface TcpProxy {
  readonly port: number;
  behave(behaviour: TcpBehaviour): void;
  /** Leads new connections to another port, and resets those that are there. */
  lead(targetPort: number): void;
  /** Resets every connection. */
  reset(): void;
  /** Refuses connections, and resets those that are there, until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** How many connections a `cut` has ended. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** Starts the proxy on a free loopback port. */
export async function startTcpProxy(firstTargetPort: number): Promise<TcpProxy> {
  let targetPort = firstTargetPort;
  let behaviour: TcpBehaviour = { kind: "pass" };
  let cuts = 0;
  let server: Server | undefined;
  let port = 0;
  const pairs = new Set<{ readonly client: Socket; readonly target: Socket; cutReply: boolean }>();

  function endAll(): void {
    for (const { client, target } of pairs) {
      client.resetAndDestroy();
      target.destroy();
    }
  }

  function onConnection(client: Socket): void {
    // Without a delay of its own: what is measured through it is not it.
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const pair = { client, target, cutReply: false };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.resetAndDestroy();
      target.destroy();
    };
    const pass = (to: Socket, chunk: Buffer) => {
      if (!to.destroyed) to.write(chunk);
    };
    const move = (to: Socket, chunk: Buffer) => {
      if (behaviour.kind === "delay") setTimeout(pass, behaviour.ms, to, chunk);
      else pass(to, chunk);
    };
    client.on("data", (chunk) => {
      if (behaviour.kind !== "cut" || !chunk.includes(behaviour.when)) return move(target, chunk);
      const { at } = behaviour;
      behaviour = { kind: "pass" };
      cuts += 1;
      if (at === "reply") {
        pair.cutReply = true;
        target.write(chunk);
      } else target.write(chunk.subarray(0, chunk.length / 2), end);
    });
    target.on("data", (chunk) => (pair.cutReply ? end() : move(client, chunk)));
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on("error", end);
      from.on("close", () => pairs.delete(pair));
      from.on("end", () => to.end());
      if (behaviour.kind === "hang") from.pause();
    }
  }

  async function accept(): Promise<void> {
    if (server !== undefined) return;
    server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection).listen(port, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  }

  async function refuse(): Promise<void> {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    closing.close();
    endAll();
    await once(closing, "close");
  }

  await accept();
  return {
    port,
    behave(next) {
      behaviour = next;
      for (const { client, target } of pairs) {
        for (const socket of [client, target]) next.kind === "hang" ? socket.pause() : socket.resume();
      }
    },
    lead(next) {
      targetPort = next;
      endAll();
    },
    reset: endAll,
    refuse,
    accept,
    get cuts() {
      return cuts;
    },
    close: refuse,
  };
}
