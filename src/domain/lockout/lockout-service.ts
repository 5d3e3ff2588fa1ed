import type { Admission, AttemptBudget } from "../ports/admission.ts";
import type { IdentityProvider, UserRecord } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import { userAccountName } from "./account-name.ts";
import { requireUser } from "./require-user.ts";

/** The lockout of one account. */
export interface LockoutView {
  readonly locked: boolean;
  /** Milliseconds since the epoch; undefined when not locked. */
  readonly lockedUntil: number | undefined;
  /** Whole seconds, rounded up; undefined when not locked. */
  readonly remainingSeconds: number | undefined;
  /** Wrong passwords left before the lock; 0 when locked. */
  readonly attemptsRemaining: number;
  readonly maxAttempts: number;
  readonly lockSeconds: number;
}

export interface LockoutService {
  /** @throws AuthError USER_NOT_FOUND, also when the id is no UUID */
  status(userId: string): Promise<LockoutView>;
  /**
   * Clears the counts and the lock here, and the identity provider's own count.
   *
   * @throws AuthError USER_NOT_FOUND, also when the id is no UUID
   */
  unlock(userId: string): Promise<LockoutView>;
}

export function createLockoutService(deps: {
  readonly admission: Admission;
  readonly identityProvider: IdentityProvider;
  readonly hash: KeyedHash;
  readonly budget: AttemptBudget;
}): LockoutService {
  const { admission, identityProvider, hash, budget } = deps;

  const accountOf = (user: UserRecord) => userAccountName(hash, user);

  async function view(account: string): Promise<LockoutView> {
    const state = await admission.lockoutState(account);
    const locked = state.lockedUntil !== undefined;
    return {
      locked,
      lockedUntil: state.lockedUntil,
      remainingSeconds: locked ? Math.ceil(state.lockRemainingMs / 1000) : undefined,
      attemptsRemaining: locked ? 0 : Math.max(0, budget.maxAttempts - state.passwordAttempts),
      maxAttempts: budget.maxAttempts,
      lockSeconds: budget.lockSeconds,
    };
  }

  return {
    async status(userId) {
      return view(accountOf(await requireUser(identityProvider, userId)));
    },
    async unlock(userId) {
      const user = await requireUser(identityProvider, userId);
      // The identity provider first: if it cannot be reached, the caller sees an error and nothing is half done here.
      await identityProvider.clearFailures(user.userId);
      const account = accountOf(user);
      await admission.unlock(account);
      return view(account);
    },
  };
}
