import type { PasswordPolicy } from "../../domain/ports/account-directory.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import type { AdminApi } from "./admin.ts";
import { fieldsOf, text } from "./json.ts";

const keepMs = 30_000;

/** What Keycloak takes for a rule that is written without its number. */
const defaults = {
  length: 8,
  maxLength: 64,
  upperCase: 1,
  lowerCase: 1,
  digits: 1,
  specialChars: 1,
  passwordHistory: 3,
};

/**
 * Reads a realm's policy, such as `length(8) and maxLength(128) and notEmail(undefined)`, as Keycloak does: a rule that
 * stands there twice counts with its last value.
 */
export function parsePasswordPolicy(policy: string): PasswordPolicy {
  const rules = new Map<string, string>();
  for (const rule of policy.split(" and ").map((part) => part.trim())) {
    const bracket = rule.indexOf("(");
    if (bracket < 0) rules.set(rule, "");
    else rules.set(rule.slice(0, bracket), rule.slice(bracket + 1, -1));
  }
  const count = (name: keyof typeof defaults): number => {
    const value = rules.get(name);
    if (value === undefined) return 0;
    const number = Number.parseInt(value, 10);
    return Number.isNaN(number) ? defaults[name] : Math.max(0, number);
  };
  const regex = rules.get("regexPattern");
  return {
    minLength: count("length"),
    maxLength: count("maxLength"),
    minUppercase: count("upperCase"),
    minLowercase: count("lowerCase"),
    minDigits: count("digits"),
    minSpecial: count("specialChars"),
    notEmail: rules.has("notEmail"),
    // What must not contain the user name cannot be equal to it either.
    notUsername: rules.has("notUsername") || rules.has("notContainsUsername"),
    notContainsUsername: rules.has("notContainsUsername"),
    history: count("passwordHistory"),
    blocklist: rules.has("passwordBlacklist"),
    ...(regex && { regex }),
  };
}

/** Reads the realm's policy and keeps it for 30 seconds; any number of calls share one read. */
export function createPasswordPolicies(deps: {
  readonly admin: AdminApi;
  readonly clock: Pick<Clock, "now">;
}): () => Promise<PasswordPolicy> {
  const { admin, clock } = deps;
  let kept: { readonly policy: PasswordPolicy; readonly readAt: number } | undefined;
  let reading: Promise<PasswordPolicy> | undefined;

  async function read(): Promise<PasswordPolicy> {
    const readAt = clock.now();
    const found = await admin.get("");
    const realm = fieldsOf(found);
    // Without the role view-realm Keycloak shows a part of it, which is not to be taken for a realm without a policy.
    if (text(realm["realm"]) === "" || typeof realm["enabled"] !== "boolean")
      throw new UpstreamUnavailable(
        "Keycloak's realm cannot be read: does the service account have view-realm?",
        "noVerdict",
      );
    const policy = parsePasswordPolicy(text(realm["passwordPolicy"]));
    kept = { policy, readAt };
    return policy;
  }

  return async () => {
    const age = kept ? clock.now() - kept.readAt : keepMs;
    if (kept && age >= 0 && age < keepMs) return kept.policy;
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}
