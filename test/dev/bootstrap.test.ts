import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const bin = join(import.meta.dirname, "..", "..", "bin");

let dir: string;
let cache: string;
let project: string;

// A project of its own with our bin/, so that nothing is installed into this one.
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-bootstrap-"));
  cache = join(dir, "cache");
  project = join(dir, "project");
  await mkdir(join(project, "src"), { recursive: true });
  await cp(bin, join(project, "bin"), { recursive: true });
  await writeFile(
    join(project, "entry.ts"),
    "const words: string[] = process.argv.slice(2);\nconsole.log(JSON.stringify({ words, node: process.argv0, npm: process.env['npm_execpath'] }));\nprocess.exitCode = 7;\n",
  );
  await writeFile(join(project, "src", "main.ts"), "console.log('main of ' + process.argv[2]);\n");
  await writeFile(join(project, "package.json"), '{ "type": "module" }');
});
afterEach(() => rm(dir, { recursive: true }));

/** Makes the Node that runs a script say that it is another one. */
async function pretend(version: string): Promise<string> {
  const file = join(dir, "pretend.mjs");
  await writeFile(file, `Object.defineProperty(process.versions, "node", { value: ${JSON.stringify(version)} });\n`);
  return `--import=${file}`;
}

type Run = { code: number; stdout: string; stderr: string };

async function run(script: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  const all = { ...process.env, HEADGATE_CACHE_DIR: cache, ...env };
  execFile(process.execPath, [join(project, "bin", script), ...args], { env: all, cwd: dir }, (error, stdout, stderr) =>
    resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
  );
  return promise;
}

/** An npm that notes how it was called and does what `body` says. */
async function npm(body: string): Promise<string> {
  const file = join(dir, "npm-cli.js");
  const note = `require("node:fs").appendFileSync(${JSON.stringify(join(dir, "npm.log"))}, process.argv.slice(2).join(" ") + "\\n");`;
  await writeFile(file, `${note}\nconst fs = require("node:fs"), path = require("node:path");\n${body}\n`);
  return file;
}

const npmCalls = async () => (await readFile(join(dir, "npm.log"), "utf8")).trimEnd().split("\n");

const BRINGS_NODE = `
const root = process.argv[process.argv.indexOf("--prefix") + 1];
const [platform] = process.argv.filter((word) => /^node-.*@/.test(word)).map((word) => word.split("@")[0]);
fs.mkdirSync(path.join(root, "node_modules", platform, "bin"), { recursive: true });
fs.mkdirSync(path.join(root, "node_modules", "npm", "bin"), { recursive: true });
fs.writeFileSync(path.join(root, "node_modules", "npm", "bin", "npm-cli.js"), "");
const node = path.join(root, "node_modules", platform, "bin", "node");
fs.writeFileSync(node, '#!/bin/sh\\n[ "$1" = --version ] && { echo v24.21.0; exit; }\\nexec ' + JSON.stringify(process.execPath) + ' "$@"\\n');
fs.chmodSync(node, 0o755);`;

describe("bin/run.mjs", () => {
  test("runs an entry with its arguments and gives its exit code", async () => {
    const { code, stdout } = await run("run.mjs", ["entry.ts", "--a", "b c"]);
    expect(code).toBe(7);
    expect(JSON.parse(stdout).words).toEqual(["--a", "b c"]);
  });

  test("passes signals on", async () => {
    await writeFile(
      join(project, "entry.ts"),
      "process.on('SIGTERM', () => process.exit(5)); console.log('up'); setInterval(() => {}, 1000);",
    );
    const child = spawn(process.execPath, [join(project, "bin", "run.mjs"), "entry.ts"], {
      env: { ...process.env, HEADGATE_CACHE_DIR: cache },
    });
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([5, null]);
  });

  // Fault: a script or an editor ends `npm run dev` by a signal to npm alone. npm starts scripts in a shell, and a shell
  // between the two keeps the signal for itself: the servers would go on running, and nobody would know.
  test.each(["SIGINT", "SIGTERM"] as const)("ends when npm alone gets a %s", async (signal) => {
    const { scripts } = JSON.parse(await readFile(join(bin, "..", "package.json"), "utf8"));
    const script = scripts.dev.replace("src/dev/main.ts", "entry.ts");
    await writeFile(join(project, "package.json"), JSON.stringify({ type: "module", scripts: { dev: script } }));
    const gone = await stoppedBy(signal, "npm", ["run", "--silent", "dev"]);
    expect(gone).toBe("stopped");
  });

  test("ends when the shell that npm started it in is killed", async () => {
    const command = `'${process.execPath}' bin/run.mjs entry.ts; true`;
    expect(await stoppedBy("SIGKILL", "sh", ["-c", command], { npm_lifecycle_event: "dev" })).toBe("stopped");
  });

  /** Starts the entry by a command, sends a signal to that command alone, and gives what the entry notes when it ends. */
  async function stoppedBy(signal: NodeJS.Signals, command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
    const note = join(dir, "note");
    const onEnd = `process.on(signal, () => { writeFileSync(${JSON.stringify(note)}, "stopped"); process.exit(); })`;
    await writeFile(
      join(project, "entry.ts"),
      `import { writeFileSync } from "node:fs";
for (const signal of ["SIGINT", "SIGTERM"]) ${onEnd};
console.log("up"); setInterval(() => {}, 1000);`,
    );
    const all = { ...process.env, HEADGATE_CACHE_DIR: cache, ...env };
    const child = spawn(command, args, {
      cwd: project,
      env: all,
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill(signal);
    try {
      return await vi.waitFor(() => readFile(note, "utf8"), { timeout: 10_000 });
    } catch {
      process.kill(-(child.pid ?? 0), "SIGKILL");
      return "still running";
    }
  }

  test.each(["18.20.4", "20.20.2", "22.18.0", "23.11.0", "24.2.0"])(
    "on Node %s fetches a newer one, once",
    async (version) => {
      const env = { NODE_OPTIONS: await pretend(version), npm_execpath: await npm(BRINGS_NODE) };
      const [first, second] = await Promise.all([run("run.mjs", ["entry.ts"], env), run("run.mjs", ["entry.ts"], env)]);
      for (const { code, stdout, stderr } of [first, second]) {
        expect(stderr).toBe("");
        expect(code).toBe(7);
        expect(stdout).toContain('"words":[]');
      }
      // The later one may find it fetched already.
      expect(first.stdout + second.stdout).toContain(`because this one is ${version}`);
      const third = await run("run.mjs", ["entry.ts"], env);
      expect(third.code).toBe(7);
      expect(JSON.parse(third.stdout).npm, "and the npm that goes with it").toContain(join(cache, "node-24.21.0"));
      const [call = ""] = await npmCalls();
      expect(call).toMatch(/^install --prefix .* --ignore-scripts .*node-\S+@24\.21\.0 npm@/);
      expect(
        (await readdir(cache)).filter((name) => name !== "locks"),
        "no draft is left",
      ).toHaveLength(1);
    },
  );

  test("says what npm said when the newer Node cannot be fetched", async () => {
    const failing = await npm('console.error("npm error network is down"); process.exit(1);');
    const { code, stderr } = await run("run.mjs", ["entry.ts"], {
      NODE_OPTIONS: await pretend("20.0.0"),
      npm_execpath: failing,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("npm error network is down");
    expect(stderr).toContain("nodejs.org");
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(await readdir(cache)).toEqual([]);
  });
});

describe("dependencies", () => {
  const lock = (version: string) =>
    JSON.stringify({
      packages: {
        "": {},
        "node_modules/a": { version, integrity: "x" },
        "node_modules/b": { version: "1", optional: true },
      },
    });
  const INSTALLS = 'fs.mkdirSync("node_modules", { recursive: true });';

  test("are installed when they are missing or out of date, by one of many that start at once", async () => {
    await writeFile(join(project, "package-lock.json"), lock("1"));
    const env = {
      npm_execpath: await npm(`${INSTALLS} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);`),
    };
    const all = await Promise.all(Array.from({ length: 4 }, () => run("run.mjs", ["entry.ts"], env)));
    expect(all.map(({ code }) => code)).toEqual([7, 7, 7, 7]);
    expect(await npmCalls()).toEqual(["ci --include=dev --ignore-scripts --no-audit --no-fund"]);
    await writeFile(join(project, "package-lock.json"), lock("2"));
    await run("run.mjs", ["entry.ts"], env);
    await run("run.mjs", ["entry.ts"], env);
    expect(await npmCalls()).toHaveLength(2);
  });

  test("that npm has installed already are left alone", async () => {
    await writeFile(join(project, "package-lock.json"), lock("1"));
    await mkdir(join(project, "node_modules"));
    const record = { packages: { "node_modules/a": { version: "1", integrity: "x" } } };
    await writeFile(join(project, "node_modules", ".package-lock.json"), JSON.stringify(record));
    const { code, stderr } = await run("run.mjs", ["entry.ts"], { npm_execpath: await npm("process.exit(1);") });
    expect({ code, stderr }).toEqual({ code: 7, stderr: "" });
  });

  test("that cannot be installed are a message", async () => {
    await writeFile(join(project, "package-lock.json"), lock("1"));
    const failing = await npm('console.error("npm error EINTEGRITY"); process.exit(1);');
    const { code, stderr } = await run("run.mjs", ["entry.ts"], { npm_execpath: failing });
    expect(code).toBe(1);
    expect(stderr).toContain("npm error EINTEGRITY");
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("the lock of a process that died is taken over", async () => {
    await writeFile(join(project, "package-lock.json"), lock("1"));
    const dies = await npm("process.kill(process.ppid, 'SIGKILL');");
    await run("run.mjs", ["entry.ts"], { npm_execpath: dies });
    expect(await readdir(join(cache, "locks"))).toHaveLength(1);
    const { code } = await run("run.mjs", ["entry.ts"], { npm_execpath: await npm(INSTALLS) });
    expect(code).toBe(7);
    expect(await readdir(join(cache, "locks"))).toEqual([]);
  });
});

describe("bin/headgate.mjs", () => {
  test("runs the sources as they are", async () => {
    expect((await run("headgate.mjs", ["start"])).stdout).toBe("main of start\n");
  });

  test("without its dependencies says what to do, in one line", async () => {
    await writeFile(join(project, "src", "main.ts"), 'import "./part.ts";\n');
    await writeFile(join(project, "src", "part.ts"), 'import "some-dependency/part";\n');
    const { code, stderr } = await run("headgate.mjs", ["start"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^headgate needs the package some-dependency, .*Run "npm ci" in .*\n$/);
  });

  test("does not take a file of its own that is missing for a dependency", async () => {
    await writeFile(join(project, "src", "main.ts"), 'import "./gone.ts";\n');
    const { code, stderr } = await run("headgate.mjs", ["start"]);
    expect(code).toBe(1);
    expect(stderr).toContain("gone.ts");
    expect(stderr).not.toContain("npm ci");
  });

  test("on an old Node says what to do, in one line", async () => {
    const { code, stderr } = await run("headgate.mjs", ["start"], { NODE_OPTIONS: await pretend("20.0.0") });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^headgate needs Node 22\.19 or newer.*this is Node 20\.0\.0.*\n$/);
  });

  test("on an old Node uses the fetched one, and passes its exit code on", async () => {
    const env = { NODE_OPTIONS: await pretend("20.0.0"), npm_execpath: await npm(BRINGS_NODE) };
    await run("run.mjs", ["entry.ts"], env);
    await writeFile(join(project, "src", "main.ts"), "process.exit(9);\n");
    expect((await run("headgate.mjs", ["start"], env)).code).toBe(9);
  });

  test.each(["check-config", "start"])("%s prints the problems of all parts at once", async (command) => {
    const appsFile = join(dir, "apps.json");
    await writeFile(appsFile, '{ "apps": [] }');
    const good = {
      HEADGATE_SECRET: "x".repeat(32),
      HEADGATE_APPS_FILE: appsFile,
      HEADGATE_REDIS_URL: "redis://127.0.0.1:1",
      HEADGATE_KEYCLOAK_URL: "http://127.0.0.1:1",
      HEADGATE_KEYCLOAK_REALM: "x",
      HEADGATE_KEYCLOAK_CLIENT_SECRET: "x",
      HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET: "x",
      HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET: "x",
      HEADGATE_SMTP_URL: "smtp://127.0.0.1:1",
      HEADGATE_MAIL_FROM: "no-reply@example.com",
    };
    const problemsOf = async (change: NodeJS.ProcessEnv) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const env = { PATH: process.env["PATH"], ...good, ...change };
      execFile(process.execPath, [join(bin, "headgate.mjs"), command], { env }, (_error, _out, stderr) =>
        resolve(stderr),
      );
      return (await promise).split("\n").flatMap((line) => /^ {2}(\w+)/.exec(line)?.slice(1) ?? []);
    };
    expect(await problemsOf({ HEADGATE_MAIL_LANGUAGE: "none" })).toEqual(["HEADGATE_APPS_FILE", "HEADGATE_SMTP_URL"]);
    expect(await problemsOf({ HEADGATE_SECRET: "short" })).toEqual(["HEADGATE_SECRET", "HEADGATE_APPS_FILE"]);
    expect(await problemsOf({ HEADGATE_APPS_FILE: undefined })).toEqual(["HEADGATE_APPS_FILE"]);
  });

  test("can be called by a link, as npm makes one", async () => {
    await symlink(join(project, "bin", "headgate.mjs"), join(dir, "headgate"));
    await chmod(join(project, "bin", "headgate.mjs"), 0o755);
    const { promise, resolve } = Promise.withResolvers<string>();
    execFile(join(dir, "headgate"), ["check-config"], (_error, stdout) => resolve(stdout));
    expect(await promise).toBe("main of check-config\n");
  });
});
