/** A session as the identity provider holds it. */
export interface SessionRecord {
  /** 24 URL-safe characters. */
  readonly id: string;
  readonly ipAddress?: string;
  /** Client ids that take part, the gateway's own ones left out. */
  readonly clientIds: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly lastActiveAt: number;
}

/** Reads and ends sessions. Methods throw UpstreamUnavailable as in `IdentityProvider`. */
export interface SessionDirectory {
  /** Only sessions in which an app takes part. */
  listSessions(userId: string): Promise<readonly SessionRecord[]>;
  /** Ends all sessions of a user; resolves also when there are none. */
  endAllSessions(userId: string): Promise<void>;
}

/** What the gateway remembers of a session besides the identity provider: its user agent. Kept as long as a session can live. */
export interface SessionNotes {
  put(sessionId: string, userAgent: string, ttlSeconds: number): Promise<void>;
  /** In the order of the ids; undefined where nothing is known. */
  get(sessionIds: readonly string[]): Promise<readonly (string | undefined)[]>;
}
