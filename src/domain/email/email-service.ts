import { AuthError } from "../../contract/errors.ts";
import type { AuthenticatedClient } from "../clients/client-authenticator.ts";
import type { AccountGate } from "../lockout/account-gate.ts";
import { accountName } from "../lockout/account-name.ts";
import { chargeLimits } from "../lockout/charge-limits.ts";
import type { AccountDirectory } from "../ports/account-directory.ts";
import type { Admission } from "../ports/admission.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import { mailBucket, mayMail } from "./mail-limits.ts";
import type { MailTokens } from "./mail-tokens.ts";

export interface EmailService {
  /**
   * Has a verification mail sent, if an account with this unverified address exists. What happens here is the same in either
   * case: the mail is made later.
   *
   * An address that has had its share of mails gets no more for a while, known and unknown ones alike.
   *
   * @throws AuthError RATE_LIMITED
   */
  requestVerification(request: {
    readonly client: AuthenticatedClient;
    readonly email: string;
    readonly limits: RequestLimits;
  }): Promise<void>;
  /**
   * Redeems the token of a verification mail, at the app that it was sent for.
   *
   * @throws AuthError INVALID_TOKEN: unknown, used, replaced or expired, or the user is gone or has another address now
   * @throws AuthError RATE_LIMITED
   */
  confirmVerification(request: {
    readonly client: AuthenticatedClient;
    readonly token: string;
    readonly limits: RequestLimits;
    readonly signal?: AbortSignal | undefined;
  }): Promise<{ readonly userId: string; readonly email: string }>;
}

export function createEmailService(deps: {
  readonly admission: Admission;
  readonly gate: AccountGate;
  readonly outbox: MailOutbox;
  readonly tokens: MailTokens;
  readonly accounts: Pick<AccountDirectory, "markEmailVerified">;
  readonly hash: KeyedHash;
}): EmailService {
  const { admission, gate, outbox, tokens, accounts, hash } = deps;

  return {
    async requestVerification({ client, email, limits }) {
      if (!(await mayMail(admission, limits, mailBucket(limits, hash, "verify-email", email)))) return;
      await outbox.add({ type: "request", purpose: "verify-email", email, appId: client.app.id });
    },

    async confirmVerification({ client, token, limits, signal }) {
      await chargeLimits(admission, limits);
      const taken = await tokens.take(token, "verify-email", client.app.id);
      if (taken === undefined) throw new AuthError("INVALID_TOKEN");
      const { userId, email } = taken.token;
      let verified: boolean;
      try {
        // Under the gate, because others write the same user record there.
        verified = await gate.run(accountName(hash, email), () => accounts.markEmailVerified(userId, email), signal);
      } catch (error) {
        await taken.restore().catch(() => undefined);
        throw error;
      }
      if (!verified) throw new AuthError("INVALID_TOKEN");
      return { userId, email };
    },
  };
}
