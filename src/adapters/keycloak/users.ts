import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { IdentityProvider, UserRecord } from "../../domain/ports/identity-provider.ts";
import type { AdminApi } from "./admin.ts";
import { parseBackupCodes } from "./backup-codes.ts";
import { isUuid } from "./ids.ts";
import { fieldsOf, text, texts } from "./json.ts";

/** Reads the part of a user representation that the domain knows. */
function toUserRecord(representation: unknown): UserRecord {
  const user = fieldsOf(representation);
  const attributes = fieldsOf(user["attributes"]);
  const backupCodes = parseBackupCodes(attributes);
  const userId = text(user["id"]);
  const username = text(user["username"]);
  if (!userId || !username) throw new UpstreamUnavailable("Keycloak's user record has no id or name", "noVerdict");
  return {
    userId,
    username,
    email: text(user["email"]),
    firstName: text(user["firstName"]),
    lastName: text(user["lastName"]),
    emailVerified: user["emailVerified"] === true,
    requiredActions: texts(user["requiredActions"]),
    licenses: texts(attributes["licenses"]),
    ...(backupCodes && { backupCodes }),
  };
}

/** The user as the admin API shows it; undefined for an id of nobody. */
export async function findRepresentation(
  admin: AdminApi,
  userId: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const found = isUuid(userId) ? await admin.get(`/users/${userId}`) : undefined;
  if (found === undefined) return undefined;
  const user = fieldsOf(found);
  // Of a record that is not the user's, what is missing says nothing.
  if (text(user["id"]).toLowerCase() !== userId.toLowerCase())
    throw new UpstreamUnavailable("Keycloak answered with another record than the user's", "noVerdict");
  return user;
}

/**
 * The part of a PUT that drops a required action which the user has done. It is empty for a user who did not have it, so
 * that an action which an administrator sets at the same moment is lost as rarely as can be.
 */
export function without(
  doneAction: string,
  user: Readonly<Record<string, unknown>>,
): { readonly requiredActions?: readonly string[] } {
  const requiredActions = texts(user["requiredActions"]);
  if (!requiredActions.includes(doneAction)) return {};
  return { requiredActions: requiredActions.filter((action) => action !== doneAction) };
}

/** Users by the admin API. */
export function createUsers(admin: AdminApi): Pick<IdentityProvider, "findUserByEmail" | "getUser" | "clearFailures"> {
  return {
    async findUserByEmail(email) {
      const wanted = email.trim().toLowerCase();
      if (wanted === "" || !wanted.isWellFormed()) return undefined;
      const found = await admin.get(`/users?email=${encodeURIComponent(wanted)}&exact=true&max=3`);
      if (!Array.isArray(found)) throw new UpstreamUnavailable("Keycloak's user search gave no list", "noVerdict");
      // Keycloak's own idea of an equal address is not relied on: a near miss must never become somebody's account.
      const users = found.map(toUserRecord).filter((user) => user.email.toLowerCase() === wanted);
      if (users.length > 1) throw new UpstreamUnavailable("Keycloak holds two users with one address", "noVerdict");
      return users[0];
    },
    async getUser(userId) {
      const found = await findRepresentation(admin, userId);
      return found && toUserRecord(found);
    },
    async clearFailures(userId) {
      if (!isUuid(userId)) return;
      await admin.delete(`/attack-detection/brute-force/users/${userId}`);
    },
  };
}
