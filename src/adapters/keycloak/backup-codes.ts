import type { StoredBackupCodes } from "../../domain/ports/second-factors.ts";
import { fieldsOf, text, texts } from "./json.ts";

/** The user attribute that holds them; the realm's user profile declares it for administrators alone. */
export const backupCodesAttribute = "headgate_backup_codes";

/**
 * Reads the codes out of a user's attributes. A value that is not whole counts as none: no code of it can be used, and new
 * ones can be made.
 */
export function parseBackupCodes(attributes: Readonly<Record<string, unknown>>): StoredBackupCodes | undefined {
  const [value] = texts(attributes[backupCodesAttribute]);
  if (value === undefined) return undefined;
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = fieldsOf(JSON.parse(value));
  } catch {
    return undefined;
  }
  const salt = text(fields["salt"]);
  const { hashes, total } = fields;
  const isWhole =
    salt !== "" &&
    Array.isArray(hashes) &&
    hashes.every((hash) => typeof hash === "string" && hash !== "") &&
    Number.isSafeInteger(total) &&
    hashes.length <= Number(total);
  return isWhole ? { salt, hashes, total: Number(total) } : undefined;
}

/** The attribute's one value. */
export function formatBackupCodes({ salt, hashes, total }: StoredBackupCodes): string {
  return JSON.stringify({ salt, hashes, total });
}
