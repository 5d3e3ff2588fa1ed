import type { MfaChallenge, TokenSet } from "../contract/headless.ts";

export type {
  LockoutStatus,
  LoginRequest,
  LogoutRequest,
  MfaChallenge as MfaChallengeResponse,
  MfaMethod,
  MfaVerifyRequest,
  RefreshRequest,
  TokenSet,
  UnlockRequest,
  User,
} from "../contract/headless.ts";

/** Tokens, or a challenge for a user with a second factor; `"mfaRequired" in result` tells them apart. */
export type LoginResult = TokenSet | MfaChallenge;

/** Names the user of a security call. */
export interface LockoutStatusRequest {
  /** UUID. */
  userId: string;
}

/** The end user on whose behalf the application calls; feeds the per-address limits and the session list. */
export interface EndUser {
  /** IPv4 or IPv6 address. */
  ipAddress?: string | undefined;
  /** The browser's `User-Agent`; cut at 512 characters. */
  userAgent?: string | undefined;
}

/** The second argument of every method. */
export interface RequestOptions {
  endUser?: EndUser | undefined;
  /** Aborts the call; the promise then rejects with the signal's reason, as `fetch` does. */
  signal?: AbortSignal | undefined;
  /** Milliseconds until the complete answer must be there; default: the client's `timeoutMs`. */
  timeoutMs?: number | undefined;
}
