import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { secondFactorCode } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, backupCodes, jsonObject, jsonRequest } from "./schemas.ts";

const confirmedSchema = z
  .object({ enabled: z.literal(true), backupCodes: backupCodes() })
  .openapi("MfaEnrolmentConfirmed");

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/enroll/confirm`,
  operationId: "mfaEnrollConfirm",
  tags: ["Second factor"],
  summary: "Turn the second factor on with its first code",
  description:
    "From now on every login needs a code, at Keycloak's own pages too. The backup codes are shown this once. The user gets a " +
    "mail.",
  request: jsonRequest(jsonObject({ code: secondFactorCode() }).openapi("MfaEnrollConfirmRequest"), {
    code: examples.totpCode,
  }),
  responses: answers(
    {
      description: "The second factor is on.",
      schema: confirmedSchema,
      example: { enabled: true, backupCodes: examples.backupCodes },
    },
    ["UNSUPPORTED_MEDIA_TYPE", "INVALID_TOKEN", "MFA_INVALID_CODE", "MFA_ALREADY_ENROLLED", "MFA_NOT_ENROLLED"],
  ),
});

export function createMfaEnrollConfirmOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { backupCodes } = await services.enrolment.confirm(c.get("bearer"), {
          ...c.req.valid("json"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, { enabled: true, backupCodes: [...backupCodes] });
      }),
  };
}
