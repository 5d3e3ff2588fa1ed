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
  [["check-config", "file"], { kind: "unknown", problem: '"check-config" takes no arguments.' }],
])("%j", (args, command) => {
  expect(parseCommand(args)).toEqual(command);
});

test("the usage names every command that is understood", () => {
  const named = [...usage.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name as string);
  expect(named).toEqual(["start", "check-config", "help"]);
  for (const name of named) expect(parseCommand([name])).toEqual({ kind: name });
});
