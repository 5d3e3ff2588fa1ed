import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DevState, takeStateDir } from "../../src/dev/state.ts";

let dir: string;

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "headgate-state-")), "state");
});
afterEach(() => rm(join(dir, ".."), { recursive: true }));

const state: DevState = {
  gateway: { url: "http://localhost:8787" },
  keycloak: { url: "http://localhost:8180", realm: "headgate", admin: { username: "admin", password: "admin" } },
  mail: { url: "http://localhost:8025", dir: "/mail" },
  apps: [{ id: "cca_demo", secret: "ccas_demo", licensed: false }],
  users: [{ email: "jane@example.com", password: "SecurePass1" }],
  store: { url: "redis://127.0.0.1:6379" },
  pid: 1,
  env: { HEADGATE_SECRET: "it's a secret with $HOME and `ls`" },
};

test("what runs is told to nobody else, and taken back", async () => {
  const taken = await takeStateDir(dir);
  await taken.publish(state);
  expect(JSON.parse(await readFile(join(dir, "dev.json"), "utf8"))).toEqual(state);
  for (const name of ["dev.json", "dev.env"]) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(dir, "dev.env"), "utf8")).toContain(
    "HEADGATE_SECRET='it'\\''s a secret with $HOME and `ls`'",
  );
  taken.retract();
  taken.release();
  expect(await readdir(dir)).toEqual([]);
});

test("what a killed start has left is cleared", async () => {
  await mkdir(join(dir, "run", "keycloak"), { recursive: true });
  await writeFile(join(dir, "dev.json"), "{}");
  // No process has this number: Linux and macOS stop far below.
  await writeFile(join(dir, "dev.pid"), "99999999");
  const taken = await takeStateDir(dir);
  expect((await readdir(dir)).toSorted()).toEqual(["dev.pid", "run"]);
  expect(await readFile(join(dir, "dev.pid"), "utf8")).toBe(String(process.pid));
  expect(await readdir(taken.run)).toEqual([]);
});

test("the number of a dead start that another program has now is no obstacle", async () => {
  await mkdir(dir);
  await writeFile(join(dir, "dev.pid"), String(process.ppid));
  await takeStateDir(dir);
  expect(await readFile(join(dir, "dev.pid"), "utf8")).toBe(String(process.pid));
});
