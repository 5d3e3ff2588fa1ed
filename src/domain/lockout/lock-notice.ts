import type { MailOutbox } from "../ports/mail.ts";

/** A wrong attempt that has locked an account. */
export interface Lock {
  /** As it was typed, or as the user record has it. */
  readonly email: string;
  /** The app client through which it was locked. */
  readonly appId: string;
  readonly lockSeconds: number;
}

/**
 * Tells the owner of an account of a lock. The same is done for addresses without an account: who is behind one is looked
 * up when the mail is made.
 */
export function notifyLock(outbox: Pick<MailOutbox, "add">, { email, appId, lockSeconds }: Lock): Promise<void> {
  return outbox.add({ type: "notify", kind: "account-locked", email, appId, minutes: Math.ceil(lockSeconds / 60) });
}
