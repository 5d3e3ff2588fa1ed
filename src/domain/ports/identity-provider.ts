import type { StoredBackupCodes } from "./second-factors.ts";

/** Credentials of an app client, as its server sent them. */
export interface ClientCredentials {
  readonly id: string;
  readonly secret: string;
}

/** For whom a call is made; the identity provider records it with the session. */
export interface EndUser {
  /** IPv4 or IPv6 address. */
  readonly ipAddress: string;
  /** At most 512 characters. */
  readonly userAgent?: string;
}

/** What the tokens say about the user. */
export interface UserClaims {
  /** UUID. */
  readonly userId: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  /** Present when the user is a member of exactly one organization. */
  readonly organization?: { readonly id: string; readonly name: string };
  /** Absent when the claim is. */
  readonly licenses?: readonly string[];
}

/** Tokens of one session for one app client. */
export interface IssuedTokens {
  /** The session that the tokens belong to: their `sid`. */
  readonly sessionId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  /** End of the access token, milliseconds since the epoch. */
  readonly accessTokenExpiresAt: number;
  readonly user: UserClaims;
}

/** The user record of the identity provider. */
export interface UserRecord {
  /** UUID. */
  readonly userId: string;
  readonly username: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly emailVerified: boolean;
  /** Keycloak's names. */
  readonly requiredActions: readonly string[];
  readonly licenses: readonly string[];
  /** Absent when there are none. They are of use only to a user who has a TOTP. */
  readonly backupCodes?: StoredBackupCodes | undefined;
}

export type PasswordOutcome =
  | { readonly kind: "tokens"; readonly tokens: IssuedTokens }
  /** The password is right, a second factor is enrolled; no session exists. */
  | { readonly kind: "mfaRequired" }
  /**
   * The password is right, something has to be done by the user first; no session exists. `requiredActions` is there when
   * the refusal itself names what (`CONFIGURE_TOTP` for a second factor that cannot be checked here); else the user record
   * tells.
   */
  | { readonly kind: "accountIncomplete"; readonly requiredActions?: readonly string[] }
  /** Wrong password, unknown user, temporarily locked user or a grant that ran beside another: not told apart. */
  | { readonly kind: "rejected" }
  /** The password is right, the account is disabled. */
  | { readonly kind: "disabled" }
  | { readonly kind: "clientRejected" };

/** Proof that a user passed the second factor; can be exchanged for tokens of an app client. */
export interface SubjectToken {
  readonly accessToken: string;
  /** The session that the factor's grant opened. */
  readonly sessionId: string;
  /** Whose factor it was: one user's name can be another's e-mail address, so callers compare. */
  readonly userId: string;
}

export type FactorOutcome =
  | { readonly kind: "verified"; readonly subject: SubjectToken }
  | { readonly kind: "accountIncomplete" }
  | { readonly kind: "rejected" }
  | { readonly kind: "disabled" };

export type ExchangeOutcome =
  | { readonly kind: "tokens"; readonly tokens: IssuedTokens }
  | { readonly kind: "rejected" }
  | { readonly kind: "clientRejected" };

export type RefreshOutcome = ExchangeOutcome;

export type LogoutOutcome =
  | {
      readonly kind: "ended" | "rejected";
      /** The token's session, when it has ended: also by a token that had been used. */
      readonly sessionId?: string;
    }
  | { readonly kind: "clientRejected" };

/**
 * The server that holds users, passwords and sessions.
 *
 * Every method that asks it throws {@link import("./faults.ts").UpstreamUnavailable} when it gets no usable answer in time; nothing of
 * the upstream's texts leaves this port.
 */
export interface IdentityProvider {
  /** Whether the app client's id and secret belong together. */
  checkClient(client: ClientCredentials): Promise<boolean>;
  /** Checks a password at the app client; one upstream request. */
  passwordGrant(request: {
    readonly client: ClientCredentials;
    readonly email: string;
    readonly password: string;
    readonly endUser: EndUser;
  }): Promise<PasswordOutcome>;
  /** Checks a one-time password of a user who has proven the password. One upstream request. */
  totpGrant(request: {
    readonly username: string;
    readonly code: string;
    readonly endUser: EndUser;
  }): Promise<FactorOutcome>;
  /** Opens a session for a user whose factors the gateway has proven itself (a backup code). Refuses administrators. */
  mintGrant(request: { readonly username: string; readonly endUser: EndUser }): Promise<FactorOutcome>;
  /** Turns the proof of a factor into tokens of the app client, in the same session. */
  exchange(request: {
    readonly client: ClientCredentials;
    readonly subject: SubjectToken;
    readonly endUser: EndUser;
  }): Promise<ExchangeOutcome>;
  refresh(request: {
    readonly client: ClientCredentials;
    readonly refreshToken: string;
    readonly endUser: EndUser;
  }): Promise<RefreshOutcome>;
  /** The user, a UUID, that a refresh token names. Nothing is verified: whoever writes a token can name anybody. */
  userOf(refreshToken: string): string | undefined;
  /** Ends the session of a refresh token. A token that was used, or whose session has ended, is `rejected`. */
  logout(request: { readonly client: ClientCredentials; readonly refreshToken: string }): Promise<LogoutOutcome>;
  /** Ends a session by its id; a session that is gone already is no error. */
  endSession(sessionId: string): Promise<void>;
  findUserByEmail(email: string): Promise<UserRecord | undefined>;
  /** `userId` must be a UUID. */
  getUser(userId: string): Promise<UserRecord | undefined>;
  /** Clears the identity provider's own count of failed logins. */
  clearFailures(userId: string): Promise<void>;
  /** Resolves when the realm answers, within its own short time-out. */
  ping(): Promise<void>;
}
