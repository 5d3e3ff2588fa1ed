import { describe, expect, test } from "vitest";
import { brokenRules } from "../../../../src/domain/password/password-rules.ts";
import type { PasswordPolicy } from "../../../../src/domain/ports/account-directory.ts";

const none: PasswordPolicy = {
  minLength: 0,
  maxLength: 0,
  minUppercase: 0,
  minLowercase: 0,
  minDigits: 0,
  minSpecial: 0,
  notEmail: false,
  notUsername: false,
  notContainsUsername: false,
  history: 5,
  blocklist: true,
  regex: "^never$",
};
const owner = { email: "jane@example.com", username: "jane" };

const messages = (policy: Partial<PasswordPolicy>, password: string) =>
  brokenRules({ ...none, ...policy }, password, "password", owner).map(({ message }) => message);

test("a realm without rules refuses nothing; rules that only the realm can check are left to it", () => {
  expect(messages({}, "")).toEqual([]);
});

test("every broken rule is named, with the field that it is about", () => {
  const policy = { ...none, minLength: 8, minUppercase: 1, minDigits: 2, minSpecial: 1 };
  expect(brokenRules(policy, "abc", "newPassword", owner)).toEqual([
    { path: "newPassword", message: "must have at least 8 characters" },
    { path: "newPassword", message: "must contain at least 1 upper-case letter" },
    { path: "newPassword", message: "must contain at least 2 digits" },
    { path: "newPassword", message: "must contain at least 1 special character" },
  ]);
});

describe("each rule at its border", () => {
  test.each<[Partial<PasswordPolicy>, string, string]>([
    [{ minLength: 4 }, "abcd", "abc"],
    [{ maxLength: 4 }, "abcd", "abcde"],
    [{ minUppercase: 2 }, "ÄbC", "Abc"],
    [{ minLowercase: 2 }, "AßcD", "AbCD"],
    [{ minDigits: 2 }, "a12", "a1b"],
    [{ minSpecial: 2 }, "a_ b", "a_b1"],
    [{ notEmail: true }, "jane@example.co", "Jane@Example.com"],
    [{ notUsername: true }, "jane2", "JANE"],
    [{ notContainsUsername: true }, "jan2", "1Jane2"],
  ])("%o", (policy, kept, broken) => {
    expect(messages(policy, kept)).toEqual([]);
    expect(messages(policy, broken)).toHaveLength(1);
  });

  test("the address that is the user name too is named once", () => {
    const both = { ...none, notEmail: true, notUsername: true };
    const same = { email: "jane@example.com", username: "jane@example.com" };
    expect(brokenRules(both, "jane@example.com", "password", same)).toHaveLength(1);
  });
});
