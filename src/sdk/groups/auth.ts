import { isAnyObject, isLoginResult, isTokenSet } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type { LoginRequest, LoginResult, LogoutRequest, RefreshRequest, RequestOptions, TokenSet } from "../types.ts";

/** Logging users in and out. */
export interface AuthApi {
  /**
   * Logs a user in with e-mail address and password.
   *
   * Resolves to the tokens or, for a user with a second factor, to a challenge for `mfa.verify`; `"mfaRequired" in result`
   * tells them apart.
   *
   * @throws {CalimaticAuthError} `INVALID_CREDENTIALS`, `ACCOUNT_LOCKED`, `EMAIL_NOT_VERIFIED`, `APP_NOT_LICENSED`,
   * `ACTION_REQUIRED`, and those of every call: `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`,
   * `UNKNOWN`.
   */
  login(request: LoginRequest, options?: RequestOptions): Promise<LoginResult>;
  /**
   * Exchanges a refresh token for new tokens. The refresh token rotates: keep the new one. After a lost answer, the same
   * call within 10 seconds gets the same tokens.
   *
   * @throws {CalimaticAuthError} `TOKEN_EXPIRED`, `APP_NOT_LICENSED`, and those of every call: `INVALID_CLIENT`,
   * `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  refresh(request: RefreshRequest, options?: RequestOptions): Promise<TokenSet>;
  /**
   * Ends the session that the refresh token belongs to, everywhere.
   *
   * @throws {CalimaticAuthError} `TOKEN_EXPIRED` (the session has ended already), and those of every call:
   * `INVALID_CLIENT`, `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  logout(request: LogoutRequest, options?: RequestOptions): Promise<void>;
}

/** Binds the group to a transport. Only the documented fields of a request are sent. */
export function createAuthApi(transport: Transport): AuthApi {
  return {
    login: async ({ email, password }, options) =>
      transport({ method: "POST", path: "/login", body: { email, password }, accepts: isLoginResult }, options),
    refresh: async ({ refreshToken }, options) =>
      transport({ method: "POST", path: "/refresh", body: { refreshToken }, accepts: isTokenSet }, options),
    logout: async ({ refreshToken }, options) => {
      await transport({ method: "POST", path: "/logout", body: { refreshToken }, accepts: isAnyObject }, options);
    },
  };
}
