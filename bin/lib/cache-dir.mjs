import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where everything fetched once is kept, outside the repository: a Node, a Keycloak.
 * `HEADGATE_CACHE_DIR` overrides the place that the platform has for caches.
 *
 * @param {Record<string, string | undefined>} env
 * @param {string} platform
 * @returns {string}
 */
export function cacheDir(env = process.env, platform = process.platform) {
  if (env.HEADGATE_CACHE_DIR) return env.HEADGATE_CACHE_DIR;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, "headgate");
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "headgate");
  return join(homedir(), ".cache", "headgate");
}
