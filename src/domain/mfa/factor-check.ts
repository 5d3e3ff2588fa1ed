import type { MfaMethod } from "../../contract/headless.ts";
import type { AttemptContext } from "../lockout/attempt-runner.ts";
import { UpstreamUnavailable } from "../ports/faults.ts";
import type { EndUser, FactorOutcome, IdentityProvider } from "../ports/identity-provider.ts";
import type { SecondFactors, UsedCodes } from "../ports/second-factors.ts";
import type { BackupCodes } from "./backup-codes.ts";
import { totpCode } from "./totp.ts";

/** Whose code is checked, and for whom. */
export interface CodeOwner {
  readonly userId: string;
  readonly username: string;
  readonly endUser: EndUser;
}

/** Checks second-factor codes. Callers hold the account's gate and count the attempt. */
export interface FactorCheck {
  /**
   * Checks a TOTP code at the identity provider, which opens a session when it is right. A user whose TOTP is gone counts as
   * `disabled`.
   */
  totp(owner: CodeOwner, code: string, context: AttemptContext): Promise<FactorOutcome>;
  /** Spends a backup code; false when it is not one. */
  spendBackupCode(userId: string, code: string): Promise<boolean>;
  /** Checks a code and opens a session; a backup code is spent before. */
  verify(owner: CodeOwner, method: MfaMethod, code: string, context: AttemptContext): Promise<FactorOutcome>;
}

const rejected: FactorOutcome = { kind: "rejected" };

export function createFactorCheck(deps: {
  readonly identityProvider: Pick<IdentityProvider, "totpGrant" | "mintGrant" | "endSession">;
  readonly secondFactors: Pick<SecondFactors, "hasTotp" | "readBackupCodes" | "writeBackupCodes">;
  readonly backupCodes: BackupCodes;
  readonly usedCodes: Pick<UsedCodes, "isUsed">;
}): FactorCheck {
  const { identityProvider, secondFactors, backupCodes, usedCodes } = deps;

  /** One user's name can be another's e-mail address: the factor of somebody else proves nothing and opens no session. */
  async function ofOwner(userId: string, outcome: FactorOutcome): Promise<FactorOutcome> {
    if (outcome.kind !== "verified" || outcome.subject.userId === userId) return outcome;
    await identityProvider.endSession(outcome.subject.sessionId);
    return { kind: "disabled" };
  }

  const check: FactorCheck = {
    async totp({ userId, username, endUser }, typed, context) {
      const code = totpCode(typed);
      // The code that confirmed the enrolment is one that the identity provider has not seen: it would take it again.
      if (code === undefined || (await usedCodes.isUsed(userId, code))) return rejected;
      let outcome: FactorOutcome;
      try {
        outcome = await context.grant(() => identityProvider.totpGrant({ username, code, endUser }));
      } catch (fault) {
        // That is how the identity provider answers for a user who has turned the TOTP off since the challenge.
        const answered = fault instanceof UpstreamUnavailable && fault.fate === "noVerdict";
        if (answered && !(await secondFactors.hasTotp(userId))) return { kind: "disabled" };
        throw fault;
      }
      return ofOwner(userId, outcome);
    },

    async spendBackupCode(userId, code) {
      const stored = await secondFactors.readBackupCodes(userId);
      const rest = stored && (await backupCodes.spend(stored, code));
      if (rest === undefined) return false;
      await secondFactors.writeBackupCodes(userId, rest);
      return true;
    },

    async verify(owner, method, code, context) {
      if (method === "totp") return check.totp(owner, code, context);
      if (!(await check.spendBackupCode(owner.userId, code))) return rejected;
      const { userId, username, endUser } = owner;
      const minted = await context.grant(() => identityProvider.mintGrant({ username, endUser }));
      const outcome = await ofOwner(userId, minted);
      // The code was right: whoever gets no session all the same must not be told that it was wrong.
      return outcome.kind === "rejected" ? { kind: "disabled" } : outcome;
    },
  };
  return check;
}
