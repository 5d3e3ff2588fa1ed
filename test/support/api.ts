import { headlessBasePath } from "../../src/contract/headless.ts";
import { demoApp } from "./keycloak.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read the wire as it comes
  readonly body: any;
}

export interface ApiCall {
  readonly method?: string;
  readonly body?: unknown;
  /** The calling app; the demo app by default, `null` for none. */
  readonly app?: { readonly id: string; readonly secret: string } | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Calls the headless API of a gateway over HTTP. */
export async function callApi(gateway: { readonly url: string }, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
  const app = call.app === undefined ? demoApp : call.app;
  const response = await fetch(`${gateway.url}${headlessBasePath}${path}`, {
    method: call.method ?? (call.body === undefined ? "GET" : "POST"),
    headers: {
      ...(app === null ? {} : { "x-client-id": app.id, "x-client-secret": app.secret }),
      ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      ...call.headers,
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** How often each answer came, as `401 INVALID_CREDENTIALS` or `200`. */
export function tally(answers: readonly ApiAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const name = status === 200 ? "200" : `${status} ${body.code}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
