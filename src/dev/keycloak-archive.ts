import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DevError } from "./dev-error.ts";
import { isOnPath } from "./on-path.ts";
import type { Processes } from "./processes.ts";
import type { Progress } from "./steps.ts";

/** The one release this gateway is tried against; the realm, docker-compose.yml and the tests mean the same. */
export const KEYCLOAK_VERSION = "26.7.5";

/** SHA-256 of keycloak-quarkus-dist-26.7.5.zip as it lies in Maven Central. */
export const KEYCLOAK_SHA256 = "30ef87fb7101c43d29688d1ae80c0588ff4a151b3330e9f664bf9692d398658a";

const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK_VERSION}:zip`;
const RELEASE_URL = `https://github.com/keycloak/keycloak/releases/download/${KEYCLOAK_VERSION}/keycloak-${KEYCLOAK_VERSION}.zip`;
const DOWNLOAD_TIMEOUT_MS = 20 * 60_000;

/** A verified archive, and where it came from in words. */
export type Archive = { path: string; source: string };

type Sources = { env: NodeJS.ProcessEnv; processes: Processes; signal: AbortSignal; progress: Progress };

/**
 * Gets the archive of Keycloak: the one that HEADGATE_KEYCLOAK_ARCHIVE names, else by its Maven coordinates where there
 * is an `mvn`, else the release archive. What comes back has the expected checksum.
 *
 * @param dir an existing folder for the download
 * @throws DevError that names the ways to get it
 */
export async function getKeycloakArchive(dir: string, sources: Sources): Promise<Archive> {
  const given = sources.env["HEADGATE_KEYCLOAK_ARCHIVE"];
  if (given) {
    if (!existsSync(given)) throw new DevError(`HEADGATE_KEYCLOAK_ARCHIVE names ${given}, which is not there.`);
    await requireChecksum(given, given);
    return { path: given, source: basename(given) };
  }
  let mavenFailure = "There is no mvn on the PATH.";
  if (isOnPath("mvn", sources.env)) {
    const archive = await fetchWithMaven(dir, sources);
    if (typeof archive !== "string") return archive;
    mavenFailure = archive;
  }
  const archive = await fetchRelease(dir, sources);
  if (typeof archive !== "string") return archive;
  throw new DevError(
    `Keycloak ${KEYCLOAK_VERSION} could not be fetched.\n\n${mavenFailure}\n${archive}\n\n` +
      "Download the archive elsewhere and set HEADGATE_KEYCLOAK_ARCHIVE to its path, or use a Keycloak that runs\n" +
      "already (--keycloak URL), or Docker (docker compose up).",
  );
}

async function fetchWithMaven(dir: string, { env, processes, progress }: Sources): Promise<Archive | string> {
  progress("with Maven");
  const args = ["-q", "-B", "dependency:copy", `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${dir}`];
  const { code, child } = await processes.run({ name: "Maven", command: "mvn", args, env, cwd: dir });
  const [zip] = (await readdir(dir)).filter((name) => name.endsWith(".zip"));
  if (code !== 0 || zip === undefined) {
    const errors = child.lastLines().filter((line) => line.includes("ERROR"));
    return `mvn did not get ${ARTIFACT}: ${errors[0] ?? child.lastLines().at(-1) ?? `exit code ${code}`}`;
  }
  const path = join(dir, zip);
  await requireChecksum(path, ARTIFACT);
  return { path, source: "with Maven" };
}

async function fetchRelease(dir: string, { signal, progress }: Sources): Promise<Archive | string> {
  const path = join(dir, `keycloak-${KEYCLOAK_VERSION}.zip`);
  try {
    const response = await fetch(RELEASE_URL, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]),
    });
    if (!response.ok || !response.body) return `${RELEASE_URL} answered ${response.status}.`;
    const total = Number(response.headers.get("content-length") ?? 0);
    let got = 0;
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        got += chunk.length;
        progress(`${megabytes(got)}${total > 0 ? ` of ${megabytes(total)}` : ""} MB`);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(response.body), count, createWriteStream(path));
  } catch (error) {
    await rm(path, { force: true });
    return `${RELEASE_URL} could not be downloaded: ${reasonOf(error)}`;
  }
  if ((await digest(path, "sha256")) === KEYCLOAK_SHA256) return { path, source: "the release archive" };
  // The release page may pack the same files anew: then the checksum that is published beside the archive decides.
  const published = await fetch(`${RELEASE_URL}.sha1`, { signal }).then((response) =>
    response.ok ? response.text() : "",
  );
  if (published.trim().split(/\s/)[0] !== (await digest(path, "sha1")))
    throw new DevError(
      `The archive from ${RELEASE_URL} is damaged or not the published one: its checksum is wrong. Try again.`,
    );
  return { path, source: "the release archive (checked against the SHA-1 published beside it)" };
}

async function requireChecksum(path: string, what: string): Promise<void> {
  const found = await digest(path, "sha256");
  if (found === KEYCLOAK_SHA256) return;
  throw new DevError(
    `The checksum of ${what} is wrong, so it is not used.\n  expected SHA-256 ${KEYCLOAK_SHA256}\n  found    SHA-256 ${found}\n` +
      "Remove that copy (Maven keeps one in ~/.m2/repository/org/keycloak/keycloak-quarkus-dist) and try again.",
  );
}

async function digest(path: string, algorithm: "sha1" | "sha256"): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || message : message;
}
