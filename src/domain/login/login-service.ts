import { AuthError } from "../../contract/errors.ts";
import type { MfaMethod } from "../../contract/headless.ts";
import type { AuthenticatedClient, ClientAuthenticator } from "../clients/client-authenticator.ts";
import { accountName } from "../lockout/account-name.ts";
import type { AttemptContext, AttemptRunner, AttemptVerdict } from "../lockout/attempt-runner.ts";
import { notifyLock } from "../lockout/lock-notice.ts";
import { untilWholeStep } from "../lockout/time-steps.ts";
import type { Challenges } from "../mfa/challenges.ts";
import type { AttemptBudget } from "../ports/admission.ts";
import type { Clock } from "../ports/clock.ts";
import type { EndUser, IdentityProvider, IssuedTokens, UserRecord } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { PasswordCapacity } from "../ports/password-capacity.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import type { SessionNotes } from "../ports/session-directory.ts";
import { isLicensed } from "../sessions/licence.ts";
import { incompleteUserError, refusedUserError } from "../sessions/refused-user.ts";
import { noteUserAgent } from "../sessions/session-notes.ts";

export interface LoginRequest {
  readonly client: AuthenticatedClient;
  /** Trimmed. */
  readonly email: string;
  readonly password: string;
  readonly endUser: EndUser;
  readonly limits: RequestLimits;
  readonly signal?: AbortSignal | undefined;
}

export type LoginOutcome =
  | { readonly kind: "tokens"; readonly tokens: IssuedTokens }
  | {
      readonly kind: "mfaRequired";
      readonly mfaToken: string;
      readonly expiresInSeconds: number;
      readonly methods: readonly MfaMethod[];
      readonly user: { readonly userId: string; readonly email: string; readonly firstName: string };
    };

export interface LoginService {
  /**
   * Checks a password. Nothing that comes after the password check can be told without the right password, and the answer to
   * a wrong one, its time included, is the same whatever is behind the address. A wrong one that locks the account has its
   * owner told by mail.
   *
   * @throws AuthError INVALID_CREDENTIALS, ACCOUNT_LOCKED, RATE_LIMITED, EMAIL_NOT_VERIFIED, ACTION_REQUIRED,
   *   APP_NOT_LICENSED, INVALID_CLIENT
   */
  login(request: LoginRequest): Promise<LoginOutcome>;
}

interface Answer {
  readonly outcome: LoginOutcome | AuthError;
  /** The user whose right password was left at the second factor, whether a challenge was given out or not. */
  readonly unfinishedBy?: string;
}

/**
 * Keycloak counts the right password of a user with a second factor as a failure until the factor is shown. Its count is
 * cleared each time this many logins of an account were left at their second factor, well below its own limit.
 */
const unfinishedLoginsPerClearing = 10;

/** A user who was challenged has a TOTP; whoever enrolled at Keycloak's own pages has no backup codes. */
function methodsOf({ backupCodes }: UserRecord): readonly MfaMethod[] {
  return backupCodes !== undefined && backupCodes.hashes.length > 0 ? ["totp", "backup_code"] : ["totp"];
}

const refuse = (error: AuthError): AttemptVerdict<Answer> => ({ result: "returned", value: { outcome: error } });

export function createLoginService(deps: {
  readonly attempts: AttemptRunner;
  readonly challenges: Challenges;
  readonly identityProvider: IdentityProvider;
  readonly clients: ClientAuthenticator;
  readonly notes: SessionNotes;
  readonly outbox: MailOutbox;
  readonly hash: KeyedHash;
  readonly capacity: PasswordCapacity;
  readonly clock: Clock;
  readonly budget: AttemptBudget;
  /**
   * The check of a wrong password takes a multiple of this, in milliseconds: the identity provider refuses sooner where it has
   * no hash to compare with. 0: no longer than the identity provider takes.
   */
  readonly refusalStepMs: number;
}): LoginService {
  const { attempts, challenges, identityProvider, clients, notes, outbox, hash, capacity, clock } = deps;
  const { budget, refusalStepMs } = deps;

  /** A disabled account is refused, repeated and counted like a wrong password: its password must not be found out. */
  async function passwordGrant({ client, email, password, endUser }: LoginRequest) {
    const outcome = await identityProvider.passwordGrant({ client: client.credentials, email, password, endUser });
    return outcome.kind === "disabled" ? ({ kind: "rejected" } as const) : outcome;
  }

  async function tokensVerdict(
    tokens: IssuedTokens,
    { client, endUser }: LoginRequest,
  ): Promise<AttemptVerdict<Answer>> {
    const undo = async () => {
      await identityProvider.logout({ client: client.credentials, refreshToken: tokens.refreshToken });
    };
    if (isLicensed(client.app, tokens.user.licenses)) {
      const note = () => noteUserAgent(notes, tokens, endUser);
      return { result: "complete", value: { outcome: { kind: "tokens", tokens } }, alongside: note, undo };
    }
    await undo();
    return refuse(new AuthError("APP_NOT_LICENSED"));
  }

  async function challengeVerdict(
    { client, email }: LoginRequest,
    account: string,
    createdAt: number,
  ): Promise<AttemptVerdict<Answer>> {
    const user = await identityProvider.findUserByEmail(email);
    // Gone between the two calls.
    if (user === undefined) return refuse(new AuthError("INVALID_CREDENTIALS"));
    const { userId, firstName } = user;
    const licenceError = isLicensed(client.app, user.licenses) ? undefined : new AuthError("APP_NOT_LICENSED");
    const refusal = refusedUserError(user) ?? licenceError;
    if (refusal !== undefined) return { result: "returned", value: { outcome: refusal, unfinishedBy: userId } };
    const { mfaToken, expiresInSeconds, methods, store } = challenges.open({
      clientId: client.app.id,
      userId,
      username: user.username,
      account,
      methods: methodsOf(user),
      createdAt,
    });
    const shown = { userId, email: user.email, firstName };
    return {
      result: "returned",
      value: {
        outcome: { kind: "mfaRequired", mfaToken, expiresInSeconds, methods, user: shown },
        unfinishedBy: userId,
      },
      alongside: store,
    };
  }

  async function incompleteVerdict(
    email: string,
    requiredActions: readonly string[] | undefined,
  ): Promise<AttemptVerdict<Answer>> {
    const user = await identityProvider.findUserByEmail(email);
    const outcome = incompleteUserError(user, requiredActions);
    // A refusal that names the action was one of a second factor, which Keycloak counts like those that end in a challenge.
    const unfinished = requiredActions !== undefined && user !== undefined;
    return { result: "returned", value: { outcome, ...(unfinished ? { unfinishedBy: user.userId } : {}) } };
  }

  async function attempt(
    request: LoginRequest,
    account: string,
    context: AttemptContext,
  ): Promise<AttemptVerdict<Answer>> {
    const { client, email, signal } = request;
    let startedAt = clock.now();
    // One turn for the grant and its repetition: both are one attempt, and a refusal in between would have to count it.
    const turn = await capacity.run(() => {
      // The wait for the turn is no part of the check: it would move the step's end, and the grant's own time show again.
      startedAt = clock.now();
      return context.grant(() => passwordGrant(request));
    }, signal);
    if (turn.kind === "busy") {
      return refuse(new AuthError("RATE_LIMITED", { retryAfterSeconds: turn.retryAfterSeconds }));
    }
    const outcome = turn.value;
    switch (outcome.kind) {
      case "tokens":
        return tokensVerdict(outcome.tokens, request);
      case "mfaRequired":
        return challengeVerdict(request, account, context.storeTime);
      case "accountIncomplete":
        return incompleteVerdict(email, outcome.requiredActions);
      case "rejected":
        // Under the gate: the wait of whoever comes next for this account must not tell how long this one took either.
        await untilWholeStep(clock, startedAt, refusalStepMs);
        return { result: "failed", value: { outcome: new AuthError("INVALID_CREDENTIALS") } };
      case "clientRejected":
        clients.forget(client.credentials);
        return refuse(new AuthError("INVALID_CLIENT"));
    }
  }

  return {
    async login(request) {
      const { email, limits, signal } = request;
      const account = accountName(hash, email);
      const { value, consecutiveReturns, locked } = await attempts.run<Answer>(
        { account, budget, limits, signal },
        (context) => attempt(request, account, context),
      );
      if (locked) await notifyLock(outbox, { email, appId: request.client.app.id, lockSeconds: budget.lockSeconds });
      const { outcome, unfinishedBy } = value;
      if (unfinishedBy !== undefined && consecutiveReturns % unfinishedLoginsPerClearing === 0) {
        await identityProvider.clearFailures(unfinishedBy);
      }
      if (outcome instanceof AuthError) throw outcome;
      return outcome;
    },
  };
}
