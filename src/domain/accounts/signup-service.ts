import { AuthError, validationError } from "../../contract/errors.ts";
import type { AuthenticatedClient } from "../clients/client-authenticator.ts";
import { mailBucket } from "../email/mail-limits.ts";
import { chargeLimits } from "../lockout/charge-limits.ts";
import { untilWholeStep } from "../lockout/time-steps.ts";
import { brokenRules } from "../password/password-rules.ts";
import type { AccountDirectory, CreateOutcome } from "../ports/account-directory.ts";
import type { Admission } from "../ports/admission.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { PasswordCapacity } from "../ports/password-capacity.ts";
import type { Random } from "../ports/random.ts";
import type { RequestLimits } from "../ports/request-limits.ts";

export interface SignupRequest {
  readonly client: AuthenticatedClient;
  /** Trimmed. */
  readonly email: string;
  readonly password: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly limits: RequestLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface SignupResult {
  /** UUID. Where existing accounts are hidden it names nobody: the first login tells the id. */
  readonly userId: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  /** Whether the address has to be verified before the first login; the mail is on its way then. */
  readonly emailVerificationRequired: boolean;
}

export interface SignupService {
  /**
   * Creates an account.
   *
   * When the store fails after the account was created, the caller gets that fault: the account is there, and its owner can
   * have the verification mail sent.
   *
   * @throws AuthError CONFLICT: the address is registered already (never where existing accounts are hidden)
   * @throws AuthError VALIDATION_ERROR: the realm refuses the password or another field
   * @throws AuthError RATE_LIMITED
   */
  signup(request: SignupRequest): Promise<SignupResult>;
}

/** Where existing accounts are hidden, answers take a multiple of this, in milliseconds: more than a creation does. */
const hiddenStepMs = 1_000;

/** A random UUID. @see RFC 9562 section 5.4 */
function randomUuid(random: Random): string {
  const bytes = Buffer.from(random.token(16), "base64url");
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function createSignupService(deps: {
  readonly admission: Admission;
  readonly accounts: Pick<AccountDirectory, "createUser" | "nameIssues" | "passwordPolicy">;
  readonly outbox: MailOutbox;
  readonly hash: KeyedHash;
  readonly random: Random;
  readonly clock: Clock;
  readonly capacity: PasswordCapacity;
  /**
   * Answers the same for a registered address as for a new one; its owner gets a mail instead. The price: `userId` is made up,
   * a signup takes a second, and a password that breaks a rule which only the realm can check (blocklist, regular expression)
   * still tells, because the realm checks those for new addresses only.
   */
  readonly hideExisting: boolean;
}): SignupService {
  const { admission, accounts, outbox, hash, random, clock, capacity, hideExisting } = deps;

  /** The mail goes into the outbox last: a job that runs before there is an account would find nobody to write to. */
  function askForVerification(email: string, appId: string): Promise<void> {
    return outbox.add({ type: "request", purpose: "verify-email", email, appId });
  }

  async function signupOpenly(request: SignupRequest): Promise<SignupResult> {
    const outcome = await create(request);
    if (outcome.kind === "exists")
      throw new AuthError("CONFLICT", { message: "The e-mail address is registered already." });
    const { userId, email, firstName, lastName, emailVerified } = outcome.user;
    if (!emailVerified) await askForVerification(email, request.client.app.id);
    return { userId, email, firstName, lastName, emailVerificationRequired: !emailVerified };
  }

  async function signupHidden(request: SignupRequest): Promise<SignupResult> {
    const { firstName, lastName, password } = request;
    const appId = request.client.app.id;
    const email = request.email.toLowerCase();
    // For a registered address the realm looks at neither names nor password, so the rules are applied here, to everybody.
    const broken = [
      ...accounts.nameIssues({ firstName, lastName }),
      ...brokenRules(await accounts.passwordPolicy(), password, "password", { email, username: email }),
    ];
    if (broken.length > 0) throw validationError(broken);
    const outcome = await create(request);
    if (outcome.kind === "exists") await outbox.add({ type: "notify", kind: "account-exists", email, appId });
    else await askForVerification(email, appId);
    return { userId: randomUuid(random), email, firstName, lastName, emailVerificationRequired: true };
  }

  async function create(request: SignupRequest): Promise<Exclude<CreateOutcome, { kind: "invalid" }>> {
    const { email, password, firstName, lastName } = request;
    const turn = await capacity.run(
      () => accounts.createUser({ email, password, firstName, lastName }),
      request.signal,
    );
    if (turn.kind === "busy") throw new AuthError("RATE_LIMITED", { retryAfterSeconds: turn.retryAfterSeconds });
    const outcome = turn.value;
    if (outcome.kind === "invalid") throw validationError(outcome.issues);
    return outcome;
  }

  return {
    async signup(request) {
      const startedAt = clock.now();
      await chargeLimits(admission, request.limits, mailBucket(request.limits, hash, "signup", request.email));
      if (!hideExisting) return signupOpenly(request);
      try {
        return await signupHidden(request);
      } finally {
        await untilWholeStep(clock, startedAt, hiddenStepMs);
      }
    },
  };
}
