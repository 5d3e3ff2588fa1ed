/** A part of a JWT in compact form: 0 is the header, 1 the claims. Undefined when it is not a JSON object. Nothing is verified. */
export function jwtPart(jwt: string, index: 0 | 1): Readonly<Record<string, unknown>> | undefined {
  const part = jwt.split(".", index + 1)[index];
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
