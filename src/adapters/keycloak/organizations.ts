import type { Clock } from "../../domain/ports/clock.ts";
import type { AdminApi } from "./admin.ts";
import { isUuid } from "./ids.ts";
import type { AdapterLog } from "./log.ts";

const keepMs = 5 * 60_000;
const maxKept = 1000;

/** Resolves to an organization's display name. Never rejects. */
export type OrganizationNames = (organization: { readonly id: string; readonly alias: string }) => Promise<string>;

/**
 * Names of organizations, kept for five minutes, at most a thousand. Tokens carry an organization's id and alias but not
 * its name. When the name cannot be had, the last known one is used, else the alias: a login must not fail for a name, and
 * leaving the organization out would tell an app that the user has none.
 */
export function createOrganizationNames(deps: {
  readonly admin: AdminApi;
  readonly clock: Pick<Clock, "now">;
  readonly log: AdapterLog;
}): OrganizationNames {
  const { admin, clock, log } = deps;
  const kept = new Map<string, { readonly name: string; readonly readAt: number }>();
  const fetching = new Map<string, Promise<string>>();

  async function fetchName(id: string, fallback: string): Promise<string> {
    try {
      const { name } = Object(await admin.get(`/organizations/${id}`)) as { name?: unknown };
      if (typeof name !== "string" || name === "") return fallback;
      kept.delete(id);
      const oldest = kept.keys().next();
      if (kept.size >= maxKept && !oldest.done) kept.delete(oldest.value);
      kept.set(id, { name, readAt: clock.now() });
      return name;
    } catch (err) {
      log.warn(
        { err, organizationId: id },
        "The organization's name cannot be read; a kept name or the alias stands in",
      );
      return fallback;
    }
  }

  return async ({ id, alias }) => {
    const known = kept.get(id);
    // A clock that was set back must not keep an old name alive.
    const age = known ? clock.now() - known.readAt : keepMs;
    if (known && age >= 0 && age < keepMs) return known.name;
    if (!isUuid(id)) return alias;
    const running = fetching.get(id);
    if (running) return running;
    const fetched = fetchName(id, known?.name ?? alias).finally(() => fetching.delete(id));
    fetching.set(id, fetched);
    return fetched;
  };
}
