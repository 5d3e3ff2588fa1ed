import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { secondFactorCode } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest, mfaMethod } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/disable`,
  operationId: "mfaDisable",
  tags: ["Second factor"],
  summary: "Turn the second factor off",
  description:
    "Needs a code: an access token alone must not be enough to weaken the account. Wrong codes count as those of `mfa/verify` " +
    "do. The backup codes die too. The user gets a mail.",
  request: jsonRequest(
    jsonObject({ code: secondFactorCode(), method: mfaMethod().default("totp") }).openapi("MfaDisableRequest"),
    { code: examples.totpCode },
  ),
  responses: answers(
    {
      description: "The second factor is off.",
      schema: z.object({ enabled: z.literal(false) }).openapi("MfaDisabled"),
      example: { enabled: false },
    },
    [
      "UNSUPPORTED_MEDIA_TYPE",
      "INVALID_TOKEN",
      "MFA_INVALID_CODE",
      "MFA_NOT_ENROLLED",
      "ACCOUNT_LOCKED",
      "EMAIL_NOT_VERIFIED",
      "ACTION_REQUIRED",
    ],
  ),
});

export function createMfaDisableOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        await services.enrolment.disable(c.get("bearer"), {
          ...c.req.valid("json"),
          endUser: c.get("endUser"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, { enabled: false });
      }),
  };
}
