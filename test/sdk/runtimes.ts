import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDir } from "../../bin/lib/cache-dir.mjs";
import { npm, type Runtime } from "../support/sdk-consumer.ts";

const run = promisify(execFile);

/** A runtime that the SDK promises to work on, and where npm has it. */
export interface NamedRuntime {
  readonly name: string;
  /** An npm package in one exact version. */
  readonly package: string;
  /** The program below node_modules, `*` for one folder whatever its name; the package's install scripts do not run. */
  readonly program: readonly string[];
  readonly args: readonly string[];
}

/** The ends of the range of Node versions, besides the one that runs the tests, and the runtimes that follow Node. */
export const runtimes: readonly NamedRuntime[] = [
  node("18.0.0", "node"),
  node("26.10.0", "node-bin"),
  { name: "Bun 1.4.5", package: "bun@1.4.5", program: ["@oven", "*", "bin", "bun"], args: [] },
  {
    name: "Deno 2.9.6",
    package: "deno@2.9.6",
    program: ["@deno", "*", "deno"],
    // What the SDK needs: the network, the environment for its credentials, and its own files.
    args: ["run", "--quiet", "--no-prompt", "--no-lock", "--allow-net", "--allow-env", "--allow-read"],
  },
];

function node(version: string, prefixOnAppleSilicon: string): NamedRuntime {
  const { platform, arch } = process;
  const prefix = platform === "darwin" && arch === "arm64" ? prefixOnAppleSilicon : "node";
  const name = `${prefix}-${platform}-${arch}`;
  return { name: `Node ${version}`, package: `${name}@${version}`, program: [name, "bin", "node"], args: [] };
}

/**
 * Fetches a runtime with npm into the cache, once. Two runs at the same time both fetch, and the first rename wins.
 *
 * @throws Error when npm does not get it or it does not start on this machine.
 */
export async function fetchRuntime(runtime: NamedRuntime): Promise<Runtime> {
  const target = join(cacheDir(), `${runtime.package.replaceAll(/[^\w.]+/g, "-")}-${process.platform}-${process.arch}`);
  const present = await findProgram(target, runtime);
  if (present !== undefined) return { program: present, args: runtime.args };
  await mkdir(cacheDir(), { recursive: true });
  const draft = await mkdtemp(join(cacheDir(), ".runtime-"));
  try {
    await writeFile(join(draft, "package.json"), '{ "private": true }\n');
    await npm(draft, ["install", "--no-save", "--no-package-lock", "--ignore-scripts", runtime.package]);
    const program = await findProgram(draft, runtime);
    if (program === undefined) throw new Error(`${runtime.package} holds no program for this system.`);
    await run(program, ["--version"]);
    await rename(draft, target).catch(async (error: unknown) => {
      if ((await findProgram(target, runtime)) === undefined) throw error;
    });
  } catch (cause) {
    throw new Error(`${runtime.name} could not be fetched: npm needs its registry for it.`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return await fetchRuntime(runtime);
}

async function findProgram(dir: string, { program }: NamedRuntime): Promise<string | undefined> {
  let path = join(dir, "node_modules");
  for (const part of program) {
    const names = await readdir(path).catch(() => []);
    const name = part === "*" ? names[0] : names.find((candidate) => candidate === part);
    if (name === undefined) return undefined;
    path = join(path, name);
  }
  return path;
}
