import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/** One call that went through the proxy. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  /** Form parameters, for the token endpoint. */
  readonly form: URLSearchParams;
}

/** Stands between a gateway and Keycloak and notes every call. */
export interface CountingProxy {
  readonly url: string;
  readonly calls: readonly SeenCall[];
  /** The different passwords that reached Keycloak for a user name. */
  passwordsFor(username: string): ReadonlySet<string>;
  reset(): void;
  close(): Promise<void>;
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Starts the proxy on a port of its own, or on a given one. */
export async function startCountingProxy(targetUrl: string, port = 0): Promise<CountingProxy> {
  const target = new URL(targetUrl);
  const agent = new Agent({ keepAlive: true });
  let calls: SeenCall[] = [];

  const server = createServer(async (incoming, outgoing) => {
    const body = await readAll(incoming);
    calls.push({
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      form: new URLSearchParams(body.toString("utf8")),
    });
    const upstream = request(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        agent,
        headers: { ...incoming.headers, host: target.host, "content-length": body.length },
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    upstream.on("error", () => outgoing.destroy());
    upstream.end(body);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    passwordsFor: (username) =>
      new Set(
        calls
          .filter(({ form }) => form.get("grant_type") === "password" && form.get("username") === username)
          .map(({ form }) => form.get("password") ?? ""),
      ),
    reset: () => {
      calls = [];
    },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
