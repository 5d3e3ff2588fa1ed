import { join } from "node:path";
import type { DemoRealm } from "./demo-realm.ts";
import type { Child, Processes } from "./processes.ts";
import { statusOf, waitFor } from "./ready.ts";

/** A gateway that was started. */
export type Gateway = { url: string; child: Child; stop(): Promise<void> };

const START_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 20_000;
// These steer the local environment; the gateway does not know them.
const NOT_FOR_THE_GATEWAY = /^HEADGATE_(CACHE_DIR|KEYCLOAK_ARCHIVE|TEST_.*)$/;

type Addresses = { port: number; keycloakUrl: string; redisUrl: string; smtpUrl: string };

/**
 * The settings of a gateway, all that `headgate start` needs besides PATH and the like: those of dev.env, then those of
 * this process's environment, then the addresses of what was started.
 */
export function gatewaySettings(demo: DemoRealm, env: NodeJS.ProcessEnv, addresses: Addresses): Record<string, string> {
  const settings: Record<string, string> = { NODE_ENV: "development" };
  for (const [name, value] of [...Object.entries(demo.variables), ...Object.entries(env)])
    if (name.startsWith("HEADGATE_") && value !== undefined && !NOT_FOR_THE_GATEWAY.test(name)) settings[name] = value;
  return {
    ...settings,
    HEADGATE_PORT: String(addresses.port),
    HEADGATE_APPS_FILE: settings["HEADGATE_APPS_FILE"] ?? demo.appsFile,
    HEADGATE_REDIS_URL: addresses.redisUrl,
    HEADGATE_KEYCLOAK_URL: addresses.keycloakUrl,
    HEADGATE_KEYCLOAK_REALM: demo.realm,
    HEADGATE_SMTP_URL: addresses.smtpUrl,
  };
}

/**
 * Starts a gateway from the sources and waits until it is ready, with all that it depends on.
 *
 * @throws DevError with the gateway's last lines when it does not get ready
 */
export async function startGateway(
  root: string,
  settings: Record<string, string>,
  env: NodeJS.ProcessEnv,
  processes: Processes,
): Promise<Gateway> {
  const child = processes.start({
    name: "Gateway",
    command: process.execPath,
    args: [join(root, "src", "main.ts"), "start"],
    env: { ...withoutSettings(env), ...settings },
    cwd: root,
  });
  const url = `http://localhost:${settings["HEADGATE_PORT"]}`;
  await waitFor(child, START_TIMEOUT_MS, async () => (await statusOf(`${url}/readyz`)) === 200);
  return { url, child, stop: () => child.stop(STOP_GRACE_MS) };
}

// The gateway refuses HEADGATE_ variables that it does not know; those that it shall have are in the settings.
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("HEADGATE_")));
}
