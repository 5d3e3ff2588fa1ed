import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { secondFactorCode, token } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest, mfaMethod, tokenSetSchema, toTokenSet } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/verify`,
  operationId: "mfaVerify",
  tags: ["Login"],
  summary: "Complete a login with a second factor",
  description:
    "Every code works once. Five wrong codes end the challenge; too many over all challenges lock the account. Backup codes " +
    "are taken with or without hyphens, in any case.",
  request: jsonRequest(
    jsonObject({ mfaToken: token(), code: secondFactorCode(), method: mfaMethod() }).openapi("MfaVerifyRequest"),
    { mfaToken: examples.mfaToken, code: examples.totpCode, method: "totp" },
  ),
  responses: answers({ description: "The user's tokens.", schema: tokenSetSchema, example: examples.tokenSet }, [
    "UNSUPPORTED_MEDIA_TYPE",
    "MFA_INVALID_CODE",
    "MFA_CHALLENGE_EXPIRED",
    "ACCOUNT_LOCKED",
    "EMAIL_NOT_VERIFIED",
    "APP_NOT_LICENSED",
    "ACTION_REQUIRED",
  ]),
});

export function createMfaVerifyOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const tokens = await services.mfa.verify({
          client: c.get("client"),
          ...c.req.valid("json"),
          endUser: c.get("endUser"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, toTokenSet(tokens));
      }),
  };
}
