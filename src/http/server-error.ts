import { STATUS_CODES } from "node:http";
import { AuthError } from "../contract/errors.ts";
import { renderError } from "./headless/errors.ts";
import { responseHeaders } from "./response-headers.ts";

/** An error that is found before there is a request for the app: what the app answers, made without it. */
export interface ServerError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function serverError(error: AuthError, requestId: string, status?: number): ServerError {
  const rendered = renderError(error, requestId);
  return {
    status: status ?? rendered.status,
    headers: { "Content-Type": "application/json", "X-Request-Id": requestId, ...responseHeaders, ...rendered.headers },
    body: JSON.stringify(rendered.body),
  };
}

/** A request line or header that names no address of ours. */
export function invalidTarget(requestId: string): ServerError {
  return serverError(
    new AuthError("VALIDATION_ERROR", { message: "The request's target or Host is not valid." }),
    requestId,
  );
}

/** A request for a tunnel, which no target here allows. @see RFC 9110 section 9.3.6 */
export function noTunnel(requestId: string): ServerError {
  const error = serverError(new AuthError("METHOD_NOT_ALLOWED"), requestId);
  return { ...error, headers: { ...error.headers, Allow: "" } };
}

/** The app itself failed to answer. */
export function internalError(requestId: string): ServerError {
  return serverError(new AuthError("INTERNAL_ERROR"), requestId);
}

/** The HTTP parser gave up, or the request did not come in time. `code` is Node's name of the fault. */
export function unreadableRequest(code: string | undefined, requestId: string): ServerError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return serverError(
        new AuthError("VALIDATION_ERROR", { message: "The request's headers are too large." }),
        requestId,
        431,
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return serverError(new AuthError("PAYLOAD_TOO_LARGE"), requestId);
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return serverError(
        new AuthError("VALIDATION_ERROR", { message: "The request did not arrive in time." }),
        requestId,
        408,
      );
    default:
      return serverError(new AuthError("VALIDATION_ERROR", { message: "The request is not valid HTTP." }), requestId);
  }
}

/** The error as the bytes of an HTTP/1.1 response that ends the connection. */
export function toRawResponse({ status, headers, body }: ServerError): string {
  const fields = { ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`;
}
