/** Reading JSON whose shape is not trusted: what has another type than expected counts as absent. */

/** The fields of an object; none for every other value. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value) as Record<string, unknown>;
}

/** A string, or the empty one. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The strings of a list. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
