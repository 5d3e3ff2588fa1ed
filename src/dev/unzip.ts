import { createWriteStream } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise } from "yauzl";

const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;

/**
 * Unpacks a zip archive into an existing folder, with the permissions it carries.
 *
 * @throws Error for an entry that would land outside of the folder, and for symbolic links
 */
export async function unzip(archive: string, target: string, onProgress: (share: number) => void): Promise<void> {
  const zip = await openPromise(archive, { autoClose: false, strictFileNames: true });
  const made = new Set<string>();
  try {
    let done = 0;
    for await (const entry of zip.eachEntry()) {
      const path = placeOf(entry, target);
      const folder = entry.fileName.endsWith("/") ? path : dirname(path);
      if (!made.has(folder)) await mkdir(folder, { recursive: true });
      made.add(folder);
      if (folder !== path) {
        await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path, { flags: "wx" }));
        await chmod(path, permissionsOf(entry));
      }
      done += 1;
      onProgress(done / zip.entryCount);
    }
  } finally {
    zip.close();
  }
}

function placeOf(entry: Entry, target: string): string {
  const path = resolve(target, entry.fileName);
  if (!path.startsWith(resolve(target) + sep))
    throw new Error(`The archive has a path outside of it: ${entry.fileName}`);
  if ((modeOf(entry) & FILE_TYPE) === SYMBOLIC_LINK)
    throw new Error(`The archive has a symbolic link: ${entry.fileName}`);
  return path;
}

// The high 16 bits are the Unix mode; 0 when the archive was made elsewhere.
function modeOf(entry: Entry): number {
  return entry.externalFileAttributes >>> 16;
}

function permissionsOf(entry: Entry): number {
  return modeOf(entry) & 0o111 ? 0o755 : 0o644;
}
