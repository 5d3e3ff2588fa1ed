import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { DevError } from "./dev-error.ts";
import type { Java } from "./java.ts";
import { getKeycloakArchive, KEYCLOAK_VERSION } from "./keycloak-archive.ts";
import { KEYCLOAK_BUILD_OPTIONS, keycloakEnv } from "./keycloak-server.ts";
import type { Processes } from "./processes.ts";
import { lastWords } from "./ready.ts";
import type { Progress, Steps } from "./steps.ts";

const NEEDED_BYTES = 700e6;
const DRAFT = ".keycloak-";
const DRAFT_MAX_AGE_MS = 6 * 3_600_000;

type Deps = {
  cache: string;
  env: NodeJS.ProcessEnv;
  java: Java;
  processes: Processes;
  steps: Steps;
  signal: AbortSignal;
};

/**
 * The folder of a Keycloak that is unpacked and built for our options, made in the cache when it is not there yet. It is
 * read only from then on: every start has a home of its own that points to it.
 *
 * @throws DevError when it cannot be fetched, does not fit on the disk or does not build
 */
export async function ensureKeycloakDist(deps: Deps): Promise<string> {
  const target = distFolder(deps.cache);
  if (existsSync(target)) return target;
  await mkdir(deps.cache, { recursive: true });
  await removeOldDrafts(deps.cache);
  await requireSpace(deps.cache);
  const draft = await mkdtemp(join(deps.cache, DRAFT));
  try {
    const fetched = await deps.steps.run(
      `Fetch Keycloak ${KEYCLOAK_VERSION}`,
      (progress) => getKeycloakArchive(draft, { ...deps, progress }),
      (archive) => archive.source,
    );
    await deps.steps.run("Unpack it into the cache", (progress) => unpack(fetched.path, draft, progress));
    const dist = join(draft, `keycloak-${KEYCLOAK_VERSION}`);
    await deps.steps.run("Build it, so that later starts are quick", () => build(dist, deps));
    await rename(dist, target).catch((error: NodeJS.ErrnoException) => {
      // Another start was faster: its copy is as good as ours.
      if (!existsSync(target)) throw error;
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw noSpace(deps.cache);
    throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

/** Where the built Keycloak lies; other build options make another folder. */
export function distFolder(cache: string): string {
  const options = createHash("sha256").update(KEYCLOAK_BUILD_OPTIONS.join(" ")).digest("hex").slice(0, 8);
  return join(cache, `keycloak-${KEYCLOAK_VERSION}-${options}`);
}

async function unpack(archive: string, draft: string, progress: Progress): Promise<void> {
  // Loaded here, because all later starts do without it.
  const { unzip } = await import("./unzip.ts");
  await unzip(archive, draft, (share) => progress(`${Math.round(share * 100)} %`));
}

async function build(dist: string, { env, java, processes }: Deps): Promise<void> {
  const { code, child } = await processes.run({
    name: "Keycloak build",
    command: join(dist, "bin", "kc.sh"),
    args: ["build", ...KEYCLOAK_BUILD_OPTIONS],
    env: keycloakEnv(env, java, {}),
  });
  if (code !== 0) throw new DevError(`Keycloak could not be built.${lastWords(child)}`);
}

async function requireSpace(dir: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize < NEEDED_BYTES) throw noSpace(dir);
}

function noSpace(dir: string): DevError {
  return new DevError(
    `There is too little room in ${dir}: Keycloak needs ${NEEDED_BYTES / 1e6} MB there while it is unpacked.\n` +
      "Make room, or choose another place with HEADGATE_CACHE_DIR.",
  );
}

// What a start that was killed has left.
async function removeOldDrafts(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(DRAFT)) continue;
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > DRAFT_MAX_AGE_MS) await rm(path, { recursive: true, force: true });
  }
}
