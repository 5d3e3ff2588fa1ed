import { isIP } from "node:net";
import { limits } from "../../contract/limits.ts";
import type { EndUser } from "../../domain/ports/identity-provider.ts";

/**
 * The headers that tell Keycloak for whom a grant is made. They are built from checked values alone; no header of a caller
 * is ever passed on. An address with a zone, which is local to some machine, is left out.
 */
export function endUserHeaders(endUser: EndUser): Record<string, string> {
  const headers: Record<string, string> = {};
  if (isIP(endUser.ipAddress) !== 0 && !endUser.ipAddress.includes("%")) headers["x-forwarded-for"] = endUser.ipAddress;
  const userAgent = endUser.userAgent
    ?.slice(0, limits.userAgentMaxLength)
    .replace(/[^\x20-\x7e]/g, "?")
    .trim();
  if (userAgent) headers["user-agent"] = userAgent;
  return headers;
}
