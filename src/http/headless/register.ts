import { limits } from "../../contract/limits.ts";
import type { BearerAuthenticator } from "../../domain/clients/bearer-authenticator.ts";
import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import type { RequestLimiter } from "../../limits/request-limiter.ts";
import type { GatewayMiddleware } from "../env.ts";
import { authenticateBearer, challengeBearer } from "../middleware/bearer-auth.ts";
import { createJsonBodyReader, requireDeclaredSize } from "../middleware/body.ts";
import { authenticateClient, authenticatePresentClient } from "../middleware/client-auth.ts";
import { requireValidEndUser, resolveEndUser } from "../middleware/end-user.ts";
import { underLimits } from "../middleware/rate-limit.ts";
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

/**
 * The contract's order of checks: caller, limits, schema. The schema check itself comes with the route.
 *
 * Two layers, because the framework answers what a layer throws outside of that layer: whatever the second one refuses, the
 * first one charges. A layer for each check would cost more than the checks (docs/performance.md).
 */
function checks({ route, auth, limitsCharged }: Operation, deps: FrontDeps): GatewayMiddleware[] {
  const { clients, bearers, limiter } = deps;
  const readBody = route.request?.body === undefined ? undefined : createJsonBodyReader(limits.bodyMaxBytes);

  const caller: GatewayMiddleware = async (c, next) => {
    requireDeclaredSize(c, limits.bodyMaxBytes);
    c.set("operation", route);
    if (auth === "client") {
      await authenticateClient(c, clients);
      resolveEndUser(c);
      await underLimits(c, next, { limiter, charged: limitsCharged });
    } else {
      await authenticatePresentClient(c, clients);
      resolveEndUser(c);
      await next();
      challengeBearer(c);
    }
  };

  const input: GatewayMiddleware = async (c, next) => {
    if (auth === "bearer") await authenticateBearer(c, { bearers, limiter });
    requireValidEndUser(c);
    await readBody?.(c);
    await next().catch((thrown: unknown) => {
      throw thrown instanceof Error ? thrown : new Error("a value that is no error was thrown", { cause: thrown });
    });
  };
  return [caller, input];
}
