import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto";
import type { IssuedTokens } from "../ports/identity-provider.ts";

const algorithm = "aes-256-gcm";
const ivLength = 12;
const tagLength = 16;

/** A refresh token holds far more than 256 random bits: one pass of a hash makes a key of it. @see NIST SP 800-56C, section 4 */
function keyFrom(refreshToken: string): Uint8Array {
  return hash("sha3-256", `headgate refresh replay\0${refreshToken}`, "buffer");
}

/** Encrypts tokens so that only a holder of the refresh token they replaced can read them; the store cannot. */
export function sealTokens(tokens: IssuedTokens, refreshToken: string): string {
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv(algorithm, keyFrom(refreshToken), iv);
  const body = cipher.update(JSON.stringify(tokens), "utf8");
  // Of a stream mode nothing is left for the end.
  cipher.final();
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64url");
}

/** Reverses {@link sealTokens}. Throws when the value was not sealed under this refresh token. */
export function unsealTokens(sealed: string, refreshToken: string): IssuedTokens {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv(algorithm, keyFrom(refreshToken), bytes.subarray(0, ivLength), {
    authTagLength: tagLength,
  });
  decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
  const body = Buffer.concat([decipher.update(bytes.subarray(ivLength + tagLength)), decipher.final()]);
  return JSON.parse(body.toString("utf8")) as IssuedTokens;
}
