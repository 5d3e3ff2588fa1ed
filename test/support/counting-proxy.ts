import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpstreamFault } from "./upstream-fault.ts";

/** One call that came to the proxy, whether it was passed on or not. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  /** Form parameters, for the token endpoint. */
  readonly form: URLSearchParams;
}

/** Says what becomes of a call; undefined passes it on. */
export type FaultRule = (call: SeenCall) => UpstreamFault | undefined;

/** Stands between a gateway and Keycloak, notes every call, and spoils those that a rule names. */
export interface CountingProxy {
  readonly url: string;
  readonly calls: readonly SeenCall[];
  /** The different passwords that reached Keycloak for a user name. */
  passwordsFor(username: string): ReadonlySet<string>;
  /** Puts a rule into force for the calls from now on, or takes it back. */
  inject(rule: FaultRule | undefined): void;
  /** Forgets the calls; the rule stays. */
  reset(): void;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
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
  let rule: FaultRule | undefined;

  function forward(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const upstream = request(
        {
          host: target.hostname,
          port: target.port,
          method: incoming.method,
          path: incoming.url,
          agent,
          headers: { ...incoming.headers, host: target.host, "content-length": body.length },
        },
        (answer) =>
          readAll(answer).then(
            (whole) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: whole }),
            reject,
          ),
      );
      upstream.on("error", reject);
      upstream.end(body);
    });
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readAll(incoming);
    const form = new URLSearchParams(body.toString("utf8"));
    const call = { method: incoming.method ?? "", path: incoming.url ?? "", form };
    calls.push(call);
    const fault = rule?.(call);
    switch (fault?.kind) {
      case "hang":
        return;
      case "drop-before":
        outgoing.destroy();
        return;
      case "answer":
        outgoing.writeHead(fault.status, fault.headers).end(fault.body);
        return;
      case "delay":
        await sleep(fault.ms);
    }
    const answer = await forward(incoming, body);
    if (fault?.kind === "drop-after") {
      outgoing.destroy();
      return;
    }
    const { "transfer-encoding": _, "content-length": __, ...headers } = answer.headers;
    const { status, body: whole } = answer;
    if (fault?.kind === "half") {
      // Of a body that there is not, half is missing, too.
      outgoing.writeHead(status, { ...headers, "content-length": whole.length + 1 });
      outgoing.write(whole.subarray(0, whole.length / 2), () => outgoing.destroy());
      return;
    }
    // A 204 with a length is none.
    outgoing.writeHead(status, status === 204 ? headers : { ...headers, "content-length": whole.length });
    outgoing.end(whole);
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
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
    inject: (next) => {
      rule = next;
    },
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
