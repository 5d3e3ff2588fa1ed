import { AuthError } from "../../contract/errors.ts";
import type { IdentityProvider, UserRecord } from "../ports/identity-provider.ts";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The user with an id that an app client has sent.
 *
 * @throws AuthError USER_NOT_FOUND, also when the id is no UUID
 */
export async function requireUser(
  identityProvider: Pick<IdentityProvider, "getUser">,
  userId: string,
): Promise<UserRecord> {
  const user = uuidPattern.test(userId) ? await identityProvider.getUser(userId.toLowerCase()) : undefined;
  if (user === undefined) throw new AuthError("USER_NOT_FOUND");
  return user;
}
