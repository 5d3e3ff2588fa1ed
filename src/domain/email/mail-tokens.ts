import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailToken, MailTokenPurpose, MailTokenStore } from "../ports/mail.ts";
import type { Random } from "../ports/random.ts";

/** The tokens of links in mails: single use, and good for one purpose, user, address and app. */
export interface MailTokens {
  /** A new token of 256 random bits in base64url, in place of an older one of the same purpose and user. */
  issue(token: MailToken, ttlSeconds: number): Promise<string>;
  /** Makes the caller the only holder. Undefined for anything but a live token of this purpose and app. */
  take(token: string, purpose: MailTokenPurpose, appId: string): Promise<TakenMailToken | undefined>;
}

export interface TakenMailToken {
  readonly token: MailToken;
  /** Puts it back for the rest of its life, unless a newer one was issued. */
  readonly restore: () => Promise<void>;
}

/** Mail tokens by their value, which the store never sees. */
export function createMailTokens(deps: {
  readonly store: MailTokenStore;
  readonly hash: KeyedHash;
  readonly random: Random;
}): MailTokens {
  const { store, hash, random } = deps;
  // Purpose and app are part of the name: presented for another purpose or by another app, a token is neither found nor used up.
  const nameOf = (token: string, purpose: MailTokenPurpose, appId: string) =>
    hash("mail-token", `${purpose}\n${appId}\n${token}`);

  return {
    async issue(token, ttlSeconds) {
      const value = random.token(32);
      await store.put(nameOf(value, token.purpose, token.appId), token, ttlSeconds);
      return value;
    },
    async take(value, purpose, appId) {
      const name = nameOf(value, purpose, appId);
      const taken = await store.take(name);
      if (taken === undefined) return undefined;
      const { token, remainingMs } = taken;
      return { token, restore: () => store.restore(name, token, remainingMs) };
    },
  };
}
