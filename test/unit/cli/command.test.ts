import { expect, test } from "vitest";
import { parseCommand, usage } from "../../../src/cli/command.ts";

test.each([
  [["start"], { kind: "start" }],
  [["check-config"], { kind: "check-config" }],
  [["help"], { kind: "help" }],
  [["--help"], { kind: "help" }],
  [["-h"], { kind: "help" }],
  [["help", "start"], { kind: "help" }],
  [[], { kind: "unknown", problem: "A command is missing." }],
  [["stat"], { kind: "unknown", problem: 'There is no command "stat".' }],
  [["--port"], { kind: "unknown", problem: 'There is no command "--port".' }],
  [["START"], { kind: "unknown", problem: 'There is no command "START".' }],
  [["start", "--port", "80"], { kind: "unknown", problem: '"start" takes no arguments.' }],
  [["mail", "list"], { kind: "mail-list" }],
  [["mail", "replay", "vXk3k8dJt2QmZf1xY0aPq7"], { kind: "mail-replay", id: "vXk3k8dJt2QmZf1xY0aPq7" }],
  [["mail", "replay", "--all"], { kind: "mail-replay" }],
  [["mail"], { kind: "unknown", problem: '"mail" takes a command.' }],
  [["mail", "send"], { kind: "unknown", problem: 'There is no command "mail send".' }],
  [["mail", "list", "all"], { kind: "unknown", problem: '"mail list" takes no arguments.' }],
  [["mail", "replay"], { kind: "unknown", problem: '"mail replay" takes the id of a job, or --all.' }],
  [["check-config", "file"], { kind: "unknown", problem: '"check-config" takes no arguments.' }],
])("%j", (args, command) => {
  expect(parseCommand(args)).toEqual(command);
});

test("the usage names every command, as it is understood", () => {
  const named = [...usage.matchAll(/^ {2}(\S+(?: \S+)*) {2,}\S/gm)].map(([, command = ""]) => command.split(" "));
  expect(named.map((args) => parseCommand(args))).toEqual([
    { kind: "start" },
    { kind: "check-config" },
    { kind: "mail-list" },
    { kind: "mail-replay", id: "<id>" },
    { kind: "mail-replay" },
    { kind: "help" },
  ]);
});
