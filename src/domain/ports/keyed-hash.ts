/**
 * Turns an identifier into the name under which the store knows it, so that the store holds no e-mail address and no raw
 * token: HMAC-SHA-256 under the deployment's secret, 128 bits in base64url.
 *
 * `purpose` separates the name spaces: equal values of two purposes have unrelated names.
 */
export type KeyedHash = (purpose: string, value: string) => string;
