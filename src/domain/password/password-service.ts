import { AuthError, validationError } from "../../contract/errors.ts";
import type { AuthenticatedClient } from "../clients/client-authenticator.ts";
import { mailBucket, mayMail } from "../email/mail-limits.ts";
import type { MailTokens } from "../email/mail-tokens.ts";
import type { AccountGate } from "../lockout/account-gate.ts";
import { userAccountName } from "../lockout/account-name.ts";
import { chargeLimits } from "../lockout/charge-limits.ts";
import type { AccountDirectory, PasswordPolicy } from "../ports/account-directory.ts";
import type { Admission } from "../ports/admission.ts";
import type { IdentityProvider } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailOutbox, MailToken } from "../ports/mail.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";
import type { Ended, SessionEndings } from "../sessions/session-endings.ts";
import { brokenRules } from "./password-rules.ts";

export interface PasswordService {
  /**
   * Has a reset mail sent, if an enabled account with this address exists. What happens here is the same in either case: the
   * mail is made later.
   *
   * An address that has had its share of mails gets no more for a while, known and unknown ones alike.
   *
   * @throws AuthError RATE_LIMITED
   */
  requestReset(request: {
    readonly client: AuthenticatedClient;
    readonly email: string;
    readonly limits: RequestLimits;
  }): Promise<void>;
  /**
   * Redeems the token of a reset mail: sets the password, ends every session and open challenge, and clears the lockout.
   * Second factors stay. The token is used up by success only, or when it can never succeed.
   *
   * @throws AuthError INVALID_TOKEN: unknown, used, replaced or expired, or the user is gone, disabled or has another address
   * @throws AuthError VALIDATION_ERROR: the password breaks the realm's policy
   * @throws AuthError RATE_LIMITED
   */
  confirmReset(request: {
    readonly client: AuthenticatedClient;
    readonly token: string;
    readonly newPassword: string;
    readonly limits: RequestLimits;
    readonly signal?: AbortSignal | undefined;
  }): Promise<void>;
  policy(): Promise<PasswordPolicy>;
}

const passwordField = "newPassword";

export function createPasswordService(deps: {
  readonly admission: Admission;
  readonly gate: AccountGate;
  readonly outbox: MailOutbox;
  readonly tokens: MailTokens;
  readonly accounts: AccountDirectory;
  readonly identityProvider: Pick<IdentityProvider, "getUser" | "clearFailures">;
  readonly sessions: Pick<SessionDirectory, "listSessions" | "endAllSessions">;
  readonly endings: Pick<SessionEndings, "run">;
  readonly hash: KeyedHash;
}): PasswordService {
  const { admission, gate, outbox, tokens, accounts, identityProvider, sessions, endings, hash } = deps;

  /** Sets the password and ends everything that rests on the old one. False when there is no such user. */
  async function replacePassword(account: string, userId: string, password: string, ended: Ended): Promise<boolean> {
    // First everything that rests on the old password ends: a crash in between must not leave an intruder's session beside
    // a new password. While the gate is held, no login with the old one can open another here.
    await admission.invalidateChallenges(account);
    ended(...(await sessions.listSessions(userId)).map(({ id }) => id));
    await sessions.endAllSessions(userId);
    const outcome = await accounts.setPassword(userId, password);
    if (outcome.kind === "userGone") return false;
    if (outcome.kind === "invalid") {
      const rename = (path: string) => (path === "password" ? passwordField : path);
      throw validationError(outcome.issues.map(({ path, message }) => ({ path: rename(path), message })));
    }
    // And once more, for a login at the identity provider's own pages, which the gate does not hold back.
    await sessions.endAllSessions(userId);
    return true;
  }

  /** False when the token's user is not the one it was made for any more. */
  async function reset({ userId, email, appId }: MailToken, password: string, signal?: AbortSignal): Promise<boolean> {
    const [user, enabled, policy] = await Promise.all([
      identityProvider.getUser(userId),
      accounts.isEnabled(userId),
      accounts.passwordPolicy(),
    ]);
    if (user === undefined || !enabled || user.email.toLowerCase() !== email.toLowerCase()) return false;
    // What can be told now is told before anything ends for a password that is refused anyway.
    const broken = brokenRules(policy, password, passwordField, user);
    if (broken.length > 0) throw validationError(broken);

    const account = userAccountName(hash, user);
    // The gate inside: what is done after the last call for the sessions need not hold logins back.
    const changed = await endings.run(userId, (ended) =>
      gate.run(account, () => replacePassword(account, userId, password, ended), signal),
    );
    if (!changed) return false;
    await Promise.all([admission.unlock(account), identityProvider.clearFailures(userId)]);
    await outbox.add({ type: "notify", kind: "password-changed", email: user.email, appId });
    return true;
  }

  return {
    async requestReset({ client, email, limits }) {
      if (!(await mayMail(admission, limits, mailBucket(limits, hash, "reset-password", email)))) return;
      await outbox.add({ type: "request", purpose: "reset-password", email, appId: client.app.id });
    },

    async confirmReset({ client, token, newPassword, limits, signal }) {
      await chargeLimits(admission, limits);
      const taken = await tokens.take(token, "reset-password", client.app.id);
      if (taken === undefined) throw new AuthError("INVALID_TOKEN");
      let done: boolean;
      try {
        done = await reset(taken.token, newPassword, signal);
      } catch (error) {
        // A refused password, or a fault in the middle: the owner can go on with the same link.
        await taken.restore().catch(() => undefined);
        throw error;
      }
      if (!done) throw new AuthError("INVALID_TOKEN");
    },

    policy: () => accounts.passwordPolicy(),
  };
}
