import type { KeyedHash } from "../ports/keyed-hash.ts";

const collator = new Intl.Collator("und", { sensitivity: "base" });

/** What letters and digits outside ASCII may collate like, in the collator's order. */
const plainTexts = [..."0123456789abcdefghijklmnopqrstuvwxyz", "ae", "dz", "oe", "th", "ts", "tz"].sort(
  collator.compare,
);

/** Marks, format and control characters, blanks, the middle dot (half of `ŀ`): what collations tend to pass over. */
const passedOver = /[\p{M}\p{C}\p{Z}\s\p{Default_Ignorable_Code_Point}\u00b7]/gu;

/** The ASCII text that a character collates like; itself when there is none. */
function plainText(character: string): string {
  let [from, to] = [0, plainTexts.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const text = plainTexts[middle] as string;
    const order = collator.compare(character, text);
    if (order === 0) return text;
    if (order < 0) to = middle;
    else from = middle + 1;
  }
  return character;
}

/** Without compatibility forms (width, ligatures, the Kelvin sign), accents, and letters that collate like ASCII ones. */
function bare(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/(?!\p{ASCII})[\p{L}\p{M}\p{N}\p{So}]/gu, plainText)
    .replace(passedOver, "");
}

/**
 * The form of an e-mail address that counters go by: the most folded one, so that no variant of an address gets a counter of
 * its own. Identity providers look names up trimmed and without regard to case, and the collation of their database may
 * ignore accents and width as well, and take `ø` for `o` or an Arabic digit for the ASCII one; two addresses that fold alike
 * merely share a counter.
 *
 * @see Unicode Technical Standard 10, on primary weights
 */
export function foldEmail(email: string): string {
  // Of these, the rest would change the case alone.
  if (/^[\x21-\x7e]*$/.test(email)) return email.toLowerCase();
  // Upper case in between: it joins letters that have no lower-case pair of their own (dotless i, long s, final sigma). Lower
  // case before it, because the capital sharp s is its own upper case.
  return bare(bare(email).toLowerCase().toUpperCase().toLowerCase());
}

/** The store's name of the account behind an e-mail address, whether the account exists or not. */
export function accountName(hash: KeyedHash, email: string): string {
  return hash("account", foldEmail(email));
}

/** The same for a user record: by the address, or by the user name where there is none. */
export function userAccountName(hash: KeyedHash, user: { readonly email: string; readonly username: string }): string {
  return accountName(hash, user.email === "" ? user.username : user.email);
}
