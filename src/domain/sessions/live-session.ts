import type { AccessTokenClaims } from "../ports/access-tokens.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";

/**
 * Whether the session of a bearer call still lives. Asked under the account's gate, because the session may have ended while
 * the call waited for it: after a password reset, nothing may be changed in the name of a session from before.
 */
export async function isLive(
  sessions: Pick<SessionDirectory, "listSessions">,
  { userId, sessionId }: Pick<AccessTokenClaims, "userId" | "sessionId">,
): Promise<boolean> {
  const live = await sessions.listSessions(userId);
  return live.some(({ id }) => id === sessionId);
}
