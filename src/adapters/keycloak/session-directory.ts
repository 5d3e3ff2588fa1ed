import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { SessionDirectory, SessionRecord } from "../../domain/ports/session-directory.ts";
import type { AdminApi } from "./admin.ts";
import { isSessionId, isUuid } from "./ids.ts";
import { fieldsOf, text, texts } from "./json.ts";
import { unexpectedChange } from "./map-errors.ts";

/** Keycloak lists all of a user's sessions at once, in about 300 bytes each: as many as a monitor opens that never logs out. */
const maxListBytes = 16 * 1024 * 1024;

function unreadable(): UpstreamUnavailable {
  return new UpstreamUnavailable("Keycloak's list of sessions cannot be read", "noVerdict");
}

function toSessionRecord(representation: unknown, ownClientIds: ReadonlySet<string>): SessionRecord {
  const session = fieldsOf(representation);
  const id = text(session["id"]);
  const ipAddress = text(session["ipAddress"]);
  // Milliseconds, cut to whole seconds.
  const { start, lastAccess } = session;
  if (!isSessionId(id) || typeof start !== "number" || typeof lastAccess !== "number") throw unreadable();
  return {
    id,
    ...(ipAddress && { ipAddress }),
    clientIds: texts(Object.values(fieldsOf(session["clients"]))).filter((clientId) => !ownClientIds.has(clientId)),
    startedAt: start,
    lastActiveAt: lastAccess,
  };
}

/** Sessions of a user by the admin API. */
export function createSessionDirectory(deps: {
  readonly admin: AdminApi;
  /** The gateway's own clients: taking part in a session, they are no app. */
  readonly ownClientIds: ReadonlySet<string>;
}): SessionDirectory {
  const { admin, ownClientIds } = deps;
  return {
    async listSessions(userId) {
      if (!isUuid(userId)) return [];
      const found = (await admin.get(`/users/${userId}/sessions`, maxListBytes)) ?? [];
      if (!Array.isArray(found)) throw unreadable();
      return found
        .map((session) => toSessionRecord(session, ownClientIds))
        .filter(({ clientIds }) => clientIds.length > 0)
        .sort((a, b) => b.lastActiveAt - a.lastActiveAt || b.startedAt - a.startedAt);
    },
    async endAllSessions(userId) {
      if (!isUuid(userId)) return;
      const change = await admin.change("POST", `/users/${userId}/logout`);
      if (change.kind === "refused") throw unexpectedChange("ending the sessions of a user", change);
    },
  };
}
