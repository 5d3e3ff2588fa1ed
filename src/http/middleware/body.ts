import type { IncomingMessage } from "node:http";
import { MIMEType } from "node:util";
import { AuthError, validationError } from "../../contract/errors.ts";
import type { GatewayContext } from "../env.ts";

/** Refuses a body that says it is too large, before anything is done for the request. */
export function requireDeclaredSize(c: GatewayContext, maxBytes: number): void {
  if (Number(c.env.incoming.headers["content-length"] ?? 0) > maxBytes) throw new AuthError("PAYLOAD_TOO_LARGE");
}

/**
 * Reads the body of an operation that takes JSON, for the schema check that follows.
 *
 * Only `application/json` is taken: other types, `+json` ones included, can be sent by a browser's form or mean something
 * else. The text must be UTF-8: replaced characters would turn two different passwords into one.
 *
 * @see RFC 8259 section 8.1
 */
export function createJsonBodyReader(maxBytes: number): (c: GatewayContext) => Promise<void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return async (c) => {
    if (!isJson(c.req.header("content-type"))) throw new AuthError("UNSUPPORTED_MEDIA_TYPE");
    const encoding = c.req.header("content-encoding");
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      throw new AuthError("UNSUPPORTED_MEDIA_TYPE", { message: "The request body must be sent without compression." });
    }
    const bytes = await readBody(c.env.incoming, maxBytes);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw validationError([{ path: "", message: "must be UTF-8" }]);
    }
    // The framework's schema check takes the text from here; its declared type is that of the resolved value.
    (c.req.bodyCache as { text?: unknown }).text = Promise.resolve(text);
  };
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  // As nearly everybody sends it.
  if (contentType === "application/json") return true;
  try {
    const { essence, params } = new MIMEType(contentType);
    return essence === "application/json" && (params.get("charset") ?? "utf-8").toLowerCase() === "utf-8";
  } catch {
    return false;
  }
}

/** Straight from the connection, and counted as it comes: a length need not be declared. */
function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    // The connection ended, or ran into the server's time-out: there is no one left to answer.
    const incomplete = () => {
      if (!incoming.readableEnded) reject(validationError([{ path: "", message: "was not received completely" }]));
    };
    if (incoming.destroyed) return incomplete();
    const take = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBytes) return;
      // What still comes is the server's to drop: a listener that stays would take it back each time.
      incoming.off("data", take);
      incoming.pause();
      reject(new AuthError("PAYLOAD_TOO_LARGE"));
    };
    incoming.on("data", take);
    incoming.on("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    incoming.on("error", incomplete);
    incoming.on("close", incomplete);
  });
}
