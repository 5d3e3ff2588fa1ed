import { createTransport } from "nodemailer";

/** The connection to the mail server. */
export interface SmtpConnection {
  /** Resolves when the server takes a connection and the credentials, rejects when not. */
  check(): Promise<void>;
  close(): void;
}

const timeoutMs = 2_000;

/** Creates the connection; nothing is opened before the first use. `url` is `smtp://` or `smtps://`, with credentials if any. */
export function createSmtpConnection(url: string): SmtpConnection {
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
  });
  return {
    async check() {
      await transport.verify();
    },
    close: () => transport.close(),
  };
}
