// Runs on Node 18 and newer: nothing in here may need more, nor a dependency.
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./cache-dir.mjs";

/**
 * Whether node_modules holds what package-lock.json says. A stamp with the lock file's hash answers at once; without one
 * (someone ran npm themselves) npm's own record of what it installed is compared with the lock file.
 *
 * @param {string} root
 */
export function dependenciesAreCurrent(root) {
  const lock = readText(join(root, "package-lock.json"));
  if (lock === undefined) return true;
  if (readText(stampFile(root)) === sha256(lock)) return true;
  const installed = readText(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined || !matches(lock, installed)) return false;
  stamp(root);
  return true;
}

/**
 * @param {string} lock
 * @param {string} installed
 */
function matches(lock, installed) {
  try {
    const wanted = JSON.parse(lock).packages;
    const present = JSON.parse(installed).packages;
    return Object.entries(wanted).every(([path, entry]) => {
      if (!path.startsWith("node_modules/") || entry.link) return true;
      if (!present[path]) return entry.optional === true;
      return present[path].version === entry.version && present[path].integrity === entry.integrity;
    });
  } catch {
    return false;
  }
}

/**
 * Remembers that node_modules now holds what package-lock.json says.
 *
 * @param {string} root
 */
export function stamp(root) {
  writeFileSync(stampFile(root), sha256(readFileSync(join(root, "package-lock.json"), "utf8")));
}

/** @param {string} root */
function stampFile(root) {
  return join(root, "node_modules", ".headgate-lock");
}

/**
 * Runs one piece of work at a time over all processes of this user that name the same thing. The lock of a process that
 * is gone is taken over.
 *
 * @template T
 * @param {string} thing
 * @param {() => T} work
 */
export function withLock(thing, work) {
  const dir = join(cacheDir(), "locks");
  mkdirSync(dir, { recursive: true });
  const path = join(dir, sha256(thing).slice(0, 16));
  while (!tryLock(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
function tryLock(path) {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, String(process.pid));
  try {
    // A link appears with its content, so that a lock never lacks an owner.
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const owner = readText(path);
  if (owner === undefined || isAlive(Number(owner))) return false;
  // Renamed before it is removed, so that of two that see a dead owner only one takes the file away.
  const dead = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, dead);
    if (readText(dead) !== owner) renameSync(dead, path);
    else rmSync(dead, { force: true });
  } catch {
    // Another process was faster.
  }
  return false;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}
