import { AuthError } from "../../contract/errors.ts";
import type { MfaMethod } from "../../contract/headless.ts";
import type { Bearer } from "../clients/bearer-authenticator.ts";
import { userAccountName } from "../lockout/account-name.ts";
import type { AttemptContext, AttemptRunner, AttemptVerdict } from "../lockout/attempt-runner.ts";
import { notifyLock } from "../lockout/lock-notice.ts";
import type { AttemptBudget } from "../ports/admission.ts";
import type { EndUser, IdentityProvider, UserRecord } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import type { SecondFactors } from "../ports/second-factors.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";
import { isLive } from "../sessions/live-session.ts";
import { incompleteUserError } from "../sessions/refused-user.ts";
import type { FactorCheck } from "./factor-check.ts";

/** Changes of the second factor that need a code of it, so that a stolen access token alone cannot make them. */
export interface ProvenChange {
  /**
   * Checks a code as an attempt of the budget for codes, and makes the change under the same entry to the account's gate.
   *
   * @throws AuthError MFA_NOT_ENROLLED, MFA_INVALID_CODE, ACCOUNT_LOCKED, RATE_LIMITED, EMAIL_NOT_VERIFIED, ACTION_REQUIRED,
   *   INVALID_TOKEN (the account is disabled, or the session has ended)
   */
  run<T>(
    user: UserRecord,
    bearer: Bearer,
    proof: {
      readonly code: string;
      readonly method: MfaMethod;
      readonly limits: RequestLimits;
      readonly endUser: EndUser;
      readonly signal?: AbortSignal | undefined;
    },
    change: () => Promise<T>,
  ): Promise<T>;
}

type Answer<T> =
  | { readonly kind: "changed"; readonly value: T }
  | { readonly kind: "refused"; readonly error: AuthError };

function refused<T>(result: "returned" | "failed", error: AuthError): AttemptVerdict<Answer<T>> {
  return { result, value: { kind: "refused", error } };
}

export function createProvenChange(deps: {
  readonly attempts: AttemptRunner;
  readonly factors: FactorCheck;
  readonly secondFactors: Pick<SecondFactors, "hasTotp">;
  readonly identityProvider: Pick<IdentityProvider, "getUser" | "endSession">;
  readonly sessions: Pick<SessionDirectory, "listSessions">;
  readonly outbox: MailOutbox;
  readonly hash: KeyedHash;
  readonly budget: AttemptBudget;
}): ProvenChange {
  const { attempts, factors, secondFactors, identityProvider, sessions, outbox, hash, budget } = deps;

  type Proof = { readonly code: string; readonly method: MfaMethod; readonly endUser: EndUser };

  /** Undefined when the code is right. */
  async function refusalOf<T>(
    { userId, username }: UserRecord,
    { code, method, endUser }: Proof,
    context: AttemptContext,
  ): Promise<AttemptVerdict<Answer<T>> | undefined> {
    if (!(await secondFactors.hasTotp(userId))) return refused("returned", new AuthError("MFA_NOT_ENROLLED"));
    if (method === "backup_code") {
      const spent = await factors.spendBackupCode(userId, code);
      return spent ? undefined : refused("failed", new AuthError("MFA_INVALID_CODE"));
    }
    const outcome = await factors.totp({ userId, username, endUser }, code, context);
    switch (outcome.kind) {
      case "verified":
        // It was opened for the check alone.
        await identityProvider.endSession(outcome.subject.sessionId);
        return undefined;
      case "rejected":
        return refused("failed", new AuthError("MFA_INVALID_CODE"));
      case "disabled":
        return refused("returned", new AuthError("INVALID_TOKEN"));
      case "accountIncomplete":
        return refused("returned", incompleteUserError(await identityProvider.getUser(userId)));
    }
  }

  return {
    async run<T>(
      user: UserRecord,
      { app, claims }: Bearer,
      proof: Parameters<ProvenChange["run"]>[2],
      change: () => Promise<T>,
    ) {
      const { limits, signal } = proof;
      const account = userAccountName(hash, user);
      const { value, locked } = await attempts.run<Answer<T>>({ account, budget, limits, signal }, async (context) => {
        if (!(await isLive(sessions, claims))) return refused<T>("returned", new AuthError("INVALID_TOKEN"));
        const refusal = await refusalOf<T>(user, proof, context);
        // Given back, not complete: only a login clears the counts.
        return refusal ?? { result: "returned", value: { kind: "changed", value: await change() } };
      });
      if (locked) await notifyLock(outbox, { email: user.email, appId: app.id, lockSeconds: budget.lockSeconds });
      if (value.kind === "refused") throw value.error;
      return value.value;
    },
  };
}
