import type { ValidationIssue } from "../../contract/errors.ts";
import type { PasswordPolicy } from "../ports/account-directory.ts";

/** How many UTF-16 units of a text match: the realm's rules count these. */
function count(text: string, pattern: RegExp): number {
  return text.split("").filter((unit) => pattern.test(unit)).length;
}

const countOf = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;

const counted = [
  { rule: "minUppercase", pattern: /\p{Lu}/u, name: "upper-case letter" },
  { rule: "minLowercase", pattern: /\p{Ll}/u, name: "lower-case letter" },
  { rule: "minDigits", pattern: /\p{Nd}/u, name: "digit" },
  { rule: "minSpecial", pattern: /[^\p{L}\p{Nd}]/u, name: "special character" },
] as const;

/**
 * The rules of a policy that a password breaks, as far as they can be told without the realm: history, blocklist and regular
 * expression are not among them. The messages are those that the same rules have when the realm refuses.
 *
 * @param path the field that the issues name
 * @param owner the account that the password is for
 */
export function brokenRules(
  policy: PasswordPolicy,
  password: string,
  path: string,
  owner: { readonly email: string; readonly username: string },
): readonly ValidationIssue[] {
  const messages: string[] = [];
  if (password.length < policy.minLength) messages.push(`must have at least ${countOf(policy.minLength, "character")}`);
  if (policy.maxLength > 0 && password.length > policy.maxLength) {
    messages.push(`must have at most ${countOf(policy.maxLength, "character")}`);
  }
  for (const { rule, pattern, name } of counted) {
    const minimum = policy[rule];
    if (count(password, pattern) < minimum) messages.push(`must contain at least ${countOf(minimum, name)}`);
  }
  const folded = password.toLowerCase();
  const username = owner.username.toLowerCase();
  if (policy.notEmail && folded === owner.email.toLowerCase()) messages.push("must not be the e-mail address");
  else if (policy.notUsername && folded === username) messages.push("must not be the user name");
  else if (policy.notContainsUsername && folded.includes(username)) messages.push("must not contain the user name");
  return messages.map((message) => ({ path, message }));
}
