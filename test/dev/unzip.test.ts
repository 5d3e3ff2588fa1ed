// Threat: an archive that was tampered with writes outside of the folder it is unpacked to ("zip slip"), by a path that
// climbs, an absolute path, or a symbolic link that later entries are written through.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { unzip } from "../../src/dev/unzip.ts";
import { type ZipEntry, zipFile } from "./zip-file.ts";

let dir: string;
let target: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-unzip-"));
  target = await mkdtemp(join(dir, "target-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function unpack(entries: ZipEntry[]): Promise<number[]> {
  const shares: number[] = [];
  await writeFile(join(dir, "a.zip"), zipFile(entries));
  await unzip(join(dir, "a.zip"), target, (share) => shares.push(share));
  return shares;
}

test("unpacks folders and files, and keeps who may run what", async () => {
  const shares = await unpack([
    { name: "kc/", mode: 0o040755 },
    { name: "kc/bin/kc.sh", content: "#!/bin/sh\n", mode: 0o100755 },
    { name: "kc/conf/empty.conf" },
  ]);
  expect(await readFile(join(target, "kc/bin/kc.sh"), "utf8")).toBe("#!/bin/sh\n");
  expect((await stat(join(target, "kc/bin/kc.sh"))).mode & 0o777).toBe(0o755);
  expect((await stat(join(target, "kc/conf/empty.conf"))).mode & 0o777).toBe(0o644);
  expect(shares.at(-1)).toBe(1);
});

test.each([
  { name: "../escaped" },
  { name: "kc/../../escaped" },
  { name: `/tmp/${"escaped"}` },
  { name: "..\\escaped" },
  { name: "kc/link", content: "..", mode: 0o120777 },
])("refuses $name", async (entry) => {
  await expect(unpack([{ name: "kc/fine", content: "fine" }, entry])).rejects.toThrow();
  expect((await readdir(dir)).filter((name) => name.includes("escaped"))).toEqual([]);
  expect((await readdir(join(target, "kc"))).filter((name) => name !== "fine")).toEqual([]);
});
