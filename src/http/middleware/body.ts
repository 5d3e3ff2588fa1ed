import { MIMEType } from "node:util";
import { AuthError, validationError } from "../../contract/errors.ts";
import type { GatewayMiddleware } from "../env.ts";

/** Refuses a body that says it is too large, before anything is done for the request. */
export function declaredBodyLimit(maxBytes: number): GatewayMiddleware {
  return async (c, next) => {
    if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw new AuthError("PAYLOAD_TOO_LARGE");
    await next();
  };
}

/**
 * Reads the body of an operation that takes JSON, for the schema check that follows.
 *
 * Only `application/json` is taken: other types, `+json` ones included, can be sent by a browser's form or mean something
 * else. The text must be UTF-8: replaced characters would turn two different passwords into one.
 *
 * @see RFC 8259 section 8.1
 */
export function jsonBody(maxBytes: number): GatewayMiddleware {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return async (c, next) => {
    if (!isJson(c.req.header("content-type"))) throw new AuthError("UNSUPPORTED_MEDIA_TYPE");
    const encoding = c.req.header("content-encoding");
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      throw new AuthError("UNSUPPORTED_MEDIA_TYPE", { message: "The request body must be sent without compression." });
    }
    const bytes = await readBody(c.req.raw, maxBytes);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw validationError([{ path: "", message: "must be UTF-8" }]);
    }
    // The framework's schema check takes the text from here; its declared type is that of the resolved value.
    (c.req.bodyCache as { text?: unknown }).text = Promise.resolve(text);
    await next();
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

/** A declared length is kept by the HTTP parser; without one, the bytes are counted as they come. */
async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  try {
    const counted = request.headers.has("transfer-encoding") || !request.headers.has("content-length");
    return counted ? await readAtMost(request, maxBytes) : new Uint8Array(await request.arrayBuffer());
  } catch (error) {
    if (error instanceof AuthError) throw error;
    // The connection ended, or ran into the server's time-out: there is no one left to answer.
    throw validationError([{ path: "", message: "was not received completely" }]);
  }
}

async function readAtMost(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new AuthError("PAYLOAD_TOO_LARGE");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
