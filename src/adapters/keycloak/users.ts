import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { IdentityProvider, UserRecord } from "../../domain/ports/identity-provider.ts";
import type { AdminApi } from "./admin.ts";
import { isUuid } from "./ids.ts";

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

function toUserRecord(representation: unknown): UserRecord {
  const user = Object(representation) as Record<string, unknown>;
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
    licenses: texts((Object(user["attributes"]) as Record<string, unknown>)["licenses"]),
  };
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
      if (!isUuid(userId)) return undefined;
      const found = await admin.get(`/users/${userId}`);
      return found === undefined ? undefined : toUserRecord(found);
    },
    async clearFailures(userId) {
      if (!isUuid(userId)) return;
      await admin.delete(`/attack-detection/brute-force/users/${userId}`);
    },
  };
}
