import { generateURI, ScureBase32Plugin, verifySync } from "otplib";
import type { Random } from "../ports/random.ts";

const secretBytes = 20;
const periodSeconds = 30;

/** How long an accepted code must be remembered, in seconds: it is good for three steps, plus the drift of two clocks. */
export const codeLifeSeconds = 6 * periodSeconds;

/** A secret of 160 random bits in base32 without padding. @see RFC 4226 section 4, R6 */
export function newTotpSecret(random: Random): string {
  return new ScureBase32Plugin().encode(Buffer.from(random.token(secretBytes), "base64url"), { padding: false });
}

/** The content of the QR code that authenticator apps read. */
export function otpauthUri(secretBase32: string, issuer: string, label: string): string {
  // A colon parts issuer and account in the label; one within them would move the border.
  const plain = (text: string) => text.replaceAll(":", " ");
  return generateURI({ secret: secretBase32, issuer: plain(issuer), label: plain(label) });
}

/** The code without the blanks that apps show in it; undefined for what cannot be one. */
export function totpCode(typed: string): string | undefined {
  const code = typed.replace(/\s/g, "");
  return /^[0-9]{6,8}$/.test(code) ? code : undefined;
}

/** Whether the code belongs to the present time step or to one beside it. */
export function isCurrentCode(secretBase32: string, code: string, nowMs: number): boolean {
  if (code.length !== 6) return false;
  return verifySync({
    secret: secretBase32,
    token: code,
    epoch: Math.floor(nowMs / 1000),
    epochTolerance: periodSeconds,
  }).valid;
}
