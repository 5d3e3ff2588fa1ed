import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DevError } from "./dev-error.ts";

/** What runs, for scripts: the content of dev.json. */
export type DevState = {
  gateway: { url: string };
  keycloak: { url: string; realm: string; admin: { username: string; password: string } };
  mail: { url: string; dir: string };
  apps: { id: string; secret: string; licensed: boolean }[];
  users: { email: string; password: string; totpSecret?: string }[];
  store: { url: string };
  /** The process to end for all of it to stop. */
  pid: number;
  /** The settings of the gateway, from which further gateways can be started. */
  env: Record<string, string>;
};

/** The folder of one running environment. */
export type StateDir = {
  path: string;
  logs: string;
  mail: string;
  /** For data of this run alone. */
  run: string;
  /** Files that say that something runs. */
  files: readonly string[];
  publish(state: DevState): Promise<void>;
  /** Takes back what {@link StateDir.publish} wrote. Synchronous, so that a hard end can call it. */
  retract(): void;
  /** Leaves the folder to the next start. */
  release(): void;
};

const run = promisify(execFile);

/**
 * Takes the folder for this process and clears what a killed run left in it.
 *
 * @throws DevError when another environment uses it
 */
export async function takeStateDir(path: string): Promise<StateDir> {
  const owner = join(path, "dev.pid");
  const published = [join(path, "dev.json"), join(path, "dev.env")];
  const runDir = join(path, "run");
  const logs = join(path, "logs");
  mkdirSync(path, { recursive: true });
  await takeOwnership(owner, path);
  const retract = () => {
    for (const file of published) rmSync(file, { force: true });
  };
  retract();
  rmSync(runDir, { recursive: true, force: true });
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(runDir, { mode: 0o700 });
  return {
    path,
    logs,
    mail: join(path, "mail"),
    run: runDir,
    files: [...published, runDir, owner],
    retract,
    publish: async (state) => {
      await writePrivate(join(path, "dev.env"), envFile(state.env));
      await writePrivate(join(path, "dev.json"), `${JSON.stringify(state, null, 2)}\n`);
    },
    release: () => {
      rmSync(runDir, { recursive: true, force: true });
      rmSync(owner, { force: true });
    },
  };
}

async function takeOwnership(file: string, path: string): Promise<void> {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const pid = Number(readFileSync(file, "utf8"));
  if (await isDevProcess(pid))
    throw new DevError(
      `An environment runs here already (process ${pid}). Stop it with Ctrl-C in its terminal, or with: kill ${pid}\n` +
        `To start a second one beside it: npm run dev -- --state-dir ${path}-2 --port 8788 --keycloak-port 8181`,
    );
  writeFileSync(file, String(process.pid));
}

// The number of a process that is gone may have been given to another program.
async function isDevProcess(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const command = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => undefined);
  return command === undefined || command.stdout.includes("dev/main.ts");
}

async function writePrivate(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function envFile(env: Record<string, string>): string {
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'`);
  return `# Another gateway: (set -a; . THIS_FILE; HEADGATE_PORT=8788 node bin/headgate.mjs start)\n${lines.join("\n")}\n`;
}
