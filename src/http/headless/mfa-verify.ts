import { createRoute } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { token, trimmedText } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, jsonRequest, mfaMethod, tokenSetSchema, toTokenSet } from "./schemas.ts";

/** Long enough for a backup code typed with hyphens and blanks. */
const codeMaxLength = 64;

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/verify`,
  operationId: "mfaVerify",
  summary: "Complete a login with a second factor",
  request: jsonRequest(
    jsonObject({ mfaToken: token(), code: trimmedText(1, codeMaxLength), method: mfaMethod() }).openapi(
      "MfaVerifyRequest",
    ),
  ),
  responses: answers({ description: "The user's tokens.", schema: tokenSetSchema }, [
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
