import { limits } from "../../contract/limits.ts";
import type { BearerAuthenticator } from "../../domain/clients/bearer-authenticator.ts";
import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import type { RequestLimiter } from "../../limits/request-limiter.ts";
import type { GatewayMiddleware } from "../env.ts";
import { bearerAuth, bearerChallenge } from "../middleware/bearer-auth.ts";
import { jsonBody } from "../middleware/body.ts";
import { clientAuth, optionalClientAuth } from "../middleware/client-auth.ts";
import { requireValidEndUser, resolveEndUser } from "../middleware/end-user.ts";
import { markOperation } from "../middleware/mark-operation.ts";
import { rateLimit } from "../middleware/rate-limit.ts";
import type { GatewayApp, Operation } from "../operation.ts";
import { createBackupCodesCountOperation } from "./backup-codes-count.ts";
import { createBackupCodesRegenerateOperation } from "./backup-codes-regenerate.ts";
import type { HeadlessDeps } from "./deps.ts";
import { createEmailVerifyConfirmOperation } from "./email-verify-confirm.ts";
import { createEmailVerifySendOperation } from "./email-verify-send.ts";
import { createLockoutStatusOperation } from "./lockout-status.ts";
import { createLoginOperation } from "./login.ts";
import { createLogoutOperation } from "./logout.ts";
import { createMfaDisableOperation } from "./mfa-disable.ts";
import { createMfaEnrollOperation } from "./mfa-enroll.ts";
import { createMfaEnrollConfirmOperation } from "./mfa-enroll-confirm.ts";
import { createMfaStatusOperation } from "./mfa-status.ts";
import { createMfaVerifyOperation } from "./mfa-verify.ts";
import { createPasswordPolicyOperation } from "./password-policy.ts";
import { createPasswordResetConfirmOperation } from "./password-reset-confirm.ts";
import { createPasswordResetSendOperation } from "./password-reset-send.ts";
import { createRefreshOperation } from "./refresh.ts";
import { createSessionsListOperation } from "./sessions-list.ts";
import { createSessionsRevokeOperation } from "./sessions-revoke.ts";
import { createSessionsRevokeAllOperation } from "./sessions-revoke-all.ts";
import { createSignupOperation } from "./signup.ts";
import { createUnlockOperation } from "./unlock.ts";

/** In the order in which the API document shows them. */
const operationFactories = [
  createLoginOperation,
  createMfaVerifyOperation,
  createRefreshOperation,
  createLogoutOperation,
  createSignupOperation,
  createEmailVerifySendOperation,
  createEmailVerifyConfirmOperation,
  createPasswordResetSendOperation,
  createPasswordResetConfirmOperation,
  createPasswordPolicyOperation,
  createMfaStatusOperation,
  createMfaEnrollOperation,
  createMfaEnrollConfirmOperation,
  createMfaDisableOperation,
  createBackupCodesCountOperation,
  createBackupCodesRegenerateOperation,
  createSessionsListOperation,
  createSessionsRevokeOperation,
  createSessionsRevokeAllOperation,
  createLockoutStatusOperation,
  createUnlockOperation,
];

interface FrontDeps extends HeadlessDeps {
  readonly clients: ClientAuthenticator;
  readonly bearers: BearerAuthenticator;
  readonly limiter: RequestLimiter;
}

/** Adds the headless front to the app and returns its operations. */
export function registerHeadless(app: GatewayApp, deps: FrontDeps): readonly Operation[] {
  const operations = operationFactories.map((create) => create(deps));
  for (const operation of operations) {
    const { route } = operation;
    app.on([route.method], [route.getRoutingPath()], ...checks(operation, deps));
    operation.mount(app);
  }
  return operations;
}

/** The contract's order of checks: caller, limits, schema. The schema check itself comes with the route. */
function checks({ route, auth, limitsCharged }: Operation, deps: FrontDeps): GatewayMiddleware[] {
  const { clients, bearers, limiter } = deps;
  const caller =
    auth === "client"
      ? [clientAuth(clients), resolveEndUser(), rateLimit({ limiter, charged: limitsCharged })]
      : [optionalClientAuth(clients), resolveEndUser(), bearerChallenge(), bearerAuth({ bearers, limiter })];
  return [
    markOperation(route),
    ...caller,
    requireValidEndUser(),
    ...(route.request?.body === undefined ? [] : [jsonBody(limits.bodyMaxBytes)]),
  ];
}
