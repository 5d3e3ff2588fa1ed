import { limits } from "../../contract/limits.ts";
import { foldEmail } from "../lockout/account-name.ts";
import type { AccountDirectory } from "../ports/account-directory.ts";
import type { App, AppRegistry } from "../ports/app-registry.ts";
import type { IdentityProvider, UserRecord } from "../ports/identity-provider.ts";
import type { Mailer, MailJob, MailTokenPurpose, TakenMailJob } from "../ports/mail.ts";
import type { Random } from "../ports/random.ts";
import type { MailTokens } from "./mail-tokens.ts";

/** How a job ended that threw nothing. */
export type MailJobResult =
  /** Sent, or there was nothing to send. */
  | { readonly kind: "done" }
  /** It cannot be done as things are. The reason holds no address and no token. */
  | { readonly kind: "impossible"; readonly reason: string };

/** Does one mail job; what it throws is worth another try, a MailRefused apart. */
export type DoMailJob = (taken: TakenMailJob) => Promise<MailJobResult>;

type RequestJob = Extract<MailJob, { type: "request" }>;
type NotifyJob = Extract<MailJob, { type: "notify" }>;

/** What a link mail is made of. */
interface LinkMail {
  readonly ttlSeconds: number;
  /** The app's setting that holds the link. */
  readonly setting: keyof App["links"];
  isDue(user: UserRecord): boolean;
}

const linkMails: Record<MailTokenPurpose, LinkMail> = {
  "verify-email": {
    ttlSeconds: limits.verificationTokenTtlSeconds,
    setting: "verifyEmail",
    isDue: (user) => !user.emailVerified,
  },
  "reset-password": { ttlSeconds: limits.resetTokenTtlSeconds, setting: "resetPassword", isDue: () => true },
};

const done: MailJobResult = { kind: "done" };

/** What mail jobs need. */
export interface MailJobDeps {
  readonly mailer: Mailer;
  readonly tokens: MailTokens;
  readonly identityProvider: Pick<IdentityProvider, "findUserByEmail">;
  readonly accounts: Pick<AccountDirectory, "isEnabled">;
  readonly apps: AppRegistry;
  readonly random: Random;
}

export function createMailJobs(deps: MailJobDeps): DoMailJob {
  const { mailer, tokens, identityProvider, accounts, apps, random } = deps;

  /** Whoever may get a mail at this address. */
  async function recipient(email: string): Promise<UserRecord | undefined> {
    const user = await identityProvider.findUserByEmail(email);
    return user !== undefined && (await accounts.isEnabled(user.userId)) ? user : undefined;
  }

  async function request(id: string, { purpose, email, appId }: RequestJob): Promise<MailJobResult> {
    const { ttlSeconds, setting, isDue } = linkMails[purpose];
    const user = await recipient(email);
    if (user === undefined || !isDue(user)) return done;
    const app = apps.find(appId);
    const page = app?.links[setting];
    if (app === undefined || page === undefined || !URL.canParse(page)) {
      return { kind: "impossible", reason: `the apps file has no usable links.${setting} for the app ${appId}` };
    }
    // To the address of the record, never to the one of the request: the two may merely look or fold alike.
    const { userId, firstName, email: to } = user;
    const link = new URL(page);
    link.searchParams.set("token", await tokens.issue({ purpose, userId, email: to, appId }, ttlSeconds));
    // Another try has another token, so it is another mail: a mailbox that drops doubles must not drop the good link.
    const messageId = `${id}.${random.token(6)}`;
    const minutes = ttlSeconds / 60;
    await mailer.send(
      { kind: purpose, to, firstName, appName: app.displayName, link: link.toString(), minutes },
      messageId,
    );
    return done;
  }

  async function notify(id: string, { kind, email, appId, minutes }: NotifyJob): Promise<MailJobResult> {
    const plain = foldEmail(email);
    // A lock counts look-alikes of an address with it: the account that it locked may be the plain one's.
    const orPlain = kind === "account-locked" && plain !== email.toLowerCase();
    const user = (await recipient(email)) ?? (orPlain ? await recipient(plain) : undefined);
    if (user === undefined) return done;
    const appName = apps.find(appId)?.displayName ?? appId;
    const { email: to, firstName } = user;
    await mailer.send({ kind, to, firstName, appName, ...(minutes === undefined ? {} : { minutes }) }, id);
    return done;
  }

  return async ({ id, job }) => {
    switch (job.type) {
      case "send":
        await mailer.send(job.mail, id);
        return done;
      case "request":
        return request(id, job);
      case "notify":
        return notify(id, job);
    }
  };
}

/** How long after its start a job is tried again, in milliseconds: a link is of use only as long as somebody waits for it. */
export function maxAgeMs(job: MailJob): number {
  const seconds = job.type === "request" ? linkMails[job.purpose].ttlSeconds : limits.verificationTokenTtlSeconds;
  return seconds * 1000;
}
