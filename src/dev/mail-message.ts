/** What a reader wants of a mail. */
export type MailMessage = { from: string; to: string; subject: string; text: string; html: string };

type Part = { headers: Map<string, string>; body: string };

const MAX_DEPTH = 8;

/**
 * Takes a mail apart, as far as mails of programs go: headers, nested multiparts, the usual encodings.
 *
 * @see RFC 2045, RFC 2046, RFC 2047, RFC 5322
 */
export function parseMail(source: Buffer): MailMessage {
  // One character a byte, so that each part can be decoded in its own character set.
  const root = split(source.toString("latin1"));
  const found = { text: "", html: "" };
  collect(root, found, 0);
  const header = (name: string) => decodeWords(root.headers.get(name) ?? "");
  return { from: header("from"), to: header("to"), subject: header("subject"), ...found };
}

function collect(part: Part, found: { text: string; html: string }, depth: number): void {
  const type = part.headers.get("content-type") ?? "text/plain";
  const boundary = parameter(type, "boundary");
  if (/^multipart\//i.test(type) && boundary && depth < MAX_DEPTH) {
    const pieces = `\r\n${part.body}`.split(`\r\n--${boundary}`).slice(1);
    for (const piece of pieces)
      if (!piece.startsWith("--")) collect(split(piece.replace(/^[ \t]*\r\n/, "")), found, depth + 1);
  } else if (!/^attachment/i.test(part.headers.get("content-disposition") ?? "")) {
    if (/^text\/html/i.test(type)) found.html ||= decodeBody(part, type);
    else if (/^text\//i.test(type)) found.text ||= decodeBody(part, type);
  }
}

function split(source: string): Part {
  const text = source.replaceAll(/\r?\n/g, "\r\n");
  const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n");
  const head = end === -1 ? text : text.slice(0, end);
  const headers = new Map<string, string>();
  for (const line of head.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body: end === -1 ? "" : text.slice(end).replace(/^(\r\n){1,2}/, "") };
}

function parameter(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, "i").exec(header);
  return match?.[1] ?? match?.[2];
}

function decodeBody(part: Part, type: string): string {
  const encoding = (part.headers.get("content-transfer-encoding") ?? "7bit").toLowerCase();
  const bytes =
    encoding === "base64"
      ? Buffer.from(part.body, "base64")
      : encoding === "quoted-printable"
        ? quotedPrintable(part.body.replaceAll(/=[ \t]*\r\n/g, ""))
        : Buffer.from(part.body, "latin1");
  return decodeBytes(bytes, parameter(type, "charset"));
}

function quotedPrintable(text: string): Buffer {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}

function decodeWords(header: string): string {
  const joined = header.replaceAll(/(\?=)\s+(=\?)/g, "$1$2");
  const decoded = joined.replaceAll(
    /=\?([^?]+)\?([BQ])\?([^?]*)\?=/gi,
    (_, charset: string, kind: string, text: string) =>
      decodeBytes(
        kind.toUpperCase() === "B" ? Buffer.from(text, "base64") : quotedPrintable(text.replaceAll("_", " ")),
        charset,
      ),
  );
  return decoded === joined ? decodeBytes(Buffer.from(header, "latin1"), "utf-8") : decoded;
}

function decodeBytes(bytes: Buffer, charset = "utf-8"): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // A character set nobody knows: the bytes as they are.
    return bytes.toString("latin1");
  }
}
