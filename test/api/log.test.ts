import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { StoreUnavailable, UpstreamUnavailable } from "../../src/domain/ports/faults.ts";
import { createLogger } from "../../src/observability/log.ts";

// Threat: whoever reads the logs reads passwords, codes and tokens (ASVS 16.2.5).
function logged(write: (log: ReturnType<typeof createLogger>) => void): { raw: string; line: Record<string, unknown> } {
  const lines: string[] = [];
  write(createLogger({ level: "info", destination: { write: (line: string) => void lines.push(line) } }));
  const raw = lines.join("");
  expect(raw.trim().split("\n")).toHaveLength(1);
  return { raw, line: JSON.parse(raw) as Record<string, unknown> };
}

test("fields that hold secrets are blotted out", () => {
  const secrets = {
    accessToken: "marker-1",
    authorization: "marker-2",
    body: { password: "marker-3" },
    clientSecret: "marker-4",
    code: "marker-5",
    email: "marker-6",
    headers: { "x-client-secret": "marker-7" },
    mfaToken: "marker-8",
    password: "marker-9",
    refreshToken: "marker-10",
    token: "marker-11",
  };
  const { raw, line } = logged((log) => log.info({ ...secrets, route: "/login" }, "request"));
  expect(raw).not.toContain("marker-");
  expect(line).toMatchObject({ password: "[redacted]", route: "/login", msg: "request" });
});

test("errors are logged with their causes", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:8180"), { code: "ECONNREFUSED" });
  const fault = new UpstreamUnavailable("token endpoint", "unsent", new AggregateError([refused]));
  const { line } = logged((log) => log.error({ err: fault }, "request failed"));
  expect(line["err"]).toMatchObject({
    type: "UpstreamUnavailable",
    message: "token endpoint",
    fate: "unsent",
    stack: expect.arrayContaining([expect.stringMatching(/^at .+log\.test\.ts/)]),
    cause: { type: "AggregateError", errors: [{ type: "Error", code: "ECONNREFUSED", message: refused.message }] },
  });
});

test("what libraries hang on their errors stays out", () => {
  const error = Object.assign(new Error("command failed"), {
    command: { name: "set", args: ["marker-args"] },
    response: { body: "marker-body" },
    options: { headers: { authorization: "marker-header" } },
    cause: { error_description: "marker-cause" },
    code: "marker code",
  });
  const { raw, line } = logged((log) => log.error({ err: error }, "request failed"));
  expect(raw).not.toContain("marker");
  expect(line["err"]).toMatchObject({ type: "Error", message: "command failed", cause: { type: "object" } });
});

test.each([
  ["a parser's", () => JSON.parse('{"password": marker-json}')],
  [
    "Redis's for an unknown command",
    () => {
      throw new Error("ERR unknown command 'evil', with args beginning with: 'marker-args'");
    },
  ],
])("%s message quotes its input: the quote stays out", (_whose, fail) => {
  let thrown: unknown;
  try {
    fail();
  } catch (error) {
    thrown = error;
  }
  for (const error of [thrown, new StoreUnavailable("no answer", thrown)]) {
    const { raw } = logged((log) => log.error({ err: error }, "request failed"));
    expect(raw).toMatch(/SyntaxError|ERR unknown command/);
    expect(raw).not.toContain("marker-");
  }
});

test("an error logged without words goes through the same serializer", () => {
  const error = new SyntaxError("marker-message");
  for (const write of [
    (log: ReturnType<typeof createLogger>) => log.error(error),
    (log: ReturnType<typeof createLogger>) => log.error({ err: error }),
  ]) {
    const { raw, line } = logged(write);
    expect(raw).not.toContain("marker-");
    expect(line).toMatchObject({ msg: "error", err: { type: "SyntaxError" } });
  }
});

test("endless causes, thrown strings and null are survived", () => {
  const circular = new Error("round");
  circular.cause = circular;
  expect(logged((log) => log.error({ err: circular }, "x")).raw.length).toBeLessThan(20_000);
  const { raw } = logged((log) => log.error({ err: new Error("outer", { cause: "marker-string" }) }, "x"));
  expect(raw).not.toContain("marker-");
  expect(logged((log) => log.error({ err: new Error("outer", { cause: null }) }, "x")).line["err"]).toMatchObject({
    cause: { type: "null" },
  });
});

test("a line break in a message cannot forge a line", () => {
  logged((log) => log.info({ route: '/a\n{"level":"fatal"}' }, 'x\n{"level":"fatal"}'));
});

/** The arguments of a Node that runs a program with a log that goes to standard output. */
function loggingProgram(program: string): readonly string[] {
  const log = pathToFileURL(join(import.meta.dirname, "..", "..", "src", "observability", "log.ts")).href;
  const start = `import { createLogger } from ${JSON.stringify(log)};
    const log = createLogger({ level: "info", atExit: (flush) => process.on("exit", flush) });`;
  return ["--input-type=module", "--eval", `${start}\n${program}`];
}

/** What a program has written to standard output. */
const outputOf = (program: string): string =>
  spawnSync(process.execPath, loggingProgram(program), { encoding: "utf8" }).stdout;

const messagesIn = (output: string) =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

describe("standard output", () => {
  test("the lines of a turn are written after it, in their order", () => {
    const output = outputOf(`
      log.info("one"); log.warn("two");
      process.stdout.write('{"msg":"answered"}\\n');
      setTimeout(() => log.info("three"), 5);`);
    expect(messagesIn(output)).toEqual(["answered", "one", "two", "three"]);
  });

  test.each([
    ["an error that nobody catches", 'throw new Error("crash")'],
    ["an exit", "process.exit(1)"],
  ])("%s takes no line with it", (_name, end) => {
    expect(messagesIn(outputOf(`log.info("one"); log.error("two"); ${end}`))).toEqual(["one", "two"]);
  });

  // Threat: a value that cannot be written ends the process, and every login that is under way with it.
  test("a line that cannot be made takes no other with it, and no process", () => {
    const output = outputOf(`
      log.info({ get broken() { throw new Error("marker"); } }, "one");
      log.info("two");
      setTimeout(() => log.info("three"), 5);`);
    expect(messagesIn(output)).toEqual(["a line of the log could not be made", "two", "three"]);
    expect(output).not.toContain("marker");
  });

  // Threat: a disk that is full ends the gateway, or its memory.
  test("a full disk takes neither the process nor its memory, and lines are written again when it has room", () => {
    const dir = mkdtempSync(join(tmpdir(), "headgate-log-"));
    const file = join(dir, "log");
    const output = openSync(file, "a");
    // Files can be as long as this and no longer: a file of that length is a full disk.
    const kilobytes = 65_536;
    const program = loggingProgram(`
      import { ftruncateSync, fstatSync } from "node:fs";
      import { setImmediate as turn } from "node:timers/promises";
      ftruncateSync(1, ${kilobytes} * 1024);
      const text = "x".repeat(1_000_000);
      for (let count = 0; count < 100; count++) {
        log.info({ text }, "while it is full");
        await turn();
      }
      if (fstatSync(1).size !== ${kilobytes} * 1024) process.exit(2);
      if (process.memoryUsage().rss > 200_000_000) process.exit(3);
      ftruncateSync(1, 0);
      log.info({ text }, "may be dropped");
      await turn();
      log.info({ text }, "afterwards");`);
    try {
      const limited = ["-c", `ulimit -f ${kilobytes} && exec "$@"`, "bash", process.execPath, ...program];
      const { status, stderr } = spawnSync("bash", limited, { stdio: ["ignore", output, "pipe"], encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      const messages = messagesIn(readFileSync(file, "utf8"));
      expect(messages[0]).toBe("while it is full");
      expect(messages.at(-1)).toBe("afterwards");
    } finally {
      closeSync(output);
      rmSync(dir, { recursive: true });
    }
  });
});
