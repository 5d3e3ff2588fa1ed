const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const session = /^[A-Za-z0-9_-]{20,64}$/;

/** Whether a value may stand in an admin path as the id of a user or an organization. */
export function isUuid(value: string): boolean {
  return uuid.test(value);
}

/** Whether a value may stand in an admin path as a session id; Keycloak's are 24 base64url characters, older ones UUIDs. */
export function isSessionId(value: string): boolean {
  return session.test(value);
}

/** The longest form parameter that Keycloak reads; it takes a longer one for missing. */
const maxParameterLength = 4000;

/** Whether a value can be a refresh token of Keycloak's at all. */
export function canBeRefreshToken(value: string): boolean {
  return value.length > 0 && value.length <= maxParameterLength;
}
