import { limits } from "../../contract/limits.ts";
import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import type { RequestLimiter } from "../../limits/request-limiter.ts";
import type { GatewayMiddleware } from "../env.ts";
import { jsonBody } from "../middleware/body.ts";
import { clientAuth } from "../middleware/client-auth.ts";
import { requireValidEndUser, resolveEndUser } from "../middleware/end-user.ts";
import { markOperation } from "../middleware/mark-operation.ts";
import { rateLimit } from "../middleware/rate-limit.ts";
import type { GatewayApp, Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import { createLockoutStatusOperation } from "./lockout-status.ts";
import { createLoginOperation } from "./login.ts";
import { createLogoutOperation } from "./logout.ts";
import { createMfaVerifyOperation } from "./mfa-verify.ts";
import { createRefreshOperation } from "./refresh.ts";
import { createUnlockOperation } from "./unlock.ts";

/** Adds the headless front to the app and returns its operations. */
export function registerHeadless(
  app: GatewayApp,
  deps: HeadlessDeps & { readonly clients: ClientAuthenticator; readonly limiter: RequestLimiter },
): readonly Operation[] {
  const operations = [
    createLoginOperation(deps),
    createMfaVerifyOperation(deps),
    createRefreshOperation(deps),
    createLogoutOperation(deps),
    createLockoutStatusOperation(deps),
    createUnlockOperation(deps),
  ];
  for (const operation of operations) {
    const { route, limitsCharged } = operation;
    // The contract's order of checks: client, limits, schema. The schema check itself comes with the route.
    const checks: GatewayMiddleware[] = [
      markOperation(route),
      clientAuth(deps.clients),
      resolveEndUser(),
      rateLimit({ limiter: deps.limiter, charged: limitsCharged }),
      requireValidEndUser(),
      ...(route.request?.body === undefined ? [] : [jsonBody(limits.bodyMaxBytes)]),
    ];
    app.on([route.method], [route.path], ...checks);
    operation.mount(app);
  }
  return operations;
}
