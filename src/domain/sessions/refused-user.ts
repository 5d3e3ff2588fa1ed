import { AuthError } from "../../contract/errors.ts";
import type { UserRecord } from "../ports/identity-provider.ts";

/**
 * Why a user whose password is right may not log in, judged by the user record: an unverified e-mail first, then whatever
 * else Keycloak wants done. Undefined when the record shows neither.
 */
export function refusedUserError(user: UserRecord): AuthError | undefined {
  if (!user.emailVerified) return new AuthError("EMAIL_NOT_VERIFIED");
  const requiredActions = user.requiredActions.filter((action) => action !== "VERIFY_EMAIL");
  return requiredActions.length > 0 ? new AuthError("ACTION_REQUIRED", { requiredActions }) : undefined;
}

/**
 * The error for a user whom the identity provider refused as not fully set up.
 *
 * @param requiredActions what the refusal named, for a record that shows nothing. Keycloak lists no required action for a
 *   profile with missing fields; its name for that action is VERIFY_PROFILE.
 */
export function incompleteUserError(
  user: UserRecord | undefined,
  requiredActions: readonly string[] = ["VERIFY_PROFILE"],
): AuthError {
  if (user === undefined) return new AuthError("INVALID_CREDENTIALS");
  return refusedUserError(user) ?? new AuthError("ACTION_REQUIRED", { requiredActions });
}
