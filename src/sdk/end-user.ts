import { refusal } from "./refusal.ts";
import type { EndUser } from "./types.ts";

const userAgentMaxLength = 512;

/**
 * The headers that tell the gateway for whom the call is made.
 *
 * @throws CalimaticAuthError `VALIDATION_ERROR` with status 0 for a value that cannot stand in a header.
 */
export function endUserHeaders(endUser: EndUser | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  const ipAddress: unknown = endUser?.ipAddress ?? undefined;
  if (ipAddress !== undefined) {
    // An empty address is refused rather than left out: all such users would share the limits of the application's own.
    if (typeof ipAddress !== "string" || !/^[\x21-\x7e]+$/.test(ipAddress)) {
      throw refusal("endUser.ipAddress", "must be an IPv4 or IPv6 address");
    }
    headers["x-end-user-ip"] = ipAddress;
  }
  const userAgent: unknown = endUser?.userAgent ?? undefined;
  if (userAgent !== undefined) {
    if (typeof userAgent !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(userAgent)) {
      throw refusal("endUser.userAgent", "must not hold line breaks or other characters that no header can hold");
    }
    // Browsers decide how long it is; a login must not fail for that.
    const cut = userAgent.trim().slice(0, userAgentMaxLength).trimEnd();
    if (cut !== "") headers["x-end-user-agent"] = cut;
  }
  return headers;
}
