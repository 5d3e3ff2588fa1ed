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
export type { BackupCodesApi } from "./groups/backup-codes.ts";
export type { EmailApi } from "./groups/email.ts";
export type { MfaApi } from "./groups/mfa.ts";
export type { PasswordApi } from "./groups/password.ts";
export type { SecurityApi } from "./groups/security.ts";
export type { SessionsApi } from "./groups/sessions.ts";
export type { OnRefresh } from "./renewal.ts";
export type {
  BackupCodeCount,
  BackupCodes,
  BearerRequest,
  ConfirmEnrollmentRequest,
  DisableMfaRequest,
  EmailConfirmRequest,
  EmailRequest,
  EmailVerified,
  EmptyRequest,
  EndUser,
  LockoutStatus,
  LockoutStatusRequest,
  LoginRequest,
  LoginResult,
  LogoutRequest,
  MfaChallengeResponse,
  MfaDisabled,
  MfaEnrollment,
  MfaEnrollmentConfirmed,
  MfaMethod,
  MfaStatus,
  MfaVerifyRequest,
  PasswordPolicy,
  PasswordResetRequest,
  RefreshRequest,
  RegenerateBackupCodesRequest,
  RequestOptions,
  RevokeSessionRequest,
  Session,
  SessionList,
  SessionsRevoked,
  SignupRequest,
  SignupResult,
  TokenSet,
  UnlockRequest,
  User,
  UserRequest,
} from "./types.ts";
