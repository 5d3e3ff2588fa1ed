import { isIP } from "node:net";

/** Where the mail server is, and how to talk to it. */
export interface SmtpAddress {
  readonly host: string;
  readonly port: number;
  /**
   * `immediate`: TLS from the first byte. `required`: STARTTLS, or no mail. `optional`: STARTTLS where the server offers it.
   * `off`: never.
   */
  readonly tls: "immediate" | "required" | "optional" | "off";
  /** Whether the server's certificate must be valid for its name. */
  readonly verifyCertificate: boolean;
  readonly credentials?: { readonly user: string; readonly password: string };
}

const defaultPorts = { "smtp:": 587, "smtps:": 465 } as const;
const startTlsChoices = ["required", "optional", "off"] as const;
const parameters = new Set(["starttls", "verify"]);

/**
 * Reads `smtp://[user:password@]host[:port][?starttls=required|optional|off][&verify=off]` or `smtps://…`.
 *
 * Without `starttls`, it is required where a password would otherwise travel in clear, and optional elsewhere. Ports default
 * to 587 and 465. User and password are percent-encoded.
 *
 * @throws TypeError without the URL in its message, since it may hold a password
 */
export function parseSmtpUrl(text: string): SmtpAddress {
  const url = URL.parse(text);
  const protocol = url?.protocol;
  if (url === null || (protocol !== "smtp:" && protocol !== "smtps:") || url.hostname === "") {
    throw invalid("it must look like smtp://host:port or smtps://user:password@host:port");
  }
  if (!["", "/"].includes(url.pathname) || url.hash !== "") throw invalid("it has no path and no fragment");
  for (const name of url.searchParams.keys()) {
    if (!parameters.has(name)) throw invalid("only the parameters starttls and verify are known");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const credentials = parseCredentials(url);
  return {
    host,
    port: url.port === "" ? defaultPorts[protocol] : Number(url.port),
    tls: parseTls(url, credentials !== undefined && !isLoopback(host)),
    verifyCertificate: parseVerify(url.searchParams.get("verify")),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function parseTls(url: URL, required: boolean): SmtpAddress["tls"] {
  const wish = url.searchParams.get("starttls");
  if (url.protocol === "smtps:") {
    if (wish !== null) throw invalid("starttls is for smtp:// only");
    return "immediate";
  }
  if (wish === null) return required ? "required" : "optional";
  const choice = startTlsChoices.find((one) => one === wish);
  if (choice === undefined) throw invalid(`starttls must be one of ${startTlsChoices.join(", ")}`);
  return choice;
}

function parseVerify(wish: string | null): boolean {
  if (wish !== null && wish !== "off") throw invalid("verify can only be off");
  return wish === null;
}

function parseCredentials({ username, password }: URL): SmtpAddress["credentials"] {
  if (username === "" && password === "") return undefined;
  if (username === "" || password === "") throw invalid("a login is user:password");
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw invalid("user and password must be percent-encoded");
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function invalid(reason: string): TypeError {
  return new TypeError(`The SMTP URL is not valid: ${reason}.`);
}
