/** The mails that the gateway sends. */
export type MailKind =
  | "verify-email"
  | "reset-password"
  | "password-changed"
  | "account-exists"
  | "mfa-enabled"
  | "mfa-disabled"
  | "backup-codes-renewed"
  | "account-locked";

/** A mail ready to be rendered and sent. */
export interface Mail {
  readonly kind: MailKind;
  /** The recipient's address. */
  readonly to: string;
  readonly firstName: string;
  /** Display name of the app on whose behalf it goes out. */
  readonly appName: string;
  /** For mails with a link: the app's own URL with `?token=`. */
  readonly link?: string;
  /** Minutes, for the text of mails with a link or a lock. */
  readonly minutes?: number;
}

/** The mail server refused this very mail for good, such as an address without a mailbox: trying again is useless. */
export class MailRefused extends Error {
  override readonly name = "MailRefused";
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
  }
}

/** Sends mails. */
export interface Mailer {
  /**
   * Sends one mail now, within a time-out of its own of at most 20 seconds. Throws {@link MailRefused} when the server
   * refuses the mail for good; every other rejection is worth another try.
   *
   * @param messageId the left part of the Message-ID: letters, digits, `_`, `-` and `.`. The same one means the same mail.
   */
  send(mail: Mail, messageId: string): Promise<void>;
}

/**
 * Something to be done by mail. Requests name an address only: whether an account is behind it is looked up when the job
 * runs, so that the answer to the caller takes the same time either way.
 */
export type MailJob =
  | { readonly type: "send"; readonly mail: Mail }
  | { readonly type: "request"; readonly purpose: MailTokenPurpose; readonly email: string; readonly appId: string }
  /** By the store's account name nothing can be mailed: the address is carried, encrypted like every job. */
  | {
      readonly type: "notify";
      readonly kind: Exclude<MailKind, "verify-email" | "reset-password">;
      readonly email: string;
      readonly appId: string;
      readonly minutes?: number;
    };

/** A job taken from the outbox; whoever took it has it alone until its lease ends. */
export interface TakenMailJob {
  readonly id: string;
  readonly job: MailJob;
  /** Tries before this one. */
  readonly tries: number;
  /** How long ago it was added, in milliseconds on the store's clock. */
  readonly ageMs: number;
}

/** A job that was given up. */
export interface DeadMailJob {
  readonly id: string;
  readonly type: MailJob["type"];
  readonly enqueuedAt: number;
  readonly diedAt: number;
  readonly reason: string;
}

/**
 * Mail jobs that survive the process, in the store, encrypted. A job is acknowledged to the caller once `add` has resolved;
 * it is then done at least once.
 */
export interface MailOutbox {
  add(job: MailJob): Promise<void>;
  /** The job that is due first, or undefined. */
  take(leaseMs: number): Promise<TakenMailJob | undefined>;
  done(id: string): Promise<void>;
  /** Tries again after the delay. */
  retry(id: string, delayMs: number): Promise<void>;
  bury(id: string, reason: string): Promise<void>;
  /** The oldest first. */
  dead(limit: number): Promise<readonly DeadMailJob[]>;
  /** Makes dead jobs due again, as new ones: their tries and age start over. One, or all of them; returns how many. */
  replay(id?: string): Promise<number>;
  /** Jobs that wait, and dead ones. */
  size(): Promise<{ readonly waiting: number; readonly dead: number }>;
}

/** What a token in a mail is good for. */
export type MailTokenPurpose = "verify-email" | "reset-password";

/** What a mail token stands for. */
export interface MailToken {
  readonly purpose: MailTokenPurpose;
  readonly userId: string;
  /** The address that it was sent to. */
  readonly email: string;
  readonly appId: string;
}

/** Mail tokens under the keyed hash of the token. A newer one of the same purpose and user replaces the older one. */
export interface MailTokenStore {
  put(tokenHash: string, token: MailToken, ttlSeconds: number): Promise<void>;
  /** Reads and removes it in one step; undefined for an unknown, used, replaced or expired one. */
  take(tokenHash: string): Promise<{ readonly token: MailToken; readonly remainingMs: number } | undefined>;
  /** Puts a taken token back, unless a newer one was issued. */
  restore(tokenHash: string, token: MailToken, remainingMs: number): Promise<void>;
}
