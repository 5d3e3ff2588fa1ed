// Threat: whoever gets to run code in the gateway finds a root user, a file system to settle in, a shell of tools and secrets
// that a build has left behind; or the image is hardened on paper, and does not start so.
// Docker is not needed: the gateway runs from a read-only copy of what the image would hold, as the image's user.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort, startRedis, succeeds, type TestRedis, until } from "../support/redis.ts";
import { execForm, type Instruction, isIgnored, parseDockerfile } from "./dockerfile.ts";
import { copiedFiles, copyImage, type ImageCopy } from "./image.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const dockerignore = read(".dockerignore");
const stages = parseDockerfile(read("Dockerfile"));
const [dependencies, image] = stages;
if (!dependencies || !image) throw new Error("The Dockerfile has not two stages.");
const files = copiedFiles(root, image, dockerignore);

/** The one instruction of a name in the image's own stage. */
function only(name: string): Instruction {
  const [found, ...more] = image?.instructions.filter((each) => each.name === name) ?? [];
  if (!found || more.length > 0) throw new Error(`The image has not one ${name}.`);
  return found;
}
const uid = Number(only("USER").text.split(":")[0]);
const settings = Object.fromEntries(
  [...only("ENV").text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
);
const [program, ...entry] = execForm(only("ENTRYPOINT"));
const command = execForm(only("CMD"));
const [healthProgram, ...health] = execForm(only("HEALTHCHECK"));

describe("the Dockerfile", () => {
  test("builds on the Node that is fetched where a machine's own is too old", () => {
    const [, version] = /NODE_VERSION = "([\d.]+)"/.exec(read("bin/lib/node-runtime.mjs")) ?? [];
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(stages.map(({ image }) => image)).toEqual(Array(2).fill(`node:${version}-slim`));
  });

  test("copies only what is there, and the packages from the stage that installs them", () => {
    const copies = stages.flatMap(({ instructions }) => instructions).filter(({ name }) => name === "COPY");
    for (const { text, flags } of copies) {
      if (flags["from"] !== undefined) continue;
      for (const source of text.split(/\s+/).slice(0, -1)) {
        expect(existsSync(join(root, source)), source).toBe(true);
        expect(isIgnored(dockerignore, source), source).toBe(false);
      }
    }
    const [workdir] = dependencies.instructions.filter(({ name }) => name === "WORKDIR");
    const packages = copies.filter(({ flags }) => flags["from"] !== undefined);
    expect(packages).toEqual([
      { name: "COPY", flags: { from: dependencies.name }, text: `${workdir?.text}/node_modules node_modules` },
    ]);
    expect(stages.some(({ instructions }) => instructions.some(({ name }) => name === "ADD"))).toBe(false);
  });

  test("installs by the lock, without development packages and scripts, and runs nothing else", () => {
    const runs = stages.flatMap(({ instructions }) => instructions).filter(({ name }) => name === "RUN");
    expect(runs.map(({ text }) => text)).toEqual(["npm ci --omit=dev --ignore-scripts"]);
    expect(dependencies.instructions).toContainEqual(runs[0]);
  });

  test("ends as a user who is a number and not root, with programs that need no shell", () => {
    expect(only("USER").text).toMatch(/^[1-9]\d{3,}:[1-9]\d{3,}$/);
    expect(image.instructions.findIndex(({ name }) => name === "USER")).toBeGreaterThan(
      image.instructions.findLastIndex(({ name }) => name === "COPY"),
    );
    expect([program, healthProgram]).toEqual(["node", "node"]);
    expect(command).toEqual(["start"]);
  });

  test("sets what every gateway in a container needs, and no secret", () => {
    expect(settings).toEqual({ NODE_ENV: "production", HEADGATE_HOST: "0.0.0.0" });
    expect(stages.flatMap(({ instructions }) => instructions).filter(({ name }) => name === "ARG")).toEqual([]);
    expect(only("EXPOSE").text).toBe("8787");
  });

  test("is shown with what takes rights away from it", () => {
    const [, example = ""] = /### In a container\n[\s\S]*?(docker run [\s\S]*?)\n```/.exec(read("README.md")) ?? [];
    const flags = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=", "--memory="];
    for (const flag of flags) expect(example).toContain(` ${flag}`);
    expect(example).not.toMatch(/privileged|--user|--cap-add|docker\.sock/);
  });

  test("stops by the signal that lets requests finish", () => {
    expect(only("STOPSIGNAL").text).toBe("SIGTERM");
  });
});

describe("the builder gets", () => {
  test.each([
    ".git/config",
    ".env",
    ".headgate/dev.env",
    "keycloak/dev.env",
    "keycloak/apps.json",
    "apps.json",
    "node_modules/hono/package.json",
    "src/dev/main.ts",
    "src/sdk/index.ts",
    "test/run.ts",
    "src.env",
    "package.json.orig",
  ])("not %s", (path) => {
    expect(isIgnored(dockerignore, path)).toBe(true);
  });

  test("the gateway's sources, and nothing that runs in development only", () => {
    expect(files).toEqual(expect.arrayContaining(["package.json", "LICENSE", "src/main.ts"]));
    expect(files.filter((file) => !/^(package\.json|LICENSE|src\/.+)$/.test(file))).toEqual([]);
    expect(files.filter((file) => !/\.(ts|lua|txt|html|json)$|^LICENSE$/.test(file))).toEqual([]);
    expect(files.filter((file) => /^src\/(dev|sdk)\//.test(file))).toEqual([]);
  });
});

describe("the image", () => {
  let copy: ImageCopy;
  let redis: TestRedis;
  beforeAll(async () => {
    [copy, redis] = await Promise.all([copyImage(root, files, uid), startRedis()]);
  });
  afterAll(async () => {
    await Promise.all([copy?.remove(), redis?.stop()]);
  });

  /** Starts Node as the image would: its user, its folder, its variables and no others. */
  function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(copy.node, args, { cwd: copy.app, env: { ...settings, ...env }, ...copy.user });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
    return { child, output: () => output, end: once(child, "close").then(([code]) => code as number | null) };
  }

  test("runs from files that nobody may write, answers, sees the store, and stops when it is told", async () => {
    const appsFile = join(dirname(copy.app), "apps.json");
    await writeFile(appsFile, '{ "apps": [{ "id": "cca_demo" }] }', { mode: 0o444 });
    const port = await freePort();
    const env = {
      HEADGATE_PORT: String(port),
      HEADGATE_SECRET: "x".repeat(32),
      HEADGATE_APPS_FILE: appsFile,
      HEADGATE_REDIS_URL: redis.url,
      HEADGATE_KEYCLOAK_URL: "http://127.0.0.1:1",
      HEADGATE_KEYCLOAK_REALM: "x",
      HEADGATE_KEYCLOAK_CLIENT_SECRET: "x",
      HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET: "x",
      HEADGATE_KEYCLOAK_MINT_CLIENT_SECRET: "x",
      HEADGATE_SMTP_URL: "smtp://127.0.0.1:1",
      HEADGATE_MAIL_FROM: "no-reply@example.com",
    };
    const gateway = start([...entry, ...command], env);
    try {
      const probe = () => start(health, { HEADGATE_PORT: String(port) }).end;
      await until(async () => {
        if (gateway.child.exitCode !== null) throw new Error(`The gateway did not start:\n${gateway.output()}`);
        return succeeds(fetch(`http://127.0.0.1:${port}/livez`));
      }, 30_000);
      expect(await probe(), "the health check").toBe(0);
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      expect((await ready.json()) as object).toMatchObject({
        parts: { store: { status: "up" }, keycloak: { status: "down" } },
      });
      const page = await fetch(`http://127.0.0.1:${port}/docs`);
      expect(page.status).toBe(200);
      const login = await fetch(`http://127.0.0.1:${port}/api/v1/auth/headless/login`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-client-id": "cca_demo", "x-client-secret": "x" },
        body: '{"email":"jane@example.com","password":"x"}',
      });
      expect((await login.json()) as object, "Keycloak is away").toMatchObject({ code: "INTERNAL_ERROR" });

      gateway.child.kill(constants.signals[only("STOPSIGNAL").text as NodeJS.Signals]);
      expect(await gateway.end, gateway.output()).toBe(0);
      expect(gateway.output()).not.toMatch(/warning/i);
      expect(await probe(), "the health check of a gateway that is gone").toBe(1);
    } finally {
      gateway.child.kill("SIGKILL");
    }
  });

  test("checks its configuration and shows its usage", async () => {
    const check = start([...entry, "check-config"]);
    expect(await check.end).toBe(1);
    expect(check.output()).toContain("HEADGATE_SECRET");
    const help = start([...entry, "help"]);
    expect(await help.end, help.output()).toBe(0);
  });

  test.each([
    ["write a file where everybody may", 'await import("node:fs/promises").then((fs) => fs.writeFile("/tmp/x", ""))'],
    ["write a file beside its own", 'await import("node:fs/promises").then((fs) => fs.writeFile("src/x.ts", ""))'],
    ["start a program", 'process.getBuiltinModule("node:child_process").execFileSync(process.execPath, ["-v"])'],
    ["start a thread", 'new (process.getBuiltinModule("node:worker_threads").Worker)("0", { eval: true })'],
  ])("does not let its code %s", async (_what, code) => {
    const flags = entry.slice(0, -1);
    expect(entry.at(-1)).toBe("src/main.ts");
    const attempt = start([...flags, "--input-type=module", "-e", code]);
    expect(await attempt.end).not.toBe(0);
    expect(attempt.output()).toContain("ERR_ACCESS_DENIED");
  });
});
