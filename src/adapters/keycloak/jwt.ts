/** The claims of a JWT in compact form. Undefined when they are not a JSON object. Nothing is verified. */
export function jwtClaims(jwt: string): Readonly<Record<string, unknown>> | undefined {
  return jwtPart(jwt.split(".", 2)[1]);
}

/** A part of a JWT, its header or its claims. Undefined when it is not a JSON object. */
export function jwtPart(part: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (part === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
