import { cp, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Java } from "./java.ts";
import type { Child, Processes } from "./processes.ts";
import { statusOf, waitFor } from "./ready.ts";

/** Fixed when Keycloak is built; docker-compose.yml has the same. Nothing is kept when it stops. */
export const KEYCLOAK_BUILD_OPTIONS = ["--db=dev-mem", "--cache=local"] as const;

/** What every start is given besides; docker-compose.yml has the same. The host name decides the issuer of all tokens. */
export function keycloakStartOptions(port: number): string[] {
  return [
    `--hostname=http://localhost:${port}`,
    `--http-port=${port}`,
    "--http-enabled=true",
    "--proxy-headers=xforwarded",
    "--import-realm",
  ];
}

const START_TIMEOUT_MS = 180_000;
const STOP_GRACE_MS = 10_000;

/** A Keycloak that was started. */
export type KeycloakServer = { url: string; child: Child; stop(): Promise<void> };

type Start = {
  dist: string;
  /** A folder for this run alone; it is emptied first and removed at the end. */
  home: string;
  realmFile: string;
  realm: string;
  port: number;
  java: Java;
  env: NodeJS.ProcessEnv;
  /** For Keycloak's first administrator and for the placeholders in the realm file. */
  variables: Record<string, string>;
  processes: Processes;
};

/**
 * Starts Keycloak on the loopback address and waits until the realm answers.
 *
 * @throws DevError with Keycloak's last lines when it does not start
 */
export async function startKeycloak(start: Start): Promise<KeycloakServer> {
  await makeHome(start);
  const child = start.processes.start({
    name: "Keycloak",
    command: join(start.dist, "bin", "kc.sh"),
    args: [
      `-Dkc.home.dir=${start.home}`,
      "start",
      "--optimized",
      // Its administrator's password is public: nobody else on the network may reach it.
      "--http-host=127.0.0.1",
      ...keycloakStartOptions(start.port),
    ],
    env: keycloakEnv(start.env, start.java, start.variables),
  });
  const url = `http://localhost:${start.port}`;
  await waitFor(child, START_TIMEOUT_MS, async () => (await statusOf(`${url}/realms/${start.realm}`)) === 200);
  return {
    url,
    child,
    stop: async () => {
      await child.stop(STOP_GRACE_MS);
      await rm(start.home, { recursive: true, force: true });
    },
  };
}

/** Keycloak's environment: nothing of the caller's own Keycloak, JVM or debug settings, and what it is given. */
export function keycloakEnv(env: NodeJS.ProcessEnv, java: Java, variables: Record<string, string>): NodeJS.ProcessEnv {
  // kc.sh takes even DEBUG=true for itself, and would then listen on port 8787.
  const foreign = /^(KC_|KEYCLOAK_|QUARKUS_|JAVA_OPTS|JAVA_ADD_OPENS|DEBUG|PRINT_ENV)/;
  const kept = Object.entries(env).filter(([name]) => !foreign.test(name));
  return { ...Object.fromEntries(kept), JAVA: java.command, ...variables };
}

// Several starts share the unpacked folder: each has a home with its own data, in which all else points there.
async function makeHome({ dist, home, realmFile }: Start): Promise<void> {
  await rm(home, { recursive: true, force: true });
  await mkdir(join(home, "data", "import"), { recursive: true });
  for (const name of ["bin", "conf", "lib", "providers", "themes", "version.txt"])
    await symlink(join(dist, name), join(home, name));
  await cp(realmFile, join(home, "data", "import", "realm.json"));
}
