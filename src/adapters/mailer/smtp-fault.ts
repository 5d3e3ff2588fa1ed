import { MailRefused } from "../../domain/ports/mail.ts";

/** A mail was not taken, and another try may help. */
export class MailNotSent extends Error {
  override readonly name = "MailNotSent";
  /** Such as `SMTP_451`, `ECONNREFUSED`, `EAUTH`. */
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** A mail was refused for good. */
export class SmtpRefusal extends MailRefused {
  /** Such as `SMTP_550`. */
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** What nodemailer hangs on its errors, as far as it is used here. */
interface SmtpError {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly command?: unknown;
  readonly response?: unknown;
  readonly responseCode?: unknown;
  readonly permanent?: unknown;
  readonly cause?: unknown;
}

/** Where a permanent refusal is about this mail. Before that, it is about the sender, the login or the server. */
const commandsOfOneMail = new Set<unknown>(["RCPT TO", "DATA"]);

/**
 * The error to throw for one of nodemailer's. It names codes only and has no cause: server answers repeat addresses, and
 * sometimes the login.
 */
export function smtpFault(error: unknown): SmtpRefusal | MailNotSent {
  const { code, originalCode, command, response, responseCode, permanent, cause } = (error ?? {}) as SmtpError;
  if (typeof responseCode === "number") {
    const [enhanced = ""] = /(?<=^\d{3}[ -])[245]\.\d{1,3}\.\d{1,3}\b/.exec(String(response)) ?? [];
    const answer = [responseCode, enhanced, typeof command === "string" ? `to ${command}` : ""];
    const message = `The mail server answered ${answer.filter(Boolean).join(" ")}.`;
    const smtpCode = `SMTP_${responseCode}`;
    return permanent === true && commandsOfOneMail.has(command)
      ? new SmtpRefusal(message, smtpCode)
      : new MailNotSent(message, smtpCode);
  }
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  const faultCode = timedOut ? "ETIMEDOUT" : ([originalCode, code].find(isCode) ?? "EUNKNOWN");
  return new MailNotSent(`The mail server could not be used (${faultCode}).`, faultCode);
}

function isCode(code: unknown): code is string {
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,39}$/.test(code);
}
