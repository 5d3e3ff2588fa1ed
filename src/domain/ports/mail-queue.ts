import type { MailJob, MailOutbox } from "./mail.ts";

/** A job that waits for its time, or that a worker has taken. */
export interface WaitingMailJob {
  readonly id: string;
  readonly type: MailJob["type"];
  readonly enqueuedAt: number;
  /** When it is due; for a taken one, when its lease ends. Milliseconds since the epoch, like all times. */
  readonly dueAt: number;
  /** How often it was taken. */
  readonly tries: number;
}

/** The outbox as an operator sees it. */
export interface MailQueue extends Pick<MailOutbox, "dead" | "replay" | "size"> {
  /** The one that is due first comes first. */
  waiting(limit: number): Promise<readonly WaitingMailJob[]>;
}
