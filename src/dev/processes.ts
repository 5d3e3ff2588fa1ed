import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DevError } from "./dev-error.ts";
import { type Guard, startGuard } from "./guard.ts";

/** A program that was started, in a process group of its own. */
export type Child = {
  name: string;
  pid: number;
  logFile: string;
  isRunning(): boolean;
  /** The exit code, or the name of the signal that ended it. */
  exited: Promise<number | string>;
  lastLines(): readonly string[];
  /** Asks the whole group to end, and ends it by force after `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

/** What to start. */
export type Command = {
  /** For messages, and for the name of the log file. */
  name: string;
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd?: string;
};

/** Starts programs and sees to it that none of them is left behind. */
export type Processes = {
  start(command: Command): Child;
  /** Starts a program, waits for its end and gives its exit code. */
  run(command: Command): Promise<{ code: number | string; child: Child }>;
  guard: Guard;
  /** Ends every group at once, by force. */
  killAll(): void;
  /** Stops what still runs and refuses to start more. */
  close(): Promise<void>;
};

const LINES_KEPT = 25;
const CLOSE_GRACE_MS = 10_000;

/** A starter of programs that writes what they print to `logDir`. */
export function createProcesses(logDir: string): Processes {
  const guard = startGuard();
  const children = new Set<Child>();
  let closed = false;
  mkdirSync(logDir, { recursive: true });

  function start(command: Command): Child {
    if (closed) throw new DevError("Stopped.");
    // An own group: the terminal's Ctrl-C reaches this process only, which then stops things in their order.
    const process_ = spawn(command.command, [...command.args], {
      env: command.env,
      cwd: command.cwd,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = watch(process_, command, join(logDir, `${command.name.toLowerCase().replaceAll(" ", "-")}.log`));
    if (child.pid > 0) {
      children.add(child);
      guard.watch(child.pid);
      child.exited.then(() => {
        // What the program itself left behind in its group goes with it.
        signalGroup(child.pid, "SIGKILL");
        guard.forget(child.pid);
        children.delete(child);
      });
    }
    return child;
  }

  return {
    start,
    run: async (command) => {
      const child = start(command);
      return { code: await child.exited, child };
    },
    guard,
    killAll: () => {
      closed = true;
      for (const child of children) signalGroup(child.pid, "SIGKILL");
      guard.close();
    },
    close: async () => {
      closed = true;
      await Promise.all([...children].map((child) => child.stop(CLOSE_GRACE_MS)));
      guard.close();
    },
  };
}

function watch(process_: ChildProcess, command: Command, logFile: string): Child {
  const log = createWriteStream(logFile, { flags: "w", mode: 0o600 });
  const lines: string[] = [];
  let running = process_.pid !== undefined;
  const note = (text: string) => {
    log.write(text);
    lines.push(...text.split("\n").filter((line) => line.trim() !== ""));
    lines.splice(0, Math.max(0, lines.length - LINES_KEPT));
  };
  process_.stdout?.setEncoding("utf8").on("data", note);
  process_.stderr?.setEncoding("utf8").on("data", note);
  const exited = new Promise<number | string>((resolve) => {
    process_.once("error", (error) => {
      if (running) return;
      note(`${error.message}\n`);
      resolve(-1);
    });
    // "exit" and not "close": a grandchild may keep the pipes open.
    process_.once("exit", (code, signal) => resolve(signal ?? code ?? -1));
  }).then((result) => {
    running = false;
    // The pipes may still hold the last lines.
    return new Promise<number | string>((resolve) => setTimeout(() => log.end(() => resolve(result)), 50));
  });
  const pid = process_.pid ?? 0;
  return {
    name: command.name,
    pid,
    logFile,
    isRunning: () => running,
    exited,
    lastLines: () => lines,
    stop: async (graceMs) => {
      if (!running) return;
      signalGroup(pid, "SIGTERM");
      const done = await Promise.race([exited.then(() => true), sleep(graceMs, false, { ref: false })]);
      if (!done) signalGroup(pid, "SIGKILL");
      await exited;
    },
  };
}

function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal);
  } catch {
    // The group is gone already.
  }
}
