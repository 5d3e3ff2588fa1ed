import { parseArgs } from "node:util";
import { DevError } from "./dev-error.ts";

/** What the command line of `npm run dev` says. */
export type DevOptions = {
  help: boolean;
  port: number;
  keycloakPort: number;
  /** Base URL of a Keycloak that is there already, without a trailing slash. */
  keycloak?: string;
  /** Address of a Redis that is there already. */
  redis?: string;
  /** The store to start; by default a Redis found on the PATH, else the embedded one. */
  store?: "embedded" | "redis-server";
  /** Folder for what a running environment leaves on disk; default `.headgate`. */
  stateDir?: string;
};

export const USAGE = `npm run dev -- [options]

  --port N            port of the gateway (8787)
  --keycloak-port N   port of the Keycloak that is started (8180)
  --keycloak URL      use the Keycloak at URL, which must have the realm of keycloak/realm.json
  --redis URL         use the Redis at URL
  --store NAME        start this store: redis-server or embedded (default: what is found, in this order)
  --state-dir DIR     where dev.json, mails and logs go (.headgate)
  --help              this text

Every HEADGATE_ variable of the environment reaches the gateway. HEADGATE_CACHE_DIR moves the cache,
HEADGATE_KEYCLOAK_ARCHIVE names a Keycloak archive (.zip) that is already on this machine.`;

/**
 * Reads the command line.
 *
 * @throws DevError for an unknown option or a bad value, with the list of options
 */
export function parseOptions(args: readonly string[]): DevOptions {
  const text = { type: "string" } as const;
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        help: { type: "boolean" },
        port: text,
        "keycloak-port": text,
        keycloak: text,
        redis: text,
        store: text,
        "state-dir": text,
      },
    }));
  } catch (error) {
    const [reason] = String((error as Error).message).split(". ");
    throw new DevError(`${reason?.replace(/\.$/, "")}. The options are:\n\n${USAGE}`);
  }
  const options: DevOptions = {
    help: values["help"] === true,
    port: portOf("--port", values["port"], 8787),
    keycloakPort: portOf("--keycloak-port", values["keycloak-port"], 8180),
  };
  if (typeof values["keycloak"] === "string") options.keycloak = keycloakUrl(values["keycloak"]);
  if (typeof values["redis"] === "string") options.redis = redisUrl(values["redis"]);
  if (typeof values["state-dir"] === "string") options.stateDir = values["state-dir"];
  const store = values["store"];
  if (store === "embedded" || store === "redis-server") options.store = store;
  else if (store !== undefined) throw new DevError(`--store is "redis-server" or "embedded", not "${store}".`);
  if (options.redis && options.store) throw new DevError("--redis and --store exclude each other.");
  return options;
}

function portOf(name: string, value: string | boolean | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const port = Number(value);
  if (/^\d{1,5}$/.test(String(value)) && port >= 1 && port <= 65535) return port;
  throw new DevError(`${name} takes a port from 1 to 65535, not "${value}".`);
}

function keycloakUrl(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value.replace(/\/+$/, "");
  throw new DevError(`--keycloak takes an address such as http://localhost:8180, not "${value}".`);
}

function redisUrl(value: string): string {
  if (/^(rediss?|redis\+cluster):\/\/./.test(value)) return value;
  throw new DevError(`--redis takes an address such as redis://localhost:6379, not "${value}".`);
}
