// Threat: a package that somebody else wrote runs in the gateway, on a developer's machine or in CI without anybody having
// chosen it: by a range that takes a new release the minute it is published (event-stream, ua-parser-js, node-ipc), by an
// install script (the worm Shai-Hulud spread so), from an address that no registry keeps, or without a hash.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  installedProblems,
  type Lock,
  type LockEntry,
  lockProblems,
  type Manifest,
  manifestProblems,
  npmrcProblems,
  readJson,
  sdkProblems,
} from "./packages.ts";

const root = join(import.meta.dirname, "..", "..");
const integrity = `sha512-${"A".repeat(86)}==`;

describe("of this checkout", () => {
  const lock = readJson<Lock>(root, "package-lock.json");
  const manifest = readJson<Manifest>(root, "package.json");

  test("every package is asked for in one version", () => {
    expect(Object.keys(manifest.dependencies ?? {}).length).toBeGreaterThan(5);
    expect(manifestProblems(manifest)).toEqual([]);
  });

  test("every package in the lock has a hash, comes from the registry, and runs nothing when it is installed", () => {
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
    expect(lockProblems(lock, manifest)).toEqual([]);
  });

  test("every installed package is the locked one, under a licence of the list", () => {
    expect(installedProblems(root, lock)).toEqual([]);
  });

  test("the client package brings no other package and runs nothing when it is installed", () => {
    expect(sdkProblems(readJson(root, "src/sdk/package.json"))).toEqual([]);
  });
});

describe("a manifest is refused", () => {
  test.each([
    "^1.0.0",
    "~1.0.0",
    "1.x",
    "*",
    "latest",
    "",
    ">=1.0.0",
    "1.0.0 || 2.0.0",
    "git+https://git.example.com/a.git",
    "github:example/a",
    "example/a",
    "file:../a",
    "https://example.com/a.tgz",
    "npm:b@1.0.0",
    "workspace:*",
  ])("that asks for %s", (version) => {
    for (const kind of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
      expect(manifestProblems({ [kind]: { a: version } })).toHaveLength(1);
    }
  });

  test("and one with exact versions is not", () => {
    expect(manifestProblems({ dependencies: { a: "1.0.0" }, devDependencies: { b: "2.0.0-rc.1" } })).toEqual([]);
  });
});

describe("a lock is refused", () => {
  const good: LockEntry = { version: "1.0.0", integrity };
  const manifest = { dependencies: { a: "1.0.0" } };
  const lockOf = (entry: LockEntry, path = "node_modules/a"): Lock => ({
    lockfileVersion: 3,
    packages: { "": manifest, [path]: entry },
  });

  test.each<[string, LockEntry]>([
    ["no hash", { version: "1.0.0" }],
    ["a weak hash", { ...good, integrity: "sha1-qUqP5cyxm6YcTAhz05Hph5gvu9M=" }],
    ["a second, weak hash", { ...good, integrity: `${integrity} sha1-qUqP5cyxm6YcTAhz05Hph5gvu9M=` }],
    ["an address in git", { ...good, resolved: "git+ssh://git@git.example.com/a.git#0123456" }],
    ["a file", { ...good, resolved: "file:../a.tgz" }],
    ["plain HTTP", { ...good, resolved: "http://registry.npmjs.org/a/-/a-1.0.0.tgz" }],
    ["another registry", { ...good, resolved: "https://registry.npmjs.org.example.com/a/-/a-1.0.0.tgz" }],
    ["an install script", { ...good, hasInstallScript: true }],
    ["a package inside of it", { ...good, inBundle: true }],
    ["a link out of the workspace", { link: true, resolved: "../a" }],
    ["no version", { integrity }],
  ])("for an entry with %s", (_what, entry) => {
    for (const path of ["node_modules/a", "node_modules/b/node_modules/a", "src/sdk/node_modules/a"]) {
      expect(lockProblems(lockOf(entry, path), manifest)).toHaveLength(1);
    }
  });

  test("that was made for another manifest", () => {
    expect(lockProblems(lockOf(good), { dependencies: { a: "1.0.1" } })).toHaveLength(1);
    expect(lockProblems(lockOf(good), { ...manifest, devDependencies: { b: "1.0.0" } })).toHaveLength(1);
  });

  test("of an older kind, which has no hash for some entries", () => {
    expect(lockProblems({ ...lockOf(good), lockfileVersion: 1 }, manifest)).toHaveLength(1);
  });

  test("and a good one is not, with and without the registry's own address", () => {
    expect(lockProblems(lockOf(good), manifest)).toEqual([]);
    const resolved = "https://registry.npmjs.org/a/-/a-1.0.0.tgz";
    expect(lockProblems(lockOf({ ...good, resolved }), manifest)).toEqual([]);
    expect(lockProblems(lockOf({ link: true, resolved: "src/sdk" }), manifest)).toEqual([]);
  });
});

describe("an installed package is refused", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "headgate-packages-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** The problems of one package with this manifest, as the lock knows it. */
  function problemsOf(manifest: Manifest | undefined, entry: LockEntry = {}): string[] {
    const folder = join(dir, "node_modules", "a");
    if (manifest !== undefined) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "1.0.0", ...manifest }));
    }
    const packages = { "node_modules/a": { version: "1.0.0", integrity, ...entry } };
    return installedProblems(dir, { lockfileVersion: 3, packages });
  }

  test.each([
    "GPL-3.0-only",
    "AGPL-3.0",
    "UNLICENSED",
    "SEE LICENSE IN LICENSE",
    "MPL-2.0",
    "MIT AND GPL-2.0-only",
    "(MIT OR Apache-2.0) AND GPL-2.0-only",
    "MIT OR GPL-2.0-only AND CC0-1.0",
    "",
    undefined,
    { type: "MIT" },
  ])("in production under %j", (license) => {
    expect(problemsOf({ license })).toHaveLength(1);
  });

  test.each(["MIT", "ISC", "(MIT OR GPL-3.0-only)", "MIT AND BSD-2-Clause", "Apache-2.0"])(
    "in production not under %s",
    (license) => {
      expect(problemsOf({ license })).toEqual([]);
    },
  );

  test("in development under fewer", () => {
    expect(problemsOf({ license: "MPL-2.0" }, { dev: true })).toEqual([]);
    expect(problemsOf({ license: "GPL-3.0-only" }, { dev: true })).toHaveLength(1);
  });

  test.each(["preinstall", "install", "postinstall"])("with the script %s", (script) => {
    expect(problemsOf({ license: "MIT", scripts: { [script]: "node x.js" } })).toHaveLength(1);
  });

  test("that npm would compile", () => {
    mkdirSync(join(dir, "node_modules", "a"), { recursive: true });
    writeFileSync(join(dir, "node_modules", "a", "binding.gyp"), "{}");
    expect(problemsOf({ license: "MIT" })).toHaveLength(1);
  });

  test("in another version than the locked one", () => {
    expect(problemsOf({ license: "MIT", version: "1.0.1" })).toHaveLength(1);
  });

  test("that is missing, unless it is for other systems: then the lock's word counts", () => {
    expect(problemsOf(undefined, { license: "MIT" })).toHaveLength(1);
    expect(problemsOf(undefined, { license: "MIT", optional: true })).toEqual([]);
    expect(problemsOf(undefined, { license: "GPL-3.0-only", optional: true })).toHaveLength(1);
  });
});

test("the client package is refused with anything that its users would get or run beside it", () => {
  const good = { files: ["dist"], scripts: { build: "node build.mjs" } };
  expect(sdkProblems(good)).toEqual([]);
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
    expect(sdkProblems({ ...good, [kind]: { a: "1.0.0" } })).toHaveLength(1);
  }
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
    expect(sdkProblems({ ...good, scripts: { [script]: "node x.js" } })).toHaveLength(1);
  }
  expect(sdkProblems({ ...good, files: ["dist", "."] })).toHaveLength(1);
});

test("settings of npm are refused where scripts may run, or with what belongs to one machine", () => {
  expect(npmrcProblems("ignore-scripts=true\nomit-lockfile-registry-resolved=true\n")).toEqual([]);
  expect(npmrcProblems("")).toHaveLength(1);
  expect(npmrcProblems("ignore-scripts=false\n")).toHaveLength(1);
  expect(npmrcProblems("#ignore-scripts=true\n")).toHaveLength(1);
  expect(npmrcProblems("ignore-scripts=true\nregistry=https://npm.example.com/\n")).toHaveLength(1);
  expect(npmrcProblems("ignore-scripts=true\n//npm.example.com/:_authToken=x\n")).toHaveLength(1);
});
