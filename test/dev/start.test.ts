import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { freePort } from "../../src/dev/ports.ts";
import type { DevState } from "../../src/dev/state.ts";
import { claimsOf, keycloakUrl, totpCode } from "../support/keycloak.ts";

const root = join(import.meta.dirname, "..", "..");
const shell = promisify(execFile);
const START_MS = 120_000;

let dir: string;
let running: Dev[] = [];

type Dev = { process: ChildProcess; output(): string; ended: Promise<number | null> };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-start-"));
});
afterEach(async () => {
  for (const dev of running) dev.process.kill("SIGTERM");
  await Promise.all(running.map((dev) => dev.ended));
  running = [];
  await rm(dir, { recursive: true });
});

/** The environment of a developer's shell, which knows nothing of the tests. */
function developerEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HEADGATE_TEST_|VITEST|NODE_ENV$)/.test(name)),
  );
}

/** What `npm run dev -- …` runs, with a folder of its own. */
function start(...args: string[]): Dev {
  const command = [join(root, "bin", "run.mjs"), "src/dev/main.ts", "--state-dir", join(dir, "state"), ...args];
  const child = spawn(process.execPath, command, { env: developerEnv(), stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
  const ended = once(child, "close").then(([code]: (number | null)[]) => code ?? null);
  const dev = { process: child, output: () => text, ended };
  running.push(dev);
  return dev;
}

async function ready(dev: Dev): Promise<DevState> {
  const file = join(dir, "state", "dev.json");
  await vi.waitFor(
    async () => {
      if (dev.process.exitCode !== null) throw new Error(dev.output());
      await access(file);
    },
    { timeout: START_MS, interval: 200 },
  );
  await vi.waitFor(() => expect(dev.output()).toContain("Ctrl-C stops everything."));
  return JSON.parse(await readFile(file, "utf8"));
}

type Process = { pid: number; parent: number; command: string };

async function processes(): Promise<Process[]> {
  const { stdout } = await shell("ps", ["-A", "-o", "pid=,ppid=,args="]);
  return stdout
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command: command ?? "" }));
}

/** What a start has started, with its own process. */
async function familyOf(pid: number): Promise<Process[]> {
  const all = await processes();
  const members = all.filter((candidate) => candidate.pid === pid);
  for (const member of members) members.push(...all.filter(({ parent }) => parent === member.pid));
  return members.filter(({ command }) => !command.startsWith("ps "));
}

async function expectGone(family: Process[]): Promise<void> {
  // The guard, a shell, ends by itself a moment after its parent.
  await vi.waitFor(
    async () => {
      const alive = new Map((await processes()).map(({ pid, command }) => [pid, command]));
      expect(family.filter(({ pid, command }) => alive.get(pid) === command)).toEqual([]);
    },
    { timeout: 5_000 },
  );
  await expect(access(join(dir, "state", "dev.json"))).rejects.toThrow("ENOENT");
  await expect(access(join(dir, "state", "dev.env"))).rejects.toThrow("ENOENT");
}

async function printedLogin(dev: Dev): Promise<{ status: number; body: Record<string, string> }> {
  const [line = ""] = /^curl .*$/m.exec(dev.output()) ?? [];
  const { stdout } = await shell("sh", ["-c", `${line} -w '\\n%{http_code}'`]);
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) };
}

describe("npm run dev", () => {
  test("starts everything, and the printed line logs in; Ctrl-C stops everything", {
    timeout: 2 * START_MS,
  }, async () => {
    const port = await freePort();
    const dev = start("--port", String(port), "--keycloak-port", String(await freePort()));
    const state = await ready(dev);
    const { status, body } = await printedLogin(dev);
    expect(status).toBe(200);
    expect(claimsOf(body["accessToken"] ?? "")["azp"]).toBe(state.apps[0]?.id);

    expect(state.gateway.url).toBe(`http://localhost:${port}`);
    expect(state.apps.map(({ licensed }) => licensed).toSorted()).toEqual([false, false, true]);
    const admin = await fetch(`${state.keycloak.url}/realms/master/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "password", client_id: "admin-cli", ...state.keycloak.admin }),
    });
    expect(admin.status).toBe(200);
    expect((await fetch(`${state.mail.url}/messages`)).status).toBe(200);
    await access(state.mail.dir);
    const family = await familyOf(state.pid);
    const commands = family.map(({ command }) => command).join("\n");
    for (const part of ["java", "redis-server", "src/main.ts"]) expect(commands).toContain(part);

    dev.process.kill("SIGINT");
    expect(await dev.ended).toBe(0);
    await expectGone(family);
    for (const { url } of [state.gateway, state.keycloak, state.mail]) await expect(fetch(url)).rejects.toThrow();
  });

  test("uses a Keycloak that is there; the user with OTP is challenged; a second gateway starts from dev.env", {
    timeout: 2 * START_MS,
  }, async () => {
    const dev = start("--port", String(await freePort()), "--keycloak", keycloakUrl, "--store", "embedded");
    const state = await ready(dev);
    const secondPort = await freePort();
    const command = `set -a; . '${join(dir, "state", "dev.env")}'; HEADGATE_PORT=${secondPort} exec "$0" bin/headgate.mjs start`;
    const second = spawn("sh", ["-c", command, process.execPath], { cwd: root, env: developerEnv(), stdio: "ignore" });
    const secondUrl = `http://localhost:${secondPort}`;
    try {
      await vi.waitFor(async () => expect((await fetch(`${secondUrl}/readyz`)).status).toBe(200), { timeout: 30_000 });
      const [app] = state.apps;
      const user = state.users.find(({ totpSecret }) => totpSecret);
      const call = async (url: string, path: string, body: object) => {
        const headers = {
          "content-type": "application/json",
          "x-client-id": app?.id ?? "",
          "x-client-secret": app?.secret ?? "",
        };
        const response = await fetch(`${url}/api/v1/auth/headless/${path}`, {
          method: "POST",
          headers,
          body: JSON.stringify(body),
        });
        return { status: response.status, body: (await response.json()) as Record<string, unknown> };
      };
      const challenge = await call(state.gateway.url, "login", { email: user?.email, password: user?.password });
      expect(challenge).toMatchObject({ status: 200, body: { mfaRequired: true } });
      // The store is shared: the other gateway finishes what this one began.
      const code = totpCode(user?.totpSecret ?? "");
      const tokens = await call(secondUrl, "mfa/verify", {
        mfaToken: challenge.body["mfaToken"],
        code,
        method: "totp",
      });
      expect(tokens).toMatchObject({ status: 200, body: { user: { email: user?.email } } });
    } finally {
      second.kill("SIGTERM");
      await once(second, "exit");
    }
    dev.process.kill("SIGINT");
    expect(await dev.ended).toBe(0);
    expect((await fetch(`${keycloakUrl}/realms/${state.keycloak.realm}`)).status, "not ours to stop").toBe(200);
  });

  test("refuses to start twice in one folder", { timeout: START_MS }, async () => {
    const args = ["--port", String(await freePort()), "--keycloak", keycloakUrl];
    const dev = start(...args);
    await ready(dev);
    const second = start("--port", String(await freePort()), "--keycloak", keycloakUrl);
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/An environment runs here already \(process \d+\).*--state-dir/s);
    await access(join(dir, "state", "dev.json"));
  });

  test("stops everything when a part of it dies, and says which", { timeout: START_MS }, async () => {
    const dev = start("--port", String(await freePort()), "--keycloak", keycloakUrl, "--store", "redis-server");
    const { pid } = await ready(dev);
    const family = await familyOf(pid);
    const redis = family.find(({ command }) => /^(redis|valkey)-server/.test(command));
    process.kill(redis?.pid ?? 0, "SIGKILL");
    expect(await dev.ended).toBe(1);
    expect(dev.output()).toContain("Redis ended unexpectedly (SIGKILL).");
    await expectGone(family);
  });
});

describe("what keeps npm run dev from starting is a plain message", () => {
  const messageOf = async (...args: string[]) => {
    const dev = start(...args);
    expect(await dev.ended).toBe(1);
    expect(dev.output()).not.toMatch(/^\s+at /m);
    return dev.output();
  };

  test("an unknown option", async () => {
    expect(await messageOf("--prot", "1")).toMatch(/Unknown option '--prot'.*--keycloak-port N/s);
  });

  test("a port that is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const free = String(await freePort());
    expect(await messageOf("--port", String(port))).toContain(`npm run dev -- --port ${port + 1}`);
    const text = await messageOf("--port", free, "--keycloak-port", String(port));
    expect(text).toContain(`Port ${port}, meant for Keycloak, is taken.`);
    expect(text).toContain(`npm run dev -- --keycloak-port ${port + 1}`);
    server.close();
  });

  test("a port where a Keycloak with the realm runs already", async () => {
    const { port } = new URL(keycloakUrl);
    const text = await messageOf("--port", String(await freePort()), "--keycloak-port", port);
    expect(text).toContain(`npm run dev -- --keycloak http://localhost:${port}`);
  });

  test("a Keycloak that is not there", async () => {
    const port = String(await freePort());
    const nobody = `http://127.0.0.1:${await freePort()}`;
    expect(await messageOf("--port", port, "--keycloak", nobody)).toContain(`Nobody answers at ${nobody}.`);
  });

  test("a Keycloak without the realm", async () => {
    const text = await messageOf("--port", String(await freePort()), "--keycloak", `${keycloakUrl}/elsewhere`);
    expect(text).toContain('has no realm "headgate"');
  });

  test("a Redis that is not there", async () => {
    const nobody = `redis://127.0.0.1:${await freePort()}`;
    const text = await messageOf("--port", String(await freePort()), "--keycloak", keycloakUrl, "--redis", nobody);
    expect(text).toContain("The Redis of --redis does not answer");
  });
});
