import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import { email, password, personName } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { createdAnswers, jsonObject, jsonRequest } from "./schemas.ts";

const { userId, firstName, lastName } = examples;
const signupResultSchema = z
  .object({
    user: z.object({
      userId: z.string().openapi({ description: "UUID." }),
      email: z.string(),
      firstName: z.string(),
      lastName: z.string(),
    }),
    emailVerificationRequired: z
      .boolean()
      .openapi({ description: "Whether a login has to wait until the address is verified." }),
  })
  .openapi("SignupResult");

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/signup`,
  operationId: "signup",
  tags: ["Accounts"],
  summary: "Create an account",
  description:
    "Sends the verification mail; its link leads to the app's own page. The password must keep the realm's policy, which " +
    "`security/password-policy` shows: each broken rule is in the details of the `VALIDATION_ERROR`.",
  request: jsonRequest(
    jsonObject({
      email: email(),
      password: password(),
      firstName: personName(),
      lastName: personName(),
    }).openapi("SignupRequest"),
    { email: examples.email, password: examples.password, firstName, lastName },
  ),
  responses: createdAnswers(
    {
      description: "The account exists.",
      schema: signupResultSchema,
      example: { user: { userId, email: examples.email, firstName, lastName }, emailVerificationRequired: true },
    },
    ["UNSUPPORTED_MEDIA_TYPE", "CONFLICT"],
  ),
});

export function createSignupOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { emailVerificationRequired, ...user } = await services.signup.signup({
          client: c.get("client"),
          ...c.req.valid("json"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(c, route, 201, { user, emailVerificationRequired });
      }),
  };
}
