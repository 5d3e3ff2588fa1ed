import { AuthError } from "../../contract/errors.ts";
import type { MfaMethod } from "../../contract/headless.ts";
import { limits as sizes } from "../../contract/limits.ts";
import type { Bearer } from "../clients/bearer-authenticator.ts";
import type { AccountGate } from "../lockout/account-gate.ts";
import { userAccountName } from "../lockout/account-name.ts";
import type { Clock } from "../ports/clock.ts";
import type { EndUser, IdentityProvider, UserRecord } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailKind, MailOutbox } from "../ports/mail.ts";
import type { Random } from "../ports/random.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import type { EnrolmentStore, SecondFactors, UsedCodes } from "../ports/second-factors.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";
import { isLive } from "../sessions/live-session.ts";
import type { BackupCodes } from "./backup-codes.ts";
import { createConfirmEnrolment } from "./confirm-enrolment.ts";
import type { ProvenChange } from "./proven-change.ts";
import { newTotpSecret, otpauthUri } from "./totp.ts";

/** What a change that must be proven with a code is asked with. */
export interface ProofRequest {
  readonly code: string;
  readonly limits: RequestLimits;
  readonly endUser: EndUser;
  readonly signal?: AbortSignal | undefined;
}

/** The life cycle of a user's second factor. Every method: AuthError INVALID_TOKEN when the user is gone. */
export interface EnrolmentService {
  status(bearer: Bearer): Promise<{
    readonly enabled: boolean;
    readonly methods: readonly MfaMethod[];
    readonly backupCodesRemaining: number;
  }>;
  /**
   * Makes a secret for an authenticator app, in place of an earlier one that was not confirmed.
   *
   * @throws AuthError MFA_ALREADY_ENROLLED
   */
  enroll(bearer: Bearer): Promise<{
    /** Base32. */
    readonly secret: string;
    readonly otpauthUri: string;
    readonly expiresInSeconds: number;
  }>;
  /**
   * Turns the pending secret on once a code proves that the app has it. Five wrong codes end the enrolment.
   *
   * @throws AuthError MFA_INVALID_CODE, MFA_ALREADY_ENROLLED, MFA_NOT_ENROLLED (nothing is pending), RATE_LIMITED
   */
  confirm(
    bearer: Bearer,
    request: { readonly code: string; readonly signal?: AbortSignal | undefined },
  ): Promise<{ readonly backupCodes: readonly string[] }>;
  /**
   * Turns the second factor and its backup codes off.
   *
   * @throws AuthError MFA_INVALID_CODE, MFA_NOT_ENROLLED, ACCOUNT_LOCKED, RATE_LIMITED, EMAIL_NOT_VERIFIED, ACTION_REQUIRED
   */
  disable(bearer: Bearer, request: ProofRequest & { readonly method: MfaMethod }): Promise<void>;
  /** @throws AuthError MFA_NOT_ENROLLED */
  countBackupCodes(bearer: Bearer): Promise<{ readonly remaining: number; readonly total: number }>;
  /**
   * Replaces the backup codes, proven with a TOTP code.
   *
   * @throws AuthError MFA_INVALID_CODE, MFA_NOT_ENROLLED, ACCOUNT_LOCKED, RATE_LIMITED, EMAIL_NOT_VERIFIED, ACTION_REQUIRED
   */
  regenerateBackupCodes(bearer: Bearer, request: ProofRequest): Promise<{ readonly backupCodes: readonly string[] }>;
}

export function createEnrolmentService(deps: {
  readonly gate: AccountGate;
  readonly provenChange: ProvenChange;
  readonly enrolments: EnrolmentStore;
  readonly secondFactors: SecondFactors;
  readonly usedCodes: UsedCodes;
  readonly backupCodes: BackupCodes;
  readonly identityProvider: Pick<IdentityProvider, "getUser">;
  readonly sessions: Pick<SessionDirectory, "listSessions">;
  readonly outbox: MailOutbox;
  readonly hash: KeyedHash;
  readonly random: Random;
  readonly clock: Clock;
  /** The name that authenticator apps show. */
  readonly totpIssuer: string;
}): EnrolmentService {
  const { gate, provenChange, enrolments, secondFactors, backupCodes } = deps;
  const { identityProvider, sessions, outbox, hash, random, totpIssuer } = deps;
  const confirmEnrolment = createConfirmEnrolment(deps);

  async function userOf({ claims }: Bearer): Promise<UserRecord> {
    const user = await identityProvider.getUser(claims.userId);
    if (user === undefined) throw new AuthError("INVALID_TOKEN");
    return user;
  }

  type NoticeKind = Extract<MailKind, "mfa-enabled" | "mfa-disabled" | "backup-codes-renewed">;
  function notify(kind: NoticeKind, { email }: UserRecord, { app }: Bearer): Promise<void> {
    return outbox.add({ type: "notify", kind, email, appId: app.id });
  }

  /** Backup codes without a TOTP, left by a change at the identity provider's own pages, are of no use. */
  async function readFactors(userId: string) {
    const [enabled, stored] = await Promise.all([secondFactors.hasTotp(userId), secondFactors.readBackupCodes(userId)]);
    return {
      enabled,
      remaining: enabled ? (stored?.hashes.length ?? 0) : 0,
      total: enabled ? (stored?.total ?? 0) : 0,
    };
  }

  return {
    async status({ claims }) {
      const { enabled, remaining } = await readFactors(claims.userId);
      const methods: MfaMethod[] = [
        ...(enabled ? (["totp"] as const) : []),
        ...(remaining > 0 ? (["backup_code"] as const) : []),
      ];
      return { enabled, methods, backupCodesRemaining: remaining };
    },

    async enroll(bearer) {
      const [user, enabled] = await Promise.all([userOf(bearer), secondFactors.hasTotp(bearer.claims.userId)]);
      if (enabled) throw new AuthError("MFA_ALREADY_ENROLLED");
      const secret = newTotpSecret(random);
      await enrolments.put(user.userId, { secretBase32: secret, wrongCodes: 0 }, sizes.enrolmentTtlSeconds);
      return {
        secret,
        otpauthUri: otpauthUri(secret, totpIssuer, user.email === "" ? user.username : user.email),
        expiresInSeconds: sizes.enrolmentTtlSeconds,
      };
    },

    async confirm(bearer, { code, signal }) {
      const user = await userOf(bearer);
      const work = async () => {
        if (!(await isLive(sessions, bearer.claims))) return new AuthError("INVALID_TOKEN");
        return confirmEnrolment(user.userId, code);
      };
      const outcome = await gate.run(userAccountName(hash, user), work, signal);
      if (outcome instanceof AuthError) throw outcome;
      await notify("mfa-enabled", user, bearer);
      return { backupCodes: outcome };
    },

    async disable(bearer, request) {
      const user = await userOf(bearer);
      await provenChange.run(user, bearer, request, async () => {
        // The factor first: were its codes gone and it still there, a user without the device would be shut out.
        await secondFactors.removeTotp(user.userId);
        await secondFactors.writeBackupCodes(user.userId, undefined);
      });
      await notify("mfa-disabled", user, bearer);
    },

    async countBackupCodes({ claims }) {
      const { enabled, remaining, total } = await readFactors(claims.userId);
      if (!enabled) throw new AuthError("MFA_NOT_ENROLLED");
      return { remaining, total };
    },

    async regenerateBackupCodes(bearer, request) {
      const user = await userOf(bearer);
      const codes = await provenChange.run(user, bearer, { ...request, method: "totp" }, async () => {
        const renewed = await backupCodes.generate();
        await secondFactors.writeBackupCodes(user.userId, renewed.stored);
        return renewed.codes;
      });
      await notify("backup-codes-renewed", user, bearer);
      return { backupCodes: codes };
    },
  };
}
