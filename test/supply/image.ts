import { constants, existsSync, readdirSync, statSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isIgnored, type Stage } from "./dockerfile.ts";
import { type Lock, readJson } from "./packages.ts";

/** A folder that holds what the image's working directory would, and nothing that can be written. */
export interface ImageCopy {
  /** The image's working directory. */
  readonly app: string;
  /** A Node that the image's user may run. */
  readonly node: string;
  /** The image's user, where this process may become it; else this process's own. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  remove(): Promise<void>;
}

/** The paths that a stage copies out of the repository, each as far as .dockerignore lets it through. */
export function copiedFiles(root: string, stage: Stage, dockerignore: string): readonly string[] {
  const sources = stage.instructions
    .filter(({ name, flags }) => name === "COPY" && flags["from"] === undefined)
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1));
  const files = sources.flatMap((source) =>
    statSync(join(root, source)).isDirectory()
      ? readdirSync(join(root, source), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      : [source],
  );
  return files.filter((file) => !isIgnored(dockerignore, file));
}

/** The packages that `npm ci --omit=dev` installs, as paths in the repository. */
export function productionPackages(lock: Lock): readonly string[] {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.startsWith("node_modules/") && !entry.dev && !entry.link)
    .map(([path]) => path);
}

/** Makes the copy: the files, and the packages that are installed without the development ones, read-only. */
export async function copyImage(root: string, files: readonly string[], uid: number): Promise<ImageCopy> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "headgate-image-")));
  await chmod(dir, 0o755);
  const app = join(dir, "app");
  for (const file of files) {
    await mkdir(dirname(join(app, file)), { recursive: true });
    await copyFile(join(root, file), join(app, file));
  }
  for (const path of productionPackages(readJson<Lock>(root, "package-lock.json"))) {
    if (!existsSync(join(root, path))) continue;
    // What is nested in it has an entry of its own, or is not there without the development packages.
    const nested = join(root, path, "node_modules");
    await cp(join(root, path), join(app, path), { recursive: true, filter: (source) => source !== nested });
  }
  const isRoot = process.getuid?.() === 0;
  // The one that runs the tests may lie in a home that nobody else may enter.
  const node = isRoot ? join(dir, "node") : process.execPath;
  if (isRoot) await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
  await setModes(app, 0o555, 0o444);
  return {
    app,
    node,
    user: isRoot ? { uid, gid: uid } : undefined,
    async remove() {
      await setModes(app, 0o755, 0o644);
      await rm(dir, { recursive: true });
    },
  };
}

async function setModes(folder: string, ofFolders: number, ofFiles: number): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await setModes(path, ofFolders, ofFiles);
    else await chmod(path, ofFiles);
  }
  await chmod(folder, ofFolders);
}
