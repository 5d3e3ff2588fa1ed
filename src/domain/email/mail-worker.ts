import { type MailOutbox, MailRefused, type TakenMailJob } from "../ports/mail.ts";
import { createMailJobs, type MailJobDeps, maxAgeMs } from "./mail-jobs.ts";
import type { WakeUp } from "./wake-up.ts";

/** Sends what is in the outbox. */
export interface MailWorker {
  /** Does the job that is due first; false when none is. Rejects only when the outbox cannot be read. */
  runOnce(): Promise<boolean>;
  /** Works until aborted, and resolves when what it had begun has ended. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** Where the worker reports what concerns no request; any pino logger fits. */
export interface MailWorkerLog {
  warn(fields: object, message: string): void;
}

const firstDelayMs = 5_000;
const maxDelayMs = 15 * 60_000;

/** How long to wait after a failed try; `tries` are those before it. */
function delayMs(tries: number): number {
  return Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(tries, 20));
}

/** What may be told of a fault: its name and its code. Messages of mail servers hold addresses. */
function faultName(fault: unknown): string {
  if (!(fault instanceof Error)) return "not an error";
  const { code } = fault as { code?: unknown };
  return typeof code === "string" && /^[A-Z0-9_]{1,40}$/.test(code) ? `${fault.name} ${code}` : fault.name;
}

/**
 * Any number of workers, in any number of processes, share an outbox. A job whose worker dies is taken up by another one
 * when its lease ends; so a mail can go out twice, with the same Message-ID or with a newer link, but none is lost.
 */
export function createMailWorker(
  deps: MailJobDeps & {
    readonly outbox: MailOutbox;
    readonly wakeUp: WakeUp;
    readonly log?: MailWorkerLog;
    /** Longer than a job takes with all its time-outs. Default 60,000. */
    readonly leaseMs?: number;
    /** How often the outbox is looked at unasked, for jobs of other processes and those to be tried again. Default 1,000. */
    readonly pollMs?: number;
    /** Jobs done at the same time. Default 4. */
    readonly concurrency?: number;
  },
): MailWorker {
  const { outbox, wakeUp, log, leaseMs = 60_000, pollMs = 1_000, concurrency = 4 } = deps;
  const doJob = createMailJobs(deps);

  async function settle({ id, job, tries, ageMs }: TakenMailJob, fault: unknown): Promise<void> {
    const about = { jobId: id, type: job.type, tries: tries + 1, fault: faultName(fault) };
    const leftMs = maxAgeMs(job) - ageMs;
    if (fault instanceof MailRefused || leftMs <= 0) {
      const reason = fault instanceof MailRefused ? "the mail server refused the mail" : "tried for too long";
      await outbox.bury(id, `${reason}: ${about.fault}`);
      log?.warn(about, "mail job given up");
    } else {
      await outbox.retry(id, Math.min(delayMs(tries), leftMs));
      log?.warn(about, "mail job failed, it is tried again");
    }
  }

  /** Never rejects: a job whose end could not be written down comes back when its lease ends. */
  async function work(taken: TakenMailJob): Promise<void> {
    try {
      const result = await doJob(taken).catch((fault: unknown) => ({ kind: "failed", fault }) as const);
      if (result.kind === "failed") return await settle(taken, result.fault);
      if (result.kind === "done") return await outbox.done(taken.id);
      await outbox.bury(taken.id, result.reason);
      log?.warn({ jobId: taken.id, type: taken.job.type, reason: result.reason }, "mail job given up");
    } catch (fault) {
      log?.warn({ jobId: taken.id, fault: faultName(fault) }, "the end of a mail job could not be written down");
    }
  }

  return {
    async runOnce() {
      const taken = await outbox.take(leaseMs);
      if (taken === undefined) return false;
      await work(taken);
      return true;
    },

    async run(signal) {
      const running = new Set<Promise<void>>();
      let failedReads = 0;

      /** Undefined when there is nothing to do now. */
      async function take(): Promise<TakenMailJob | undefined> {
        try {
          const taken = await outbox.take(leaseMs);
          failedReads = 0;
          return taken;
        } catch (fault) {
          failedReads += 1;
          // The first one may only come before the store is connected; from the second on, once is enough.
          if (failedReads === 2) log?.warn({ fault: faultName(fault) }, "the mail outbox cannot be read");
          return undefined;
        }
      }

      while (!signal.aborted) {
        if (running.size >= concurrency) {
          await Promise.race(running);
          continue;
        }
        const taken = await take();
        if (taken === undefined) {
          await wakeUp.wait(pollMs, signal);
          continue;
        }
        const job = work(taken).finally(() => running.delete(job));
        running.add(job);
      }
      await Promise.all(running);
    },
  };
}
