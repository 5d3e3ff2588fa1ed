import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { secondFactorCode } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, backupCodes, jsonObject, jsonRequest } from "./schemas.ts";

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/backup-codes`,
  operationId: "backupCodesRegenerate",
  tags: ["Second factor"],
  summary: "Replace the backup codes",
  description:
    "Needs a code of the authenticator app, not a backup code. The old backup codes die. The user gets a mail.",
  request: jsonRequest(jsonObject({ code: secondFactorCode() }).openapi("BackupCodesRegenerateRequest"), {
    code: examples.totpCode,
  }),
  responses: answers(
    {
      description: "The new codes.",
      schema: z.object({ backupCodes: backupCodes() }).openapi("BackupCodes"),
      example: { backupCodes: examples.backupCodes },
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

export function createBackupCodesRegenerateOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { backupCodes } = await services.enrolment.regenerateBackupCodes(c.get("bearer"), {
          ...c.req.valid("json"),
          endUser: c.get("endUser"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 200, { backupCodes: [...backupCodes] });
      }),
  };
}
