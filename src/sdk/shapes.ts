import type { LockoutStatus, TokenSet } from "../contract/headless.ts";
import type { JsonObject } from "./answer.ts";
import type { LoginResult } from "./types.ts";

/*
 * Checks of successful answers: what an application acts on must be there and of its type, so that a 200 of something that
 * is not the gateway never passes for a login. Fields that a later gateway adds are let through.
 */

type Kind = "string" | "number" | "boolean" | "object";

function has(body: JsonObject, fields: { readonly [name: string]: Kind }): boolean {
  return Object.entries(fields).every(([name, kind]) => typeof body[name] === kind && body[name] !== null);
}

/** Whether the body is a {@link TokenSet}. */
export function isTokenSet(body: JsonObject): body is JsonObject & TokenSet {
  return (
    !("mfaRequired" in body) &&
    has(body, {
      accessToken: "string",
      refreshToken: "string",
      idToken: "string",
      expiresAt: "string",
      user: "object",
    }) &&
    has(body["user"] as JsonObject, { userId: "string", email: "string" })
  );
}

/** Whether the body is a {@link TokenSet} or an MFA challenge. */
export function isLoginResult(body: JsonObject): body is JsonObject & LoginResult {
  const isChallenge =
    body["mfaRequired"] === true &&
    has(body, { mfaToken: "string", expiresIn: "number", user: "object" }) &&
    Array.isArray(body["methods"]);
  return isChallenge || isTokenSet(body);
}

/** Whether the body is a {@link LockoutStatus}. */
export function isLockoutStatus(body: JsonObject): body is JsonObject & LockoutStatus {
  return has(body, { locked: "boolean", attemptsRemaining: "number", maxAttempts: "number" });
}

/** For answers that say nothing: any object will do. */
export function isAnyObject(_body: JsonObject): _body is JsonObject {
  return true;
}
