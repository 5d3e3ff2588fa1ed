import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What of a package's manifest, or of its entry in package-lock.json, is looked at. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: unknown;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface LockEntry extends Manifest {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}

export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** Licences of what the gateway runs on: permissive ones, which ask for no more than their text. */
const forProduction = new Set([
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
]);

/** Development tools are not handed on, so a licence that asks something of changed files is no burden either. */
const forDevelopment = new Set([...forProduction, "MPL-2.0", "PSF-2.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "Zlib"]);

const kinds = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const;
const installScripts = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare"];
const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const publicRegistry = "https://registry.npmjs.org/";

/** Reads a JSON file of the repository. */
export function readJson<T>(root: string, path: string): T {
  return JSON.parse(readFileSync(join(root, path), "utf8")) as T;
}

/** What is wrong with the versions that a manifest asks for: each must be one version, not a range and not an address. */
export function manifestProblems(manifest: Manifest): string[] {
  return kinds.flatMap((kind) =>
    Object.entries(manifest[kind] ?? {})
      .filter(([, version]) => !exactVersion.test(version))
      .map(([name, version]) => `${kind}: ${name}: ${version} is not one version`),
  );
}

/**
 * What is wrong with a lock: an entry without a strong hash, one from anywhere but the public registry, one that runs code at
 * its installation, and a lock that is another manifest's.
 */
export function lockProblems(lock: Lock, manifest: Manifest): string[] {
  const problems: string[] = [];
  if (lock.lockfileVersion !== 3) problems.push(`lockfileVersion is ${lock.lockfileVersion}, not 3`);
  for (const kind of kinds) {
    const [asked, locked] = [manifest[kind], lock.packages[""]?.[kind]].map((each) => JSON.stringify(each ?? {}));
    if (asked !== locked) problems.push(`${kind}: the lock was made for another package.json`);
  }
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.hasInstallScript) problems.push(`${path}: runs a script at its installation`);
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) continue;
    if (entry.link) {
      if (entry.resolved !== "src/sdk") problems.push(`${path}: is a link to ${entry.resolved}`);
      continue;
    }
    if (entry.resolved !== undefined && !entry.resolved.startsWith(publicRegistry)) {
      problems.push(`${path}: comes from ${entry.resolved}`);
    }
    if (entry.inBundle) problems.push(`${path}: is bundled with another package, past the check of its own hash`);
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity ?? "")) problems.push(`${path}: has no SHA-512 hash`);
    if (!exactVersion.test(entry.version ?? "")) problems.push(`${path}: ${entry.version} is not a version`);
  }
  return problems;
}

/**
 * What is wrong with the packages that are installed: one that is not what the lock says, that runs code at its
 * installation, or that is under a licence which is not on the list. What is for other systems only, and therefore not
 * installed, is judged by the lock's word.
 */
export function installedProblems(root: string, lock: Lock): string[] {
  const problems: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.link || !path.includes("node_modules/")) continue;
    const present = existsSync(join(root, path, "package.json"));
    if (!present && !entry.optional) problems.push(`${path}: is not installed`);
    const manifest = present ? readJson<Manifest>(root, join(path, "package.json")) : entry;
    const allowed = entry.dev ? forDevelopment : forProduction;
    if (manifest.version !== entry.version) problems.push(`${path}: is ${manifest.version}, not ${entry.version}`);
    if (!isAllowed(manifest.license, allowed))
      problems.push(`${path}: the licence ${manifest.license} is not on the list`);
    for (const script of installScripts.slice(0, 3)) {
      if (manifest.scripts?.[script]) problems.push(`${path}: has the script ${script}`);
    }
    // npm takes such a file for an install script that compiles.
    if (existsSync(join(root, path, "binding.gyp"))) problems.push(`${path}: would be compiled at its installation`);
  }
  return problems;
}

/** What is wrong with the client package: it must bring nothing, run nothing when it is installed, and hold what is built. */
export function sdkProblems(manifest: Manifest & { readonly files?: readonly string[] }): string[] {
  const problems = kinds
    .filter((kind) => Object.keys(manifest[kind] ?? {}).length > 0)
    .map((kind) => `the SDK has ${kind}`);
  for (const script of installScripts) {
    if (manifest.scripts?.[script]) problems.push(`the SDK has the script ${script}`);
  }
  if (JSON.stringify(manifest.files) !== '["dist"]') problems.push("the SDK packs other files than dist");
  return problems;
}

/** What is missing of npm's settings in a checkout. */
export function npmrcProblems(npmrc: string): string[] {
  const settings = npmrc.split("\n").map((line) => line.trim());
  const problems = settings.includes("ignore-scripts=true") ? [] : [".npmrc: ignore-scripts=true is missing"];
  const secret = /_auth|_password|registry/i;
  for (const line of settings)
    if (secret.test(line.split("=")[0] ?? "") && !line.startsWith("omit-"))
      problems.push(`.npmrc: ${line.split("=")[0]} belongs to a machine, not to the repository`);
  return problems;
}

/** All problems of a checkout with its packages installed. */
export function checkoutProblems(root: string): string[] {
  const lock = readJson<Lock>(root, "package-lock.json");
  const manifest = readJson<Manifest>(root, "package.json");
  return [
    ...manifestProblems(manifest),
    ...lockProblems(lock, manifest),
    ...installedProblems(root, lock),
    ...sdkProblems(readJson(root, "src/sdk/package.json")),
    ...npmrcProblems(readFileSync(join(root, ".npmrc"), "utf8")),
  ];
}

/** Whether an SPDX expression can be kept by licences of the list: every part of an AND, one part of an OR. */
function isAllowed(licence: unknown, allowed: ReadonlySet<string>): boolean {
  if (typeof licence !== "string") return false;
  const plain = licence.replace(/^\((.*)\)$/, "$1");
  // A nested expression is not read, and therefore refused.
  if (/[()]/.test(plain) || (plain.includes(" AND ") && plain.includes(" OR "))) return false;
  if (plain.includes(" OR ")) return plain.split(" OR ").some((each) => allowed.has(each));
  return plain.split(" AND ").every((each) => allowed.has(each));
}
