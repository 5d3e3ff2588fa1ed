import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { DevError } from "./dev-error.ts";

/** A Java that can run Keycloak. */
export type Java = { command: string; version: string };

const OLDEST = 17;
const run = promisify(execFile);

/**
 * Finds Java 17 or newer: that of JAVA_HOME, the one on the PATH, or the one macOS knows of.
 *
 * @throws DevError that says how to get one
 */
export async function findJava(env: NodeJS.ProcessEnv, platform: string = process.platform): Promise<Java> {
  const tooOld: string[] = [];
  for (const command of await candidates(env, platform)) {
    const version = await versionOf(command, env);
    if (version === undefined) continue;
    if (majorOf(version) >= OLDEST) return { command, version };
    tooOld.push(`${command} is Java ${version}`);
  }
  throw new DevError(
    `Keycloak needs Java ${OLDEST} or newer. ${tooOld.length > 0 ? `Too old: ${tooOld.join(", ")}.` : "None was found."}\n` +
      "Install one (Debian, Ubuntu: apt-get install default-jre-headless; macOS: brew install openjdk) and, if it is\n" +
      "not on the PATH, set JAVA_HOME. Without Java: docker compose up, or npm run dev -- --keycloak URL",
  );
}

async function candidates(env: NodeJS.ProcessEnv, platform: string): Promise<string[]> {
  const found = env["JAVA_HOME"] ? [join(env["JAVA_HOME"], "bin", "java")] : [];
  found.push("java");
  if (platform === "darwin") {
    const home = await run("/usr/libexec/java_home", ["-v", `${OLDEST}+`]).catch(() => undefined);
    if (home) found.push(join(home.stdout.trim(), "bin", "java"));
    found.push("/opt/homebrew/opt/openjdk/bin/java", "/usr/local/opt/openjdk/bin/java");
  }
  return found;
}

async function versionOf(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const output = await run(command, ["-version"], { env }).catch(() => undefined);
  return output && /version "([^"]+)"/.exec(`${output.stderr}${output.stdout}`)?.[1];
}

// Up to Java 8 the major version stands second: 1.8.0_402.
function majorOf(version: string): number {
  const [first = 0, second = 0] = version.split(/[._]/).map(Number);
  return first === 1 ? second : first;
}
