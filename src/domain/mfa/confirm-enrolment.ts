import { AuthError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { EnrolmentStore, SecondFactors, UsedCodes } from "../ports/second-factors.ts";
import type { BackupCodes } from "./backup-codes.ts";
import { codeLifeSeconds, isCurrentCode, totpCode } from "./totp.ts";

/**
 * Turns a pending enrolment on when the code fits. Returns the new backup codes, or why there are none. The caller holds the
 * account's gate.
 */
export type ConfirmEnrolment = (userId: string, code: string) => Promise<readonly string[] | AuthError>;

/** How the credential is called at the identity provider's own pages. */
const credentialLabel = "Authenticator app";

export function createConfirmEnrolment(deps: {
  readonly enrolments: EnrolmentStore;
  readonly secondFactors: Pick<SecondFactors, "hasTotp" | "addTotp" | "writeBackupCodes">;
  readonly usedCodes: Pick<UsedCodes, "use">;
  readonly backupCodes: Pick<BackupCodes, "generate">;
  readonly clock: Clock;
}): ConfirmEnrolment {
  const { enrolments, secondFactors, usedCodes, backupCodes, clock } = deps;

  return async (userId, typed) => {
    if (await secondFactors.hasTotp(userId)) return new AuthError("MFA_ALREADY_ENROLLED");
    const taken = await enrolments.take(userId);
    if (taken === undefined) return new AuthError("MFA_NOT_ENROLLED");
    const { enrolment, remainingMs } = taken;

    try {
      const code = totpCode(typed);
      if (code === undefined || !isCurrentCode(enrolment.secretBase32, code, clock.now())) {
        const wrongCodes = enrolment.wrongCodes + 1;
        if (wrongCodes < limits.enrolmentMaxWrongCodes) {
          await enrolments.restore(userId, { ...enrolment, wrongCodes }, remainingMs);
        }
        return new AuthError("MFA_INVALID_CODE");
      }
      // In this order a crash leaves nothing half open: the code is void before there is a login that it could answer, and the
      // factor is never on without its backup codes.
      if (!(await usedCodes.use(userId, code, codeLifeSeconds))) {
        await enrolments.restore(userId, enrolment, remainingMs);
        return new AuthError("MFA_INVALID_CODE");
      }
      const { codes, stored } = await backupCodes.generate();
      await secondFactors.writeBackupCodes(userId, stored);
      await secondFactors.addTotp(userId, enrolment.secretBase32, credentialLabel);
      return codes;
    } catch (error) {
      await enrolments.restore(userId, enrolment, remainingMs).catch(() => undefined);
      throw error;
    }
  };
}
