import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createProcesses } from "../../src/dev/processes.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-processes-"));
});
afterEach(() => rm(dir, { recursive: true }));

// A program that starts another one and ignores the polite signal, as a server with a wrapper script may do.
const STUBBORN = "trap '' TERM; sleep 300 & echo $!; wait";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("programs that were started", () => {
  test("end with all that they started themselves", async () => {
    const processes = createProcesses(dir);
    const child = processes.start({ name: "Stubborn", command: "sh", args: ["-c", STUBBORN], env: process.env });
    await vi.waitFor(() => expect(child.lastLines()).toHaveLength(1));
    const grandchild = Number(child.lastLines()[0]);
    expect(isAlive(grandchild)).toBe(true);
    await child.stop(200);
    expect(await child.exited).toBe("SIGKILL");
    await vi.waitFor(() => expect(isAlive(grandchild)).toBe(false), { timeout: 10_000 });
    await processes.close();
  });

  test("get no successor after the end", async () => {
    const processes = createProcesses(dir);
    await processes.close();
    expect(() => processes.start({ name: "Late", command: "true", args: [], env: process.env })).toThrow();
  });

  test("that cannot be started say why", async () => {
    const processes = createProcesses(dir);
    const { code, child } = await processes.run({
      name: "None",
      command: "no-such-program",
      args: [],
      env: process.env,
    });
    expect(code).toBe(-1);
    expect(child.lastLines().join()).toContain("ENOENT");
    await processes.close();
  });

  test("keep their last lines and a whole log", async () => {
    const processes = createProcesses(dir);
    const args = ["-c", "seq 100; exit 3"];
    const { code, child } = await processes.run({ name: "Counting up", command: "sh", args, env: process.env });
    expect(code).toBe(3);
    expect(child.lastLines().at(-1)).toBe("100");
    expect(child.lastLines().length).toBeLessThan(100);
    expect(child.logFile).toBe(join(dir, "counting-up.log"));
    await processes.close();
  });
});

// Fault: the terminal, an editor or the kernel's memory killer ends the starting process by SIGKILL, which nobody can
// handle. A Keycloak that nobody knows of would then hold its port and half a gigabyte for days.
test("nothing is left behind by a start that is killed", async () => {
  const file = join(dir, "a file that says something runs");
  await writeFile(file, "");
  const script = `
    import { createProcesses } from ${JSON.stringify(join(import.meta.dirname, "../../src/dev/processes.ts"))};
    const processes = createProcesses(${JSON.stringify(dir)});
    processes.guard.removeAtDeath(${JSON.stringify(file)});
    const child = processes.start({ name: "Sleeper", command: "sleep", args: ["300"], env: process.env });
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output] = await once(parent.stdout, "data");
  const sleeper = Number(String(output));
  expect(isAlive(sleeper)).toBe(true);
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(isAlive(sleeper)).toBe(false), { timeout: 20_000 });
  await vi.waitFor(() => expect(access(file)).rejects.toThrow("ENOENT"), { timeout: 20_000 });
});
