/** The verified claims of an access token. */
export interface AccessTokenClaims {
  /** UUID. */
  readonly userId: string;
  readonly sessionId: string;
  /** The client that the token was issued to. */
  readonly azp: string;
  readonly email: string;
}

/** Checks access tokens: signature, type, issuer and lifetime here, the session at the identity provider. */
export interface AccessTokens {
  /**
   * Undefined when the token is not good, or its session has ended.
   * Throws UpstreamUnavailable when that cannot be found out.
   *
   * @param admit runs when the token itself is good, before the identity provider is asked about its session; what it throws
   * ends the check
   */
  verify(
    accessToken: string,
    admit?: (claims: Pick<AccessTokenClaims, "azp">) => Promise<void>,
  ): Promise<AccessTokenClaims | undefined>;
  /**
   * Whether the identity provider still takes an access token that it has given to the gateway itself: its session lives, and
   * its user may use it. Throws UpstreamUnavailable when that cannot be found out.
   */
  isLive(accessToken: string): Promise<boolean>;
}
