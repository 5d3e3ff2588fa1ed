import { randomUUID } from "node:crypto";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { SecondFactors } from "../../domain/ports/second-factors.ts";
import type { AdminApi } from "./admin.ts";
import type { AdminChange } from "./admin-change.ts";
import { backupCodesAttribute, formatBackupCodes, parseBackupCodes } from "./backup-codes.ts";
import { isUuid } from "./ids.ts";
import { fieldsOf, text, texts } from "./json.ts";
import { unexpectedChange } from "./map-errors.ts";
import { findRepresentation, without } from "./users.ts";

/** What Keycloak writes for a TOTP that a user set up on its own pages. */
const totpCredentialData = JSON.stringify({
  subType: "totp",
  digits: 6,
  counter: 0,
  period: 30,
  algorithm: "HmacSHA1",
  secretEncoding: "BASE32",
});

function requireDone(what: string, change: AdminChange): void {
  if (change.kind !== "done") throw unexpectedChange(what, change);
}

/**
 * Second factors by the admin API. A PUT of a user leaves alone what it does not name, with one exception: one that names
 * `attributes` clears every attribute, the names and the address that it does not repeat. `enabled` is never sent.
 */
export function createSecondFactors(admin: AdminApi): SecondFactors {
  async function requireUser(userId: string): Promise<Readonly<Record<string, unknown>>> {
    const user = await findRepresentation(admin, userId);
    if (!user) throw new UpstreamUnavailable("The user is gone", "noVerdict");
    return user;
  }

  return {
    async hasTotp(userId) {
      const user = await findRepresentation(admin, userId);
      if (user === undefined) return false;
      const { totp } = user;
      if (typeof totp !== "boolean")
        throw new UpstreamUnavailable("Keycloak's user record does not say whether there is a TOTP", "noVerdict");
      return totp;
    },

    async addTotp(userId, secretBase32, label) {
      const user = await requireUser(userId);
      const change = await admin.change("PUT", `/users/${userId}`, {
        credentials: [
          {
            id: randomUUID(),
            type: "otp",
            userLabel: label,
            secretData: JSON.stringify({ value: secretBase32 }),
            credentialData: totpCredentialData,
          },
        ],
        // The user has just done what this action asks for; it would block the next login.
        ...without("CONFIGURE_TOTP", user),
      });
      requireDone("adding a TOTP", change);
    },

    async removeTotp(userId) {
      if (!isUuid(userId)) return;
      const credentials = (await admin.get(`/users/${userId}/credentials`)) ?? [];
      if (!Array.isArray(credentials))
        throw new UpstreamUnavailable("Keycloak's credentials are not a list", "noVerdict");
      for (const credential of credentials.map(fieldsOf)) {
        if (credential["type"] !== "otp") continue;
        const id = text(credential["id"]);
        if (!isUuid(id)) throw new UpstreamUnavailable("Keycloak's credential has no id", "noVerdict");
        await admin.delete(`/users/${userId}/credentials/${id}`);
      }
    },

    async readBackupCodes(userId) {
      return parseBackupCodes(fieldsOf((await findRepresentation(admin, userId))?.["attributes"]));
    },

    async writeBackupCodes(userId, codes) {
      const user = await requireUser(userId);
      const { [backupCodesAttribute]: former, ...attributes } = fieldsOf(user["attributes"]);
      if (former === undefined && codes === undefined) return;
      const { username, email, firstName, lastName } = user;
      const value = codes && formatBackupCodes(codes);
      const change = await admin.change("PUT", `/users/${userId}`, {
        username,
        email,
        firstName,
        lastName,
        attributes: value === undefined ? attributes : { ...attributes, [backupCodesAttribute]: [value] },
      });
      requireDone("writing the backup codes", change);
      // A realm whose user profile does not declare the attribute drops it and still says that all is well.
      const [kept] = texts(fieldsOf((await requireUser(userId))["attributes"])[backupCodesAttribute]);
      if (kept !== value)
        throw new UpstreamUnavailable(
          `Keycloak did not keep the backup codes: does the realm's user profile declare ${backupCodesAttribute}?`,
          "noVerdict",
        );
    },
  };
}
