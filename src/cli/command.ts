import { type MailCommand, mailUsage, parseMailCommand } from "./mail.ts";

/** What the `headgate` command was asked to do. */
export type Command =
  | { readonly kind: "start" | "check-config" | "help" }
  | MailCommand
  | { readonly kind: "unknown"; readonly problem: string };

export const usage = `Usage: headgate <command>

  start                 run the gateway; everything is configured by the environment
  check-config          read the environment and the apps file, and print what is wrong with them
${mailUsage}  help                  print this

Variables are described in docs/configuration.md.
`;

/** Reads the arguments that follow `headgate`. */
export function parseCommand(args: readonly string[]): Command {
  const [name, ...rest] = args;
  if (name === undefined) return { kind: "unknown", problem: "A command is missing." };
  if (name === "help" || name === "--help" || name === "-h") return { kind: "help" };
  if (name === "mail") return parseMailCommand(rest);
  if (name !== "start" && name !== "check-config")
    return { kind: "unknown", problem: `There is no command "${name}".` };
  if (rest.length > 0) return { kind: "unknown", problem: `"${name}" takes no arguments.` };
  return { kind: name };
}
