import type { MailQueue } from "../domain/ports/mail-queue.ts";
import { table } from "./table.ts";

/** What `headgate mail` was asked to do. */
export type MailCommand =
  | { readonly kind: "mail-list" }
  /** Without an id: all dead jobs. */
  | { readonly kind: "mail-replay"; readonly id?: string }
  | { readonly kind: "unknown"; readonly problem: string };

export const mailUsage = `  mail list             show the mail jobs that wait and those that were given up
  mail replay <id>      try a mail job again that was given up
  mail replay --all     try all of them again
`;

/** What the mail commands work with. */
export interface MailCommandDeps {
  readonly queue: MailQueue;
  /** Writes text to the standard output. */
  readonly print: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const shownJobs = 100;

/** Reads the arguments that follow `headgate mail`. */
export function parseMailCommand(args: readonly string[]): MailCommand {
  const [name, what, ...rest] = args;
  if (name === "list" && what === undefined) return { kind: "mail-list" };
  if (name === "list") return { kind: "unknown", problem: `"mail list" takes no arguments.` };
  if (name === "replay") {
    if (what === undefined || rest.length > 0)
      return { kind: "unknown", problem: `"mail replay" takes the id of a job, or --all.` };
    return what === "--all" ? { kind: "mail-replay" } : { kind: "mail-replay", id: what };
  }
  const problem = name === undefined ? `"mail" takes a command.` : `There is no command "mail ${name}".`;
  return { kind: "unknown", problem };
}

/** Prints the jobs that wait and those that were given up; no address is among what is printed. */
export async function listMail({ queue, print, now }: MailCommandDeps): Promise<void> {
  const size = await queue.size();
  const waiting = await queue.waiting(shownJobs);
  const dead = await queue.dead(shownJobs);

  print(`Waiting: ${size.waiting}\n`);
  const waitingRows = waiting.map(({ id, type, enqueuedAt, tries, dueAt }) => {
    const due = dueAt <= now ? "now" : `in ${spell(dueAt - now)}`;
    return [id, type, spell(now - enqueuedAt), String(tries), due];
  });
  if (waitingRows.length > 0) print(table(["ID", "TYPE", "AGE", "TRIES", "DUE"], waitingRows));
  print(more(size.waiting - waiting.length));

  print(`\nGiven up: ${size.dead}\n`);
  const deadRows = dead.map(({ id, type, enqueuedAt, diedAt, reason }) => {
    return [id, type, spell(now - enqueuedAt), `${spell(now - diedAt)} ago`, reason];
  });
  if (deadRows.length > 0) print(table(["ID", "TYPE", "AGE", "GIVEN UP", "REASON"], deadRows));
  print(more(size.dead - dead.length));
}

/** Makes dead jobs due again and prints how many; false when there is no such job. */
export async function replayMail({ queue, print }: MailCommandDeps, id?: string): Promise<boolean> {
  const count = await queue.replay(id);
  if (id !== undefined && count === 0) {
    print("No job with this id was given up.\n");
    return false;
  }
  print(count === 1 ? "1 job will be tried again.\n" : `${count} jobs will be tried again.\n`);
  return true;
}

function more(count: number): string {
  return count > 0 ? `  and ${count} more\n` : "";
}

/** `45 s`, `12 min`, `3 h`, `5 d`, rounded down. */
function spell(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
