import type { Dispatcher } from "undici";

export interface HttpCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Absolute path, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer's body. Default 1 MiB. */
  readonly maxAnswerBytes?: number;
}

/** The answer was longer than its call allows. */
export class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

/** A whole answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Empty where there is none. */
  header(name: "location" | "www-authenticate"): string;
}

/** One request under way. */
export interface Exchange {
  /** Resolves with the whole answer. @throws undici's error, or what it was aborted with */
  readonly answer: Promise<HttpAnswer>;
  /** Whether the request was handed to an established connection. */
  sent(): boolean;
  /** Ends it at once. A request that waits for a connection is not sent any more. */
  abort(reason: Error): void;
}

/**
 * Sends a request and reads its answer to the end. On undici's own handler: its `request` makes a stream of each body, which
 * costs more than all else that it does (docs/performance.md).
 */
export function startExchange(
  dispatcher: Dispatcher,
  options: Dispatcher.DispatchOptions,
  maxAnswerBytes: number,
): Exchange {
  let resolve: (answer: HttpAnswer) => void;
  let reject: (error: unknown) => void;
  const answer = new Promise<HttpAnswer>((...settle) => {
    [resolve, reject] = settle;
  });
  let controller: Dispatcher.DispatchController | undefined;
  let aborted: Error | undefined;
  let status = 0;
  let headers: Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2] = {};
  const chunks: Buffer[] = [];
  let size = 0;

  dispatcher.dispatch(options, {
    onRequestStart(started) {
      if (aborted !== undefined) started.abort(aborted);
      else controller = started;
    },
    onResponseStart(_controller, statusCode, received) {
      // The last one is the answer: those below 200 announce it.
      status = statusCode;
      headers = received;
    },
    onResponseData(receiving, chunk) {
      size += chunk.length;
      if (size > maxAnswerBytes) receiving.abort(new AnswerTooLarge());
      else chunks.push(chunk);
    },
    onResponseEnd() {
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      resolve({
        status,
        contentType: String(headers["content-type"] ?? ""),
        body: bytes.toString("utf8"),
        header: (name) => String(headers[name] ?? ""),
      });
    },
    onResponseError(_controller, error) {
      reject(error);
    },
  });

  return {
    answer,
    sent: () => controller !== undefined,
    abort(reason) {
      aborted = reason;
      controller?.abort(reason);
      reject(reason);
    },
  };
}
