import { AuthError } from "../../contract/errors.ts";
import { requireUser } from "../lockout/require-user.ts";
import type { AppRegistry } from "../ports/app-registry.ts";
import { StoreUnavailable } from "../ports/faults.ts";
import type { IdentityProvider } from "../ports/identity-provider.ts";
import type { SessionDirectory, SessionNotes, SessionRecord } from "../ports/session-directory.ts";
import type { SessionEndings } from "./session-endings.ts";

/** A session of a user, as it is shown. */
export interface ListedSession {
  readonly id: string;
  /** Display names of the apps in it, joined by a comma; client ids where there is no name. */
  readonly application: string;
  readonly ipAddress?: string;
  readonly userAgent?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly lastActiveAt: number;
}

export interface SessionListService {
  /**
   * The newest first.
   *
   * @throws AuthError USER_NOT_FOUND, also when the id is no UUID
   */
  list(userId: string): Promise<readonly ListedSession[]>;
  /**
   * Ends one session of the user.
   *
   * @throws AuthError USER_NOT_FOUND, also when the id is no UUID
   * @throws AuthError CONFLICT: unknown, ended already, or another user's
   */
  revoke(userId: string, sessionId: string): Promise<void>;
  /**
   * Ends all sessions of the user and returns how many were listed.
   *
   * @throws AuthError USER_NOT_FOUND, also when the id is no UUID
   */
  revokeAll(userId: string): Promise<{ readonly revoked: number }>;
}

export function createSessionListService(deps: {
  readonly identityProvider: Pick<IdentityProvider, "getUser" | "endSession">;
  readonly sessions: SessionDirectory;
  readonly endings: Pick<SessionEndings, "run">;
  readonly notes: Pick<SessionNotes, "get">;
  readonly apps: AppRegistry;
}): SessionListService {
  const { identityProvider, sessions, endings, notes, apps } = deps;

  async function sessionsOf(userId: string): Promise<{ userId: string; records: readonly SessionRecord[] }> {
    const user = await requireUser(identityProvider, userId);
    return { userId: user.userId, records: await sessions.listSessions(user.userId) };
  }

  /** Nothing rests on user agents: a list without them is better than none. */
  async function userAgents(records: readonly SessionRecord[]): Promise<readonly (string | undefined)[]> {
    if (records.length === 0) return [];
    try {
      return await notes.get(records.map(({ id }) => id));
    } catch (error) {
      if (error instanceof StoreUnavailable) return [];
      throw error;
    }
  }

  return {
    async list(userId) {
      const { records } = await sessionsOf(userId);
      const agents = await userAgents(records);
      return records
        .map(({ id, clientIds, ipAddress, startedAt, lastActiveAt }, index) => {
          const userAgent = agents[index];
          return {
            id,
            application: clientIds.map((clientId) => apps.find(clientId)?.displayName ?? clientId).join(", "),
            ...(ipAddress === undefined ? {} : { ipAddress }),
            ...(userAgent === undefined ? {} : { userAgent }),
            createdAt: startedAt,
            lastActiveAt,
          };
        })
        .sort((a, b) => b.createdAt - a.createdAt);
    },

    async revoke(userId, sessionId) {
      // A session is ended by its id alone: that it is this user's must be known first.
      const { userId: id, records } = await sessionsOf(userId);
      if (!records.some((record) => record.id === sessionId)) {
        throw new AuthError("CONFLICT", { message: "The user has no such active session." });
      }
      await endings.run(id, (ended) => {
        ended(sessionId);
        return identityProvider.endSession(sessionId);
      });
    },

    async revokeAll(userId) {
      const { userId: id, records } = await sessionsOf(userId);
      // Also when none is listed: sessions outside of the apps end as well.
      await endings.run(id, (ended) => {
        ended(...records.map((record) => record.id));
        return sessions.endAllSessions(id);
      });
      return { revoked: records.length };
    },
  };
}
