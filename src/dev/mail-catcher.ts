import { once } from "node:events";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import { parseMail } from "./mail-message.ts";
import { type CaughtMail, createMailPages } from "./mail-page.ts";
import { freePort } from "./ports.ts";

/** An SMTP server that delivers to a folder and to a web page. */
export type MailCatcher = {
  /** Where programs send: `smtp://127.0.0.1:PORT`. */
  smtp: { host: string; port: number; url: string };
  /** Where people and scripts read: a page, and JSON at `/messages`. */
  url: string;
  /** One `.eml` file a mail, in the order of their names. */
  dir: string;
  stop(): Promise<void>;
};

const HOST = "127.0.0.1";
const MAX_BYTES = 10 * 1024 * 1024;

/**
 * Starts a mail catcher on the loopback address with an empty folder.
 *
 * @param wished ports that are taken if they are free, else others
 */
export async function startMailCatcher(
  dir: string,
  wished: { smtp?: number; http?: number } = {},
): Promise<MailCatcher> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const mails: CaughtMail[] = [];
  let count = 0;

  async function keep(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const source = await buffer(stream);
    if (stream.sizeExceeded) throw Object.assign(new Error("The mail is too large."), { responseCode: 552 });
    count += 1;
    const id = String(count).padStart(5, "0");
    // Renamed when it is whole, so that nobody who watches the folder reads half a mail.
    await writeFile(join(dir, `.${id}`), source, { mode: 0o600 });
    await rename(join(dir, `.${id}`), join(dir, `${id}.eml`));
    const recipients = session.envelope.rcptTo.map(({ address }) => address);
    mails.push({ id, receivedAt: new Date().toISOString(), recipients, ...parseMail(source) });
  }

  const smtp = new SMTPServer({
    banner: "Headgate mail catcher",
    disabledCommands: ["AUTH", "STARTTLS"],
    authOptional: true,
    disableReverseLookup: true,
    size: MAX_BYTES,
    logger: false,
    onData: (stream, session, done) => {
      keep(stream, session).then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
  // A sender that hangs up in the middle is the sender's affair.
  smtp.on("error", () => {});
  const smtpPort = await freePort(wished.smtp);
  smtp.listen(smtpPort, HOST);
  await once(smtp.server, "listening");

  const pages = createMailPages({ list: () => mails, source: (id) => readFile(join(dir, `${id}.eml`)) });
  const httpPort = await freePort(wished.http);
  pages.listen(httpPort, HOST);
  await once(pages, "listening");

  return {
    smtp: { host: HOST, port: smtpPort, url: `smtp://${HOST}:${smtpPort}` },
    url: `http://localhost:${httpPort}`,
    dir,
    stop: async () => {
      pages.closeAllConnections();
      await Promise.all([
        new Promise((resolve) => smtp.close(() => resolve(undefined))),
        new Promise((resolve) => pages.close(resolve)),
      ]);
    },
  };
}
