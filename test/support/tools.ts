import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cacheDir } from "../../bin/lib/cache-dir.mjs";
import { DevError } from "../../src/dev/dev-error.ts";
import { findJava } from "../../src/dev/java.ts";
import { distFolder } from "../../src/dev/keycloak-dist.ts";
import { isOnPath } from "../../src/dev/on-path.ts";
import type { Steps } from "../../src/dev/steps.ts";

/** A program that the tests need and this machine may lack. */
type Tool = {
  name: string;
  isThere(): Promise<boolean>;
  /** Packages to try, one after the other, until the tool is there. */
  apt: string[];
  brew: string;
};

const TOOLS: Tool[] = [
  {
    name: "redis-server",
    isThere: async () => isOnPath("redis-server", process.env),
    apt: ["redis-server"],
    brew: "redis",
  },
  {
    name: "Java 17 or newer",
    isThere: () =>
      findJava(process.env).then(
        () => true,
        () => false,
      ),
    apt: ["default-jre-headless", "openjdk-21-jre-headless", "openjdk-17-jre-headless"],
    brew: "openjdk",
  },
];

// Only the way to get Keycloak for the first time; where it cannot be installed, the release archive is tried.
const MAVEN: Tool = {
  name: "Maven",
  isThere: async () => isOnPath("mvn", process.env) || hasKeycloak(),
  apt: ["maven"],
  brew: "maven",
};

/**
 * Finds the programs that the tests need, and installs those that are missing.
 *
 * @throws DevError that says what to install where this cannot do it
 */
export async function ensureTools(steps: Steps): Promise<void> {
  for (const tool of TOOLS) {
    if (await tool.isThere()) continue;
    await steps.run(`Install ${tool.name}`, () => install(tool));
    if (!(await tool.isThere())) throw missing(tool);
  }
  if (!(await MAVEN.isThere()))
    await steps.run("Install Maven, to fetch Keycloak", () => install(MAVEN)).catch(() => {});
}

function hasKeycloak(): boolean {
  return process.env["HEADGATE_KEYCLOAK_ARCHIVE"] !== undefined || existsSync(distFolder(cacheDir()));
}

let listsAreFresh = false;

async function install(tool: Tool): Promise<void> {
  const { env } = process;
  if (isOnPath("apt-get", env) && process.getuid?.() === 0) {
    if (!listsAreFresh) run("apt-get", ["update", "-qq"]);
    listsAreFresh = true;
    for (const name of tool.apt) {
      run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name]);
      if (await tool.isThere()) return;
    }
  } else if (isOnPath("brew", env)) run("brew", ["install", "--quiet", tool.brew]);
  else throw missing(tool);
}

// What it says is shown only if the tool is still missing afterwards.
const said: string[] = [];

function run(command: string, args: string[]): void {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (result.status !== 0) said.push(`${command} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
}

function missing(tool: Tool): DevError {
  const log = said.length > 0 ? `\n\n${said.join("\n")}` : "";
  return new DevError(
    `The tests need ${tool.name}, and it could not be installed here.\n` +
      `Debian, Ubuntu: sudo apt-get install ${tool.apt[0]}; macOS: brew install ${tool.brew}${log}`,
  );
}
