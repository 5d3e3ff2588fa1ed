import { scrypt, timingSafeEqual } from "node:crypto";
import { limits } from "../../contract/limits.ts";
import type { Random } from "../ports/random.ts";
import type { StoredBackupCodes } from "../ports/second-factors.ts";

/** New codes: in clear for the user, once, and as they are stored. */
export interface NewBackupCodes {
  readonly codes: readonly string[];
  readonly stored: StoredBackupCodes;
}

export interface BackupCodes {
  /** Ten codes of 60 random bits, like `7KQ2-M0XW-9D4C`. */
  generate(): Promise<NewBackupCodes>;
  /**
   * What is left of a set once the given code is spent; undefined when the code is not one of it. It is for the caller to
   * write the rest down before the code counts for anything.
   */
  spend(stored: StoredBackupCodes, code: string): Promise<StoredBackupCodes | undefined>;
}

/** Crockford's base 32: no letter in it is mistaken for another character. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const codeLength = 12;
const codePattern = /^[0-9A-HJKMNP-TV-Z]{12}$/;

/**
 * The codes have less than 112 bits, so they are hashed like passwords; one of the settings for scrypt that OWASP's password
 * storage cheat sheet holds to be equal in strength. This one takes 16 MiB a hash, of which many logins at once can be had, and
 * about an eighth of a second. One salt a set, so that checking a code takes one hash, not ten.
 *
 * @see OWASP ASVS 5.0, 6.5.2
 */
const cost = { N: 2 ** 14, r: 8, p: 5, maxmem: 32 * 1024 * 1024 } as const;
const hashLength = 32;
const saltLength = 16;

function hashOf(code: string, salt: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(code, Buffer.from(salt, "base64url"), hashLength, cost, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

/** The code that was meant: without hyphens and blanks, in upper case, with the digits that look like the letters O, I and L. */
function normalise(typed: string): string {
  return typed
    .replace(/[\s\p{Pd}]/gu, "")
    .toUpperCase()
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
}

export function createBackupCodes(deps: { readonly random: Random }): BackupCodes {
  const { random } = deps;

  function newCode(): string {
    // 256 is a multiple of 32: every character is equally likely.
    const characters = [...Buffer.from(random.token(codeLength), "base64url")].map((byte) => alphabet[byte % 32]);
    return characters.join("").replace(/(.{4})(?=.)/g, "$1-");
  }

  return {
    async generate() {
      const codes = Array.from({ length: limits.backupCodes }, newCode);
      const salt = random.token(saltLength);
      const hashes = await Promise.all(codes.map((code) => hashOf(normalise(code), salt)));
      return {
        codes,
        stored: { salt, hashes: hashes.map((hash) => hash.toString("base64url")), total: codes.length },
      };
    },

    async spend(stored, typed) {
      const code = normalise(typed);
      if (!codePattern.test(code)) return undefined;
      const hash = await hashOf(code, stored.salt);
      // All of them are compared: the time tells not which one matched.
      const rest = stored.hashes.filter((one) => {
        const candidate = Buffer.from(one, "base64url");
        return candidate.length !== hashLength || !timingSafeEqual(candidate, hash);
      });
      return rest.length === stored.hashes.length ? undefined : { ...stored, hashes: rest };
    },
  };
}
