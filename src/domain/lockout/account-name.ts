import type { KeyedHash } from "../ports/keyed-hash.ts";

/**
 * The form of an e-mail address that counters go by: the most folded one, so that no variant of an address gets a counter of
 * its own. Identity providers look names up trimmed and without regard to case, and the collation of their database may
 * ignore accents and width as well; two addresses that fold alike merely share a counter.
 */
export function foldEmail(email: string): string {
  const bare = email.normalize("NFKD").replace(/[\p{M}\p{C}\p{Z}\s]/gu, "");
  // Upper case first: it also joins letters that have no lower-case pair of their own (dotless i, long s, final sigma).
  return bare.toUpperCase().toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");
}

/** The store's name of the account behind an e-mail address, whether the account exists or not. */
export function accountName(hash: KeyedHash, email: string): string {
  return hash("account", foldEmail(email));
}

/** The same for a user record: by the address, or by the user name where there is none. */
export function userAccountName(hash: KeyedHash, user: { readonly email: string; readonly username: string }): string {
  return accountName(hash, user.email === "" ? user.username : user.email);
}
