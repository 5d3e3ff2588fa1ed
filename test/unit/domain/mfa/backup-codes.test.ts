import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createBackupCodes } from "../../../../src/domain/mfa/backup-codes.ts";

const backupCodes = createBackupCodes({
  random: { token: (byteLength) => randomBytes(byteLength).toString("base64url") },
});
const { codes, stored } = await backupCodes.generate();
const [first = "", second = ""] = codes;

test("a set has ten codes of 60 bits, easy to read and to type", () => {
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){2}[0-9A-HJKMNP-TV-Z]{4}$/);
});

test("codes use the whole alphabet, evenly", () => {
  const random = { token: (byteLength: number) => Buffer.from(bytes.splice(0, byteLength)).toString("base64url") };
  const bytes = Array.from({ length: 12 * 10 + 16 }, (_, index) => index);
  return createBackupCodes({ random })
    .generate()
    .then((set) => {
      const counts = new Map<string, number>();
      for (const character of set.codes.join("").replaceAll("-", "").slice(0, 96)) {
        counts.set(character, (counts.get(character) ?? 0) + 1);
      }
      expect(counts.size).toBe(32);
      expect(new Set(counts.values())).toEqual(new Set([3]));
    });
});

// Threat: whoever reads the user records can log in with the codes, or finds equal ones by their hashes (ASVS 6.5.2).
test("what is stored holds no code, and is salted anew for every set", async () => {
  const text = JSON.stringify(stored);
  for (const code of codes) {
    expect(text).not.toContain(code);
    expect(text).not.toContain(code.replaceAll("-", ""));
  }
  expect(stored.total).toBe(10);
  expect(new Set(stored.hashes).size).toBe(10);
  expect(Buffer.from(stored.salt, "base64url")).toHaveLength(16);
  for (const hash of stored.hashes) expect(Buffer.from(hash, "base64url")).toHaveLength(32);
  expect((await backupCodes.generate()).stored.salt).not.toBe(stored.salt);
});

describe("spending", () => {
  test("leaves the others", async () => {
    const rest = await backupCodes.spend(stored, first);
    expect(rest?.hashes).toHaveLength(9);
    expect(rest?.total).toBe(10);
    if (rest === undefined) return;
    expect(await backupCodes.spend(rest, first)).toBeUndefined();
    expect((await backupCodes.spend(rest, second))?.hashes).toHaveLength(8);
  });

  test.each([
    ["in lower case", first.toLowerCase()],
    ["without hyphens", first.replaceAll("-", "")],
    ["with blanks", ` ${first.replaceAll("-", " ")}\t`],
    ["with the hyphens of a word processor", first.replaceAll("-", "\u2011")],
    ["with letters for the digits they look like", first.replaceAll("0", "o").replaceAll("1", "l")],
    ["with capital I for 1", first.replaceAll("1", "I")],
  ])("takes a code that is typed %s", async (_name, typed) => {
    expect((await backupCodes.spend(stored, typed))?.hashes).toHaveLength(9);
  });

  test.each([
    ["nothing", ""],
    ["another code", "0000-0000-0000"],
    ["a part of one", first.slice(0, -1)],
    ["one with something behind it", `${first}0`],
    ["two of them", `${first}${second}`],
    ["a hash", stored.hashes[0] ?? ""],
    ["a TOTP code", "123456"],
    ["a very long text", "0".repeat(100_000)],
  ])("refuses %s", async (_name, typed) => {
    expect(await backupCodes.spend(stored, typed)).toBeUndefined();
  });

  test("refuses everything when none is left, or when a stored hash is damaged", async () => {
    expect(await backupCodes.spend({ ...stored, hashes: [] }, first)).toBeUndefined();
    const damaged = stored.hashes.map((hash) => hash.slice(0, 10));
    expect(await backupCodes.spend({ ...stored, hashes: damaged }, first)).toBeUndefined();
  });

  test("a code of one set is nothing in another", async () => {
    const other = await backupCodes.generate();
    expect(await backupCodes.spend(other.stored, first)).toBeUndefined();
  });
});
