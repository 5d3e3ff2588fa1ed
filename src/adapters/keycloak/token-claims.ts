import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { IssuedTokens, SubjectToken, UserClaims } from "../../domain/ports/identity-provider.ts";
import { isSessionId } from "./ids.ts";
import { fieldsOf, text } from "./json.ts";
import { jwtClaims } from "./jwt.ts";
import type { OrganizationNames } from "./organizations.ts";
import type { TokenAnswer } from "./token-endpoint.ts";

type Claims = Readonly<Record<string, unknown>>;

function incomplete(what: string): UpstreamUnavailable {
  return new UpstreamUnavailable(`Keycloak's token answer has no ${what}`, "noVerdict");
}

/** The one organization of the claim `{"<alias>":{"id":"…"}}`; Keycloak leaves the claim out for none and for several. */
function soleOrganization(claim: unknown): { id: string; alias: string } | undefined {
  const memberships = Object.entries(fieldsOf(claim));
  const [alias, details] = memberships[0] ?? [];
  const id = text(fieldsOf(details)["id"]);
  return memberships.length === 1 && alias !== undefined && id !== "" ? { id, alias } : undefined;
}

async function userOf(claims: Claims, organizationName: OrganizationNames): Promise<UserClaims> {
  const userId = text(claims["sub"]);
  if (userId === "") throw incomplete("user id");
  const organization = soleOrganization(claims["organization"]);
  const licenses = claims["licenses"];
  return {
    userId,
    email: text(claims["email"]),
    firstName: text(claims["given_name"]),
    lastName: text(claims["family_name"]),
    ...(organization && { organization: { id: organization.id, name: await organizationName(organization) } }),
    ...(Array.isArray(licenses) && { licenses: licenses.filter((licence) => typeof licence === "string") }),
  };
}

/** The session's tokens, or a fault when one of the three is missing: half a login is none. */
export async function toIssuedTokens(answer: TokenAnswer, organizationName: OrganizationNames): Promise<IssuedTokens> {
  const { accessToken, refreshToken, idToken, claims } = answer;
  if (claims === undefined) throw incomplete("ID token");
  if (refreshToken === "") throw incomplete("refresh token");
  // It came straight from Keycloak over the gateway's own connection; the signature is not checked.
  const expiresAt = jwtClaims(accessToken)?.["exp"];
  if (typeof expiresAt !== "number") throw incomplete("end of the access token");
  return {
    sessionId: sessionOf(answer),
    accessToken,
    refreshToken,
    idToken,
    accessTokenExpiresAt: expiresAt * 1000,
    user: await userOf(claims, organizationName),
  };
}

/** The proof of a factor, with the session that it opened. */
export function toSubjectToken(answer: TokenAnswer): SubjectToken {
  const userId = text(answer.claims?.["sub"]);
  if (userId === "") throw incomplete("user id");
  return { accessToken: answer.accessToken, sessionId: sessionOf(answer), userId };
}

/** The session that tokens belong to. */
export function sessionOf(answer: TokenAnswer): string {
  const sessionId = text(answer.claims?.["sid"]);
  if (!isSessionId(sessionId)) throw incomplete("session id");
  return sessionId;
}
