/** What a proxy does to one HTTP call instead of passing it on, or to its answer. */
export type UpstreamFault =
  /** An answer that the server behind has not given; the call does not reach it. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection is reset; the call does not reach the server. */
  | { readonly kind: "drop-before" }
  /** The server carries the call out, and its answer is lost. */
  | { readonly kind: "drop-after" }
  /** The headers and half of the body of the server's own answer, then a reset. */
  | { readonly kind: "half" }
  /** No answer for as long as the caller waits; the call does not reach the server. */
  | { readonly kind: "hang" }
  /** The call is passed on later. */
  | { readonly kind: "delay"; readonly ms: number };

const json = { "content-type": "application/json" };

/** An answer with a status and Keycloak's kind of body. */
export const failing = (status: number, headers: Readonly<Record<string, string>> = {}): UpstreamFault => ({
  kind: "answer",
  status,
  headers: { ...json, ...headers },
  body: JSON.stringify({ error: "unknown_error", error_description: `status ${status}` }),
});

/** A refusal in the words of the token endpoint and of the admin API. */
export const refusing = (status: 401 | 403, error: string): UpstreamFault => ({
  kind: "answer",
  status,
  headers: json,
  body: JSON.stringify({ error, error_description: "Invalid client or Invalid client credentials" }),
});

/** Answers that claim success and are none. */
export const garbage = {
  "HTML with 200": {
    kind: "answer",
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<html><title>Be right back</title></html>",
  },
  null: { kind: "answer", status: 200, headers: json, body: "null" },
  "broken JSON": { kind: "answer", status: 200, headers: json, body: '{"access_token":"ey' },
  "an empty body": { kind: "answer", status: 200, headers: json, body: "" },
  "the wrong content type": {
    kind: "answer",
    status: 200,
    headers: { "content-type": "text/plain" },
    body: '{"active":true}',
  },
  "an empty object": { kind: "answer", status: 200, headers: json, body: "{}" },
  "a huge body": { kind: "answer", status: 200, headers: json, body: `{"pad":"${"x".repeat(3 * 1024 * 1024)}"}` },
} as const satisfies Record<string, UpstreamFault>;
