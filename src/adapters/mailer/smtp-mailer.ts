import { createTransport } from "nodemailer";
import type { Mail, Mailer } from "../../domain/ports/mail.ts";
import { isPlainAddress, parseSender } from "./addresses.ts";
import { SmtpRefusal, smtpFault } from "./smtp-fault.ts";
import { parseSmtpUrl, type SmtpAddress } from "./smtp-url.ts";
import { loadMailTemplates, type RenderedMail } from "./templates.ts";

/** A mailer, and the connection to its server. */
export interface SmtpMailer extends Mailer {
  /** Resolves when the server takes a connection and the credentials, rejects when not. */
  check(): Promise<void>;
  /** Ends what is on its way. */
  close(): void;
}

export interface SmtpMailerOptions {
  /** See {@link parseSmtpUrl}. */
  readonly url: string;
  /** `no-reply@example.com` or `Name <no-reply@example.com>`. */
  readonly from: string;
  /** A theme, see docs/mail.md. */
  readonly templatesDir?: string;
  /** Default `en`. */
  readonly language?: string;
  readonly timeouts?: {
    /** For the connection up to the greeting, and TLS. Default 5,000. */
    readonly connectMs?: number;
    /** Longest silence of the server. Default 10,000. */
    readonly answerMs?: number;
    /** For a whole mail. Default 15,000. */
    readonly sendMs?: number;
    /** For a check. Default 2,000. */
    readonly checkMs?: number;
  };
}

const messageIdPattern = /^[A-Za-z0-9_.-]{1,128}$/;

/**
 * Sends mails to an SMTP server, a connection each; nothing is opened before the first use.
 *
 * @throws TypeError when the URL, the sender or a template cannot be used
 */
export function createSmtpMailer(options: SmtpMailerOptions): SmtpMailer {
  const { connectMs = 5_000, answerMs = 10_000, sendMs = 15_000, checkMs = 2_000 } = options.timeouts ?? {};
  const { templatesDir: dir, language } = options;
  const sender = parseSender(options.from);
  const domain = sender.address.slice(sender.address.lastIndexOf("@") + 1);
  const address = parseSmtpUrl(options.url);
  const templates = loadMailTemplates({
    ...(dir === undefined ? {} : { dir }),
    ...(language === undefined ? {} : { language }),
  });
  const sending = createTransport(transportOptions(address, connectMs, answerMs));
  const checking = createTransport(transportOptions(address, checkMs, checkMs));
  const closing = new AbortController();

  function render(mail: Mail): RenderedMail {
    if (!isPlainAddress(mail.to)) throw new SmtpRefusal("The address cannot be mailed to.", "EADDRESS");
    try {
      return templates.render(mail);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new SmtpRefusal(error.message, "ETEMPLATE");
    }
  }

  return {
    async send(mail, messageId) {
      if (!messageIdPattern.test(messageId)) throw new TypeError("A message id has letters, digits, `_`, `.` and `-`.");
      const { subject, text, html } = render(mail);
      const to = { name: "", address: mail.to };
      try {
        await sending.sendMail({
          from: { ...sender },
          to,
          envelope: { from: sender.address, to: mail.to },
          subject,
          text,
          html,
          messageId: `<${messageId}@${domain}>`,
          headers: {
            // RFC 3834: nobody's out-of-office note is to answer it.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "Content-Language": templates.language,
          },
          disableFileAccess: true,
          disableUrlAccess: true,
          xMailer: false,
          signal: AbortSignal.any([closing.signal, AbortSignal.timeout(sendMs)]),
        });
      } catch (error) {
        throw smtpFault(error);
      }
    },

    async check() {
      const { promise: tooLate, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject({ code: "ETIMEDOUT" }), checkMs);
      try {
        await Promise.race([checking.verify(), tooLate]);
      } catch (error) {
        throw smtpFault(error);
      } finally {
        clearTimeout(timer);
      }
    },

    close() {
      closing.abort();
      sending.close();
      checking.close();
    },
  };
}

function transportOptions(address: SmtpAddress, connectMs: number, answerMs: number) {
  const { host, port, tls, verifyCertificate, credentials } = address;
  return {
    host,
    port,
    secure: tls === "immediate",
    requireTLS: tls === "required",
    ignoreTLS: tls === "off",
    tls: { rejectUnauthorized: verifyCertificate },
    ...(credentials === undefined ? {} : { auth: { user: credentials.user, pass: credentials.password } }),
    // Without it, a server that offers no login would be given the mail without one.
    forceAuth: credentials !== undefined,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: answerMs,
    socketCloseTimeout: 1_000,
  };
}
