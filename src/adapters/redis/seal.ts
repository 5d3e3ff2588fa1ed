import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

/** Encrypts what the store must not be able to read. */
export interface Seal {
  /** `context` is where the value lies; it opens nowhere else. Base64url. */
  close(value: unknown, context: string): string;
  /** Undefined when it was not sealed for this place under this secret. */
  open(sealed: string, context: string): unknown;
}

const algorithm = "aes-256-gcm";
const ivLength = 12;
const tagLength = 16;

/**
 * AES-256-GCM over JSON, under a key that HKDF-SHA-256 derives from the deployment's secret for one purpose.
 *
 * @param secret the same at every instance that shares a store
 */
export function createSeal(secret: string, purpose: string): Seal {
  const key = new Uint8Array(hkdfSync("sha256", secret, "", `headgate ${purpose}`, 32));

  return {
    close(value, context) {
      const iv = randomBytes(ivLength);
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagLength });
      cipher.setAAD(Buffer.from(context, "utf8"));
      const body = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64url");
    },

    open(sealed, context) {
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.length < ivLength + tagLength) return undefined;
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivLength), { authTagLength: tagLength });
      decipher.setAAD(Buffer.from(context, "utf8"));
      decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength));
      const start = decipher.update(bytes.subarray(ivLength + tagLength));
      try {
        return JSON.parse(Buffer.concat([start, decipher.final()]).toString("utf8"));
      } catch {
        return undefined;
      }
    },
  };
}
