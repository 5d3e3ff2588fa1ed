import { refusal } from "../refusal.ts";
import { isAnyObject, isSessionList, isSessionsRevoked } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { RequestOptions, RevokeSessionRequest, SessionList, SessionsRevoked, UserRequest } from "../types.ts";

/** A user's sessions, whichever app they were begun with. */
export interface SessionsApi {
  /**
   * Lists a user's sessions.
   *
   * @throws {CalimaticAuthError} `USER_NOT_FOUND`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  list(request: UserRequest, options?: RequestOptions): Promise<SessionList>;
  /**
   * Ends one session of a user: its refresh token is void at once, its access token for this API too.
   *
   * @throws {CalimaticAuthError} `USER_NOT_FOUND`, `CONFLICT` (the user has no such session, or it has ended already), and
   * those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  revoke(request: RevokeSessionRequest, options?: RequestOptions): Promise<void>;
  /**
   * Ends all sessions of a user; resolves to how many there were.
   *
   * @throws {CalimaticAuthError} `USER_NOT_FOUND`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`,
   * `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  revokeAll(request: UserRequest, options?: RequestOptions): Promise<SessionsRevoked>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createSessionsApi(transport: Transport): SessionsApi {
  return {
    list: async ({ userId }, options) =>
      transport({ method: "GET", path: "/sessions", query: { userId }, accepts: isSessionList }, options),
    revoke: async ({ sessionId, userId }, options) => {
      const path = `/sessions/${asSegment(sessionId)}`;
      await transport({ method: "DELETE", path, query: { userId }, accepts: isAnyObject }, options);
    },
    revokeAll: async ({ userId }, options) =>
      transport({ method: "DELETE", path: "/sessions", query: { userId }, accepts: isSessionsRevoked }, options),
  };
}

/** An id that is empty, or that leaves its place in the path, would name all sessions or another endpoint. */
function asSegment(sessionId: unknown): string {
  if (typeof sessionId === "string" && /^[\w.~-]+$/.test(sessionId) && !/^\.+$/.test(sessionId)) return sessionId;
  throw refusal("sessionId", "must be the id of a session");
}
