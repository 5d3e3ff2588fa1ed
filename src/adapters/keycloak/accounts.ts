import type { ValidationIssue } from "../../contract/errors.ts";
import type { AccountDirectory } from "../../domain/ports/account-directory.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { AdminApi } from "./admin.ts";
import { isUuid } from "./ids.ts";
import { text } from "./json.ts";
import { invalidName, isDuplicateUser, passwordIssues, profileIssues, unexpectedChange } from "./map-errors.ts";
import { createPasswordPolicies } from "./password-policy.ts";
import { findRepresentation, without } from "./users.ts";

/** Keycloak takes them all the same: users without a password, or with names that keep them from every login. */
function blankFields(fields: Readonly<Record<string, string>>): ValidationIssue[] {
  const blank = Object.entries(fields).filter(([, value]) => value === "");
  return blank.map(([path]) => ({ path, message: "must not be blank" }));
}

/** Keycloak's validator `person-name-prohibited-characters`, which the stock user profile has for both names. */
const nameCharacters = /^[^<>&"\u2028\u2029$%!#?§;*~/\\|^=[\]{}()\p{Cc}]*$/u;

/** Accounts by the admin API. A password is sent once, whatever happens. */
export function createAccounts(deps: {
  readonly admin: AdminApi;
  readonly clock: Pick<Clock, "now">;
}): AccountDirectory {
  const { admin } = deps;

  return {
    async createUser({ email: address, password, firstName, lastName }) {
      // As Keycloak writes it down; it trims nothing itself.
      const email = address.trim().toLowerCase();
      const issues = blankFields({ email, firstName: firstName.trim(), lastName: lastName.trim(), password });
      if (issues.length > 0) return { kind: "invalid", issues };
      const change = await admin.change("POST", "/users", {
        username: email,
        email,
        firstName,
        lastName,
        enabled: true,
        emailVerified: false,
        credentials: [{ type: "password", value: password, temporary: false }],
      });
      if (change.kind === "refused") {
        if (isDuplicateUser(change)) return { kind: "exists" };
        const broken = passwordIssues(change) ?? profileIssues(change);
        if (broken) return { kind: "invalid", issues: broken };
      }
      if (change.kind !== "done") throw unexpectedChange("creating a user", change);
      if (!isUuid(change.id)) throw new UpstreamUnavailable("Keycloak did not name the new user", "noVerdict");
      const names = { username: email, email, firstName, lastName };
      return {
        kind: "created",
        user: { userId: change.id, ...names, emailVerified: false, requiredActions: [], licenses: [] },
      };
    },

    nameIssues: (names) =>
      (["firstName", "lastName"] as const)
        .filter((path) => !nameCharacters.test(names[path]))
        .map((path) => ({ path, message: invalidName })),

    async markEmailVerified(userId, email) {
      const wanted = email.trim().toLowerCase();
      const user = await findRepresentation(admin, userId);
      if (!user || wanted === "" || text(user["email"]).toLowerCase() !== wanted) return false;
      const change = await admin.change("PUT", `/users/${userId}`, {
        // Whatever happens at the same moment, no other address than the proven one becomes a verified one.
        email: user["email"],
        emailVerified: true,
        ...without("VERIFY_EMAIL", user),
      });
      if (change.kind === "missing") return false;
      if (change.kind === "refused" && isDuplicateUser(change)) return false;
      if (change.kind !== "done") throw unexpectedChange("marking an address as verified", change);
      return true;
    },

    async setPassword(userId, password) {
      if (!isUuid(userId)) return { kind: "userGone" };
      if (password === "") return { kind: "invalid", issues: blankFields({ password }) };
      const change = await admin.change("PUT", `/users/${userId}/reset-password`, {
        type: "password",
        value: password,
        temporary: false,
      });
      if (change.kind === "done") return { kind: "done" };
      if (change.kind === "missing") return { kind: "userGone" };
      const issues = passwordIssues(change);
      if (!issues) throw unexpectedChange("setting a password", change);
      return { kind: "invalid", issues };
    },

    passwordPolicy: createPasswordPolicies(deps),

    async isEnabled(userId) {
      return (await findRepresentation(admin, userId))?.["enabled"] === true;
    },
  };
}
