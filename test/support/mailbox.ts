import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type MailCatcher, startMailCatcher } from "../../src/dev/mail-catcher.ts";

/** A mail as the catcher's page tells it. */
export interface CaughtMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** A real SMTP server of a test's own, and what came in. */
export interface Mailbox {
  /** For a gateway's `HEADGATE_SMTP_URL`. */
  readonly smtpUrl: string;
  readonly smtpPort: number;
  /** Everything that was sent to an address so far. */
  mailsTo(email: string): Promise<readonly CaughtMail[]>;
  /** The newest mail to an address whose text matches; waits 20 seconds for it. */
  waitFor(email: string, pattern: RegExp): Promise<CaughtMail>;
  stop(): Promise<void>;
}

const waitMs = 20_000;

/** Starts a mailbox, on a given port if it is free. */
export async function startMailbox(smtpPort?: number): Promise<Mailbox> {
  const dir = await mkdtemp(join(tmpdir(), "headgate-mail-"));
  const catcher: MailCatcher = await startMailCatcher(dir, smtpPort === undefined ? {} : { smtp: smtpPort });

  async function mailsTo(email: string): Promise<readonly CaughtMail[]> {
    const response = await fetch(`${catcher.url}/messages`);
    const mails = (await response.json()) as (CaughtMail & { recipients: string[] })[];
    return mails.filter(({ recipients }) => recipients.includes(email));
  }

  return {
    smtpUrl: catcher.smtp.url,
    smtpPort: catcher.smtp.port,
    mailsTo,
    async waitFor(email, pattern) {
      for (const giveUpAt = Date.now() + waitMs; ; ) {
        const mails = await mailsTo(email);
        const found = mails.findLast(({ text }) => pattern.test(text.replaceAll(/\s+/g, " ")));
        if (found !== undefined) return found;
        if (Date.now() > giveUpAt) {
          throw new Error(
            `No mail to ${email} matches ${pattern}; there are:\n${mails.map(({ text }) => text).join("\n--\n")}`,
          );
        }
        await sleep(50);
      }
    },
    async stop() {
      await catcher.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The token of the link in a mail, and the page that the link leads to. */
export function linkIn({ text }: CaughtMail): { readonly page: string; readonly token: string } {
  const link = /https?:\/\/\S+/.exec(text)?.[0];
  if (link === undefined) throw new Error(`There is no link in the mail:\n${text}`);
  const url = new URL(link);
  return { page: `${url.origin}${url.pathname}`, token: url.searchParams.get("token") ?? "" };
}
