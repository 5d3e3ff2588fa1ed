import { isAnyObject, isLoginResult, isSignupResult, isTokenSet } from "../shapes.ts";
import type { Transport } from "../transport.ts";
import type {
  LoginRequest,
  LoginResult,
  LogoutRequest,
  RefreshRequest,
  RequestOptions,
  SignupRequest,
  SignupResult,
  TokenSet,
} from "../types.ts";

/** Accounts and logins. */
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
   * Creates an account and sends the mail that verifies its address. Logs nobody in.
   *
   * A password that breaks the realm's policy is a `VALIDATION_ERROR` that names the rule; `security.passwordPolicy` tells
   * the rules beforehand.
   *
   * @throws {CalimaticAuthError} `CONFLICT` (the address is registered already), and those of every call: `INVALID_CLIENT`,
   * `VALIDATION_ERROR`, `RATE_LIMITED`, `INTERNAL_ERROR`, `UNKNOWN`.
   */
  signup(request: SignupRequest, options?: RequestOptions): Promise<SignupResult>;
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
    signup: async ({ email, password, firstName, lastName }, options) => {
      const body = { email, password, firstName, lastName };
      return transport({ method: "POST", path: "/signup", body, accepts: isSignupResult }, options);
    },
    refresh: async ({ refreshToken }, options) =>
      transport({ method: "POST", path: "/refresh", body: { refreshToken }, accepts: isTokenSet }, options),
    logout: async ({ refreshToken }, options) => {
      await transport({ method: "POST", path: "/logout", body: { refreshToken }, accepts: isAnyObject }, options);
    },
  };
}
