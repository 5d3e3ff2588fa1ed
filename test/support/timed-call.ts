import { Agent, request } from "node:http";
import { headlessBasePath } from "../../src/contract/headless.ts";
import { demoApp } from "./keycloak.ts";

/** An answer as it came over the wire, and how long it took. */
export interface TimedAnswer {
  readonly status: number;
  /** `Name: value` in the order and case of the wire. */
  readonly headers: readonly string[];
  readonly text: string;
  /** Milliseconds from the call to the last byte. */
  readonly tookMs: number;
}

const agent = new Agent({ keepAlive: true });

/** Posts JSON to an endpoint of the headless API, with a request id that is always the same, so that answers can be compared. */
export function timedCall(
  gateway: { readonly url: string },
  path: string,
  body: unknown,
  app = demoApp,
): Promise<TimedAnswer> {
  const text = JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<TimedAnswer>();
  const startedAt = performance.now();
  const call = request(
    `${gateway.url}${headlessBasePath}${path}`,
    {
      method: "POST",
      agent,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        "x-client-id": app.id,
        "x-client-secret": app.secret,
        "x-request-id": "always-the-same",
      },
    },
    (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const tookMs = performance.now() - startedAt;
        const { rawHeaders: raw, statusCode = 0 } = answer;
        const headers = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
        resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString("utf8"), tookMs });
      });
    },
  );
  call.on("error", reject);
  call.end(text);
  return promise;
}

/**
 * What must be the same in answers that must not tell anything apart: all of it but the date, and the counts of the limits for
 * client and address, which fall with every request.
 */
export function shapeOf({ status, headers, text }: Omit<TimedAnswer, "tookMs">) {
  const constant = headers.map((line) => line.replace(/^(Date|RateLimit): .*/i, "$1"));
  return { status, headers: constant, text, bytes: Buffer.byteLength(text) };
}
