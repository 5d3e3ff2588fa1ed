import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { headlessBasePath } from "../../src/contract/headless.ts";
import type { ApiCall } from "./api.ts";
import { demoApp } from "./keycloak.ts";

/** What came back from a flood. */
export interface FloodResult {
  readonly perSecond: number;
  /** How often each status came; `lost` for connections that broke. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface Flood {
  stop(): Promise<FloodResult>;
}

/**
 * Begins to send a POST request to a gateway over and over, as fast as it is answered, from a process of its own. `########` in it
 * is a number of its own each time.
 */
export function startFlood(
  gateway: { readonly url: string },
  path: string,
  { body, app = demoApp, headers = {} }: ApiCall,
  connections = 64,
): Flood {
  const text = JSON.stringify(body);
  const fields = {
    host: "localhost",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...(app === null ? {} : { "x-client-id": app.id, "x-client-secret": app.secret }),
    ...headers,
  };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `POST ${headlessBasePath}${path} HTTP/1.1\r\n${head.join("")}\r\n${text}`;
  const settings = { port: Number(new URL(gateway.url).port), connections, request };
  const child = spawn(process.execPath, [join(import.meta.dirname, "flood-process.ts"), JSON.stringify(settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk));
  return {
    async stop() {
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
      const { seconds, counts } = JSON.parse(output) as { seconds: number; counts: Record<string, number> };
      const answered = Object.values(counts).reduce((sum, count) => sum + count, 0);
      return { perSecond: Math.round(answered / seconds), counts };
    },
  };
}
