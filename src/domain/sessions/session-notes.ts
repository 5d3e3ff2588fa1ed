import type { EndUser, IssuedTokens } from "../ports/identity-provider.ts";
import type { SessionNotes } from "../ports/session-directory.ts";

/** Longer than sessions live in any sane realm; a session that lives on is listed without its user agent. */
const ttlSeconds = 30 * 24 * 60 * 60;

/** Remembers the user agent of a new session. Never rejects: a login must not fail for what only adorns a list. */
export async function noteUserAgent(
  notes: Pick<SessionNotes, "put">,
  { sessionId }: IssuedTokens,
  { userAgent }: EndUser,
): Promise<void> {
  if (userAgent === undefined) return;
  await notes.put(sessionId, userAgent, ttlSeconds).catch(() => undefined);
}
