import { createServer, type RequestListener } from "node:http";

/** The headers with which the servers that the gateway is compared with answer. */
export const answerHeaders = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-request-id": "req_vZ3yq0mB0m5uYpQ4X1nTfA",
} as const;

/** Starts one of them at PORT. */
export function serveAtPort(listener: RequestListener): void {
  const server = createServer(listener);
  server.keepAliveTimeout = 65_000;
  server.listen(Number(process.env["PORT"]), "127.0.0.1");
}
