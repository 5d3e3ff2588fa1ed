import { z } from "@hono/zod-openapi";
import { limits } from "../contract/limits.ts";

/** Whether the text has at least `min` and at most `max` code points. */
function hasLength(text: string, min: number, max: number): boolean {
  // A code point takes one or two UTF-16 units: nearly no text needs counting.
  if (text.length > max * 2) return false;
  if (text.length <= max && Math.ceil(text.length / 2) >= min) return true;
  const length = [...text].length;
  return length >= min && length <= max;
}

/**
 * A string of well-formed Unicode. A lone surrogate would become U+FFFD on the way upstream: two different inputs would be one.
 */
function wellFormed() {
  return z
    .string({ error: ({ input }) => (input === undefined ? "is required" : "must be a string") })
    .refine((text) => text.isWellFormed(), { error: "must be well-formed Unicode", abort: true });
}

function bounded(schema: z.ZodString, min: number, max: number) {
  return schema
    .refine((text) => hasLength(text, min, max), {
      error: min === max ? `must be ${max} characters long` : `must be ${min} to ${max} characters long`,
      abort: true,
    })
    .openapi({ minLength: min, maxLength: max });
}

/** Any string, empty ones included. */
export const anyText = () => wellFormed();

/** A string of `min` to `max` code points, taken as it is. */
export const text = (min: number, max: number) => bounded(wellFormed(), min, max);

/** Blanks count for the upper limit, so that the document says exactly what is taken. */
function trimmed(min: number, max: number) {
  return bounded(bounded(wellFormed(), min, max).trim(), min, max);
}

/** A string of `min` to `max` code points, from which blanks around it are removed. */
export const trimmedText = (min: number, max: number) => trimmed(min, max).openapi({ pattern: "\\S" });

/** Something before one `@` and something after it; no blanks, no control characters. Unicode is allowed. */
const emailPattern = /^[^\s\p{Cc}@]+@[^\s\p{Cc}@]+$/u;

/**
 * An e-mail address, trimmed. Whether it exists is for the identity provider to say; what is refused here could mean one
 * account to the gateway's counters and another one upstream.
 */
export const email = () =>
  trimmed(1, limits.emailMaxLength)
    .refine((text) => emailPattern.test(text), { error: "must be an e-mail address" })
    .openapi({ format: "email", description: "Trimmed; case does not matter." });

/** A password, taken as it is: neither trimmed nor cut. */
export const password = () =>
  text(1, limits.passwordMaxLength).openapi({ format: "password", description: "Taken as it is, blanks included." });

/** A person's name, trimmed. A control character could forge a line of a mail's header. */
export const personName = () =>
  trimmedText(1, limits.nameMaxLength)
    .refine((text) => !/\p{Cc}/u.test(text), { error: "must not contain control characters" })
    .openapi({ pattern: "^\\s*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$" });

/** A token that the gateway or the identity provider has issued. */
export const token = () => text(1, limits.tokenMaxLength);

/** A second-factor code as it is typed; long enough for a backup code with hyphens and blanks. */
export const secondFactorCode = () => trimmedText(1, 64).openapi({ description: "As the user has typed it." });
