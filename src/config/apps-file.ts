import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { ConfigError } from "./config.ts";

const link = z.string().refine((value) => {
  const parsed = URL.parse(value);
  return parsed !== null && ["http:", "https:"].includes(parsed.protocol) && parsed.search === "" && parsed.hash === "";
}, "must be an http or https URL without query and fragment");

const app = z
  .strictObject({
    id: z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, "must be a client id of letters, digits, `_`, `.` and `-`"),
    /** Shown to users; the id when there is none. */
    name: z.string().min(1).max(100).optional(),
    licensed: z.boolean().default(false),
    /** Where links in mails lead; the token is added as `?token=`. */
    links: z.strictObject({ verifyEmail: link.optional(), resetPassword: link.optional() }).default({}),
  })
  .transform(({ name, ...rest }) => ({ ...rest, displayName: name ?? rest.id }));

const appsFile = z
  .strictObject({ apps: z.array(app).min(1, "must name one app or more") })
  .refine(({ apps }) => new Set(apps.map(({ id }) => id)).size === apps.length, "must not name an id twice");

/** One app of the apps file. */
export type ConfiguredApp = Readonly<z.output<typeof app>>;

/** Looks apps up in the file as it is now. */
export interface Apps {
  find(clientId: string): ConfiguredApp | undefined;
  readonly size: number;
}

/** Reports what came of a change of the file. */
export interface AppsFileLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How often the file is looked at, in milliseconds. Polling also sees files that are replaced, as mounted ones are. */
const pollMs = 1_000;

/**
 * Reads an apps file.
 *
 * @throws ConfigError with every problem of the file
 */
export function readAppsFile(path: string): ReadonlyMap<string, ConfiguredApp> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const why = error instanceof SyntaxError ? "is not JSON" : `cannot be read (${code})`;
    throw new ConfigError([`HEADGATE_APPS_FILE: the file ${why}`]);
  }
  const parsed = appsFile.safeParse(content);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map(
        ({ path: at, message }) => `HEADGATE_APPS_FILE: ${at.join(".") || "the file"}: ${message}`,
      ),
    );
  }
  return new Map(parsed.data.apps.map((each) => [each.id, Object.freeze(each)]));
}

/** What tells one state of a file from another; a file that cannot be looked at has a state too. */
function versionOf(path: string): string {
  try {
    const { ino, mtimeNs, size } = statSync(path, { bigint: true });
    return `${ino} ${mtimeNs} ${size}`;
  } catch {
    return "none";
  }
}

/** Follows an apps file from now on. A change that cannot be used is reported, and what was read before stays in force. */
export function watchAppsFile(path: string, log: AppsFileLog): Apps & { close(): void } {
  // Always taken before reading: what changes in between is then read again.
  let version = versionOf(path);
  let apps = readAppsFile(path);
  function look(): void {
    const now = versionOf(path);
    if (now === version) return;
    version = now;
    try {
      apps = readAppsFile(path);
      log.info({ apps: apps.size }, "apps file reloaded");
    } catch (error) {
      log.error(
        { problems: error instanceof ConfigError ? error.problems : [] },
        "apps file not usable, the former one stays",
      );
    }
  }
  const timer = setInterval(look, pollMs).unref();
  return {
    find: (clientId) => apps.get(clientId),
    get size() {
      return apps.size;
    },
    close: () => clearInterval(timer),
  };
}
