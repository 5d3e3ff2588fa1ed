import { AuthError } from "../../contract/errors.ts";
import type { MfaMethod } from "../../contract/headless.ts";
import type { AuthenticatedClient, ClientAuthenticator } from "../clients/client-authenticator.ts";
import type { AttemptContext, AttemptRunner, AttemptVerdict } from "../lockout/attempt-runner.ts";
import { notifyLock } from "../lockout/lock-notice.ts";
import type { AttemptBudget } from "../ports/admission.ts";
import { UpstreamUnavailable } from "../ports/faults.ts";
import type { EndUser, IdentityProvider, IssuedTokens, SubjectToken } from "../ports/identity-provider.ts";
import type { MailOutbox } from "../ports/mail.ts";
import type { RequestLimits } from "../ports/request-limits.ts";
import type { SessionNotes } from "../ports/session-directory.ts";
import { isLicensed } from "../sessions/licence.ts";
import { incompleteUserError } from "../sessions/refused-user.ts";
import type { SessionEndings } from "../sessions/session-endings.ts";
import { noteUserAgent } from "../sessions/session-notes.ts";
import type { Challenges, TakenChallenge } from "./challenges.ts";
import type { FactorCheck } from "./factor-check.ts";

export interface VerifyRequest {
  readonly client: AuthenticatedClient;
  readonly mfaToken: string;
  readonly code: string;
  readonly method: MfaMethod;
  readonly endUser: EndUser;
  readonly limits: RequestLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface MfaService {
  /**
   * Answers a challenge with a code; the tokens are those of the app client that started the login. A wrong code that locks
   * the account has its owner told by mail.
   *
   * @throws AuthError MFA_CHALLENGE_EXPIRED, MFA_INVALID_CODE, ACCOUNT_LOCKED, RATE_LIMITED, EMAIL_NOT_VERIFIED,
   *   ACTION_REQUIRED, APP_NOT_LICENSED, INVALID_CLIENT
   */
  verify(request: VerifyRequest): Promise<IssuedTokens>;
}

type Answer = IssuedTokens | AuthError;

const refuse = (error: AuthError): AttemptVerdict<Answer> => ({ result: "returned", value: error });

export function createMfaService(deps: {
  readonly attempts: AttemptRunner;
  readonly challenges: Challenges;
  readonly identityProvider: IdentityProvider;
  readonly clients: ClientAuthenticator;
  readonly factors: FactorCheck;
  readonly notes: SessionNotes;
  readonly endings: Pick<SessionEndings, "look" | "survives">;
  readonly outbox: MailOutbox;
  readonly budget: AttemptBudget;
}): MfaService {
  const { attempts, challenges, identityProvider, clients, factors, notes, endings, outbox, budget } = deps;

  /** Like a refresh, an exchange beside the end of all sessions brings its own back. */
  async function requireSurvival({ sessionId, user: { userId } }: IssuedTokens): Promise<void> {
    const seen = await endings.look(userId);
    if (!(await endings.survives({ userId, sessionId }, seen))) throw new AuthError("MFA_CHALLENGE_EXPIRED");
  }

  /** Turns the factor's proof into the app's tokens, or ends the session that the factor's grant has opened. */
  async function exchange(subject: SubjectToken, request: VerifyRequest): Promise<AttemptVerdict<Answer>> {
    const { client, endUser } = request;
    const undo = () => identityProvider.endSession(subject.sessionId);
    try {
      const outcome = await identityProvider.exchange({ client: client.credentials, subject, endUser });
      if (outcome.kind === "tokens") {
        if (isLicensed(client.app, outcome.tokens.user.licenses)) {
          const { tokens } = outcome;
          const alongside = async () => {
            await Promise.all([requireSurvival(tokens), noteUserAgent(notes, tokens, endUser)]);
          };
          return { result: "complete", value: tokens, alongside, undo };
        }
        await undo();
        return refuse(new AuthError("APP_NOT_LICENSED"));
      }
      await undo();
      if (outcome.kind === "rejected") return refuse(new AuthError("MFA_CHALLENGE_EXPIRED"));
      clients.forget(client.credentials);
      return refuse(new AuthError("INVALID_CLIENT"));
    } catch (error) {
      await undo().catch(() => undefined);
      throw error;
    }
  }

  async function answer(taken: TakenChallenge, request: VerifyRequest, context: AttemptContext) {
    const { challenge } = taken;
    const { code, method, endUser } = request;
    const wrongCode: AttemptVerdict<Answer> = {
      result: "failed",
      value: new AuthError("MFA_INVALID_CODE"),
      alongside: taken.countWrongCode,
    };
    // A method that the user does not have costs an attempt like a wrong code: it must not tell more than one.
    if (!challenge.methods.includes(method)) return wrongCode;
    const { userId, username } = challenge;
    const outcome = await factors.verify({ userId, username, endUser }, method, code, context);
    switch (outcome.kind) {
      case "verified":
        return exchange(outcome.subject, request);
      case "rejected":
        return wrongCode;
      case "disabled":
        return refuse(new AuthError("MFA_CHALLENGE_EXPIRED"));
      case "accountIncomplete":
        return refuse(incompleteUserError(await identityProvider.getUser(userId)));
    }
  }

  async function tellOfLock(userId: string, appId: string): Promise<void> {
    const user = await identityProvider.getUser(userId);
    if (user !== undefined) await notifyLock(outbox, { email: user.email, appId, lockSeconds: budget.lockSeconds });
  }

  return {
    async verify(request) {
      const { client, mfaToken, limits, signal } = request;
      const seen = await challenges.get(mfaToken);
      if (seen === undefined || seen.clientId !== client.app.id) throw new AuthError("MFA_CHALLENGE_EXPIRED");

      const { value, locked } = await attempts.run<Answer>(
        { account: seen.account, budget, notInvalidatedSince: seen.createdAt, limits, signal },
        async (context) => {
          // Taken only under the gate: of parallel codes for one challenge, each finds it as the one before has left it.
          const taken = await challenges.take(mfaToken);
          if (taken === undefined) return refuse(new AuthError("MFA_CHALLENGE_EXPIRED"));
          try {
            return await answer(taken, request, context);
          } catch (error) {
            // The code may have been checked: a fault that hides the verdict costs the challenge one of its codes.
            const unsure = error instanceof UpstreamUnavailable && error.fate === "unknown";
            await (unsure ? taken.countWrongCode() : taken.keep()).catch(() => undefined);
            throw error;
          }
        },
      );
      if (locked) await tellOfLock(seen.userId, client.app.id);
      if (value instanceof AuthError) throw value;
      return value;
    },
  };
}
