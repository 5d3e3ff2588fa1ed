import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { qrPngDataUri } from "../qr.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers, jsonObject, jsonRequest } from "./schemas.ts";

const enrolmentSchema = z
  .object({
    secret: z.string().openapi({ description: "Base32, for typing it in." }),
    otpauthUri: z.string().openapi({ description: "For an authenticator app on the same device." }),
    qrCode: z
      .string()
      .startsWith("data:image/png;base64,")
      .openapi({ description: "The URI as a PNG image in a data URI: black on white." }),
    expiresIn: z.int().min(1).openapi({ description: "Seconds until the enrolment must be confirmed." }),
  })
  .openapi("MfaEnrolment");

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/mfa/enroll`,
  operationId: "mfaEnroll",
  tags: ["Second factor"],
  summary: "Start to set up an authenticator app",
  description:
    "Nothing changes until `mfa/enroll/confirm` gets the app's first code. Starting again replaces the enrolment before. The " +
    "secret is never shown again.",
  request: jsonRequest(jsonObject({}).openapi("MfaEnrollRequest"), {}),
  responses: answers(
    {
      description: "What the authenticator app needs.",
      schema: enrolmentSchema,
      example: {
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        otpauthUri:
          "otpauth://totp/Headgate:jane%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Headgate",
        qrCode: "data:image/png;base64,iVBORw0KGgo…",
        expiresIn: 600,
      },
    },
    ["UNSUPPORTED_MEDIA_TYPE", "INVALID_TOKEN", "MFA_ALREADY_ENROLLED"],
  ),
});

export function createMfaEnrollOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "bearer",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { secret, otpauthUri, expiresInSeconds } = await services.enrolment.enroll(c.get("bearer"));
        const qrCode = qrPngDataUri(otpauthUri);
        return respond.send(c, route, 200, { secret, otpauthUri, qrCode, expiresIn: expiresInSeconds });
      }),
  };
}
