export { HeadlessAuthClient } from "./client.ts";
export type { FetchFunction, FetchInit, FetchResponse, HeadlessAuthConfig } from "./config.ts";
export {
  AuthErrorCode,
  type AuthErrorCodeValue,
  type AuthErrorDetails,
  CalimaticAuthError,
  type CalimaticAuthErrorInit,
} from "./errors.ts";
export type { AuthApi } from "./groups/auth.ts";
export type { MfaApi } from "./groups/mfa.ts";
export type { SecurityApi } from "./groups/security.ts";
export type {
  EndUser,
  LockoutStatus,
  LockoutStatusRequest,
  LoginRequest,
  LoginResult,
  LogoutRequest,
  MfaChallengeResponse,
  MfaMethod,
  MfaVerifyRequest,
  RefreshRequest,
  RequestOptions,
  TokenSet,
  UnlockRequest,
  User,
} from "./types.ts";
