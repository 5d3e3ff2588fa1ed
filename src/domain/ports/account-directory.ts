import type { ValidationIssue } from "../../contract/errors.ts";
import type { UserRecord } from "./identity-provider.ts";

/** A user about to be created. */
export interface NewAccount {
  readonly email: string;
  readonly password: string;
  readonly firstName: string;
  readonly lastName: string;
}

export type CreateOutcome =
  | { readonly kind: "created"; readonly user: UserRecord }
  /** The address is registered already. */
  | { readonly kind: "exists" }
  /** A rule of the realm is broken: the issues name the field (`password`, `email`, `firstName`, `lastName`) and the rule. */
  | { readonly kind: "invalid"; readonly issues: readonly ValidationIssue[] };

export type SetPasswordOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "invalid"; readonly issues: readonly ValidationIssue[] }
  | { readonly kind: "userGone" };

/** The realm's password policy, as its callers see it. Counts are 0 and flags false where the realm has no such rule. */
export interface PasswordPolicy {
  readonly minLength: number;
  readonly maxLength: number;
  readonly minUppercase: number;
  readonly minLowercase: number;
  readonly minDigits: number;
  readonly minSpecial: number;
  readonly notEmail: boolean;
  readonly notUsername: boolean;
  readonly notContainsUsername: boolean;
  /** How many former passwords are refused. */
  readonly history: number;
  readonly blocklist: boolean;
  readonly regex?: string;
}

/** Creates and changes users at the identity provider. Methods throw UpstreamUnavailable as in `IdentityProvider`. */
export interface AccountDirectory {
  createUser(account: NewAccount): Promise<CreateOutcome>;
  /** What `createUser` would refuse of the names of a new address, known without asking. */
  nameIssues(names: Pick<NewAccount, "firstName" | "lastName">): readonly ValidationIssue[];
  /** Marks the address as verified and drops the VERIFY_EMAIL action; false when the user is gone or has another address now. */
  markEmailVerified(userId: string, email: string): Promise<boolean>;
  setPassword(userId: string, password: string): Promise<SetPasswordOutcome>;
  passwordPolicy(): Promise<PasswordPolicy>;
  /** Whether a record may get mails: enabled accounts only. */
  isEnabled(userId: string): Promise<boolean>;
}
