import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly form: URLSearchParams;
}

export type Behaviour = (request: SeenRequest, response: ServerResponse) => void;

/** An HTTP server on loopback that stands where Keycloak should be and does what `behave` says. */
export async function startUpstream(behave: Behaviour) {
  const seen: SeenRequest[] = [];
  const upstream = { behave, seen };
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    const request = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: incoming.headers,
      body,
      form: new URLSearchParams(body),
    };
    seen.push(request);
    upstream.behave(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(upstream, {
    url: `http://127.0.0.1:${port}`,
    port,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Answers with JSON. */
export function json(status: number, body: unknown): Behaviour {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
}

/** Answers with text of any type. */
export function text(status: number, contentType: string, body: string): Behaviour {
  return (_request, response) => {
    response.writeHead(status, { "content-type": contentType }).end(body);
  };
}

/** A JWT with the given claims and no real signature. */
export function jwt(claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT", ...header })}.${part(claims)}.${Buffer.from("signature").toString("base64url")}`;
}
