import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath, type MfaChallenge } from "../../contract/headless.ts";
import type { LoginOutcome } from "../../domain/login/login-service.ts";
import type { Operation } from "../operation.ts";
import { email, password } from "../strings.ts";
import type { HeadlessDeps } from "./deps.ts";
import * as examples from "./examples.ts";
import { answers, jsonObject, jsonRequest, mfaMethod, tokenSetSchema, toTokenSet } from "./schemas.ts";

const mfaChallengeSchema = z
  .object({
    mfaRequired: z.literal(true),
    mfaToken: z.string().openapi({ description: "For `mfa/verify`." }),
    expiresIn: z.int().min(1).openapi({ description: "Seconds until the challenge ends." }),
    methods: z.array(mfaMethod()).min(1),
    user: z.object({ userId: z.string(), email: z.string(), firstName: z.string() }),
  })
  .openapi("MfaChallenge", {
    description: "What a user with a second factor gets instead of tokens.",
    example: examples.mfaChallenge,
  });

const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/login`,
  operationId: "login",
  tags: ["Login"],
  summary: "Log a user in with e-mail and password",
  description:
    "Answers with tokens or, for a user with a second factor, with a challenge to be completed with `mfa/verify`: " +
    "`mfaRequired` tells them apart. Until then no session exists. Too many wrong passwords lock the account, and then a " +
    "right one is refused too.",
  request: jsonRequest(jsonObject({ email: email(), password: password() }).openapi("LoginRequest"), {
    email: examples.email,
    password: examples.password,
  }),
  responses: answers(
    {
      description: "Tokens, or a challenge when the user has a second factor.",
      schema: z.union([tokenSetSchema, mfaChallengeSchema]),
    },
    [
      "UNSUPPORTED_MEDIA_TYPE",
      "INVALID_CREDENTIALS",
      "ACCOUNT_LOCKED",
      "EMAIL_NOT_VERIFIED",
      "APP_NOT_LICENSED",
      "ACTION_REQUIRED",
    ],
  ),
});

function toMfaChallenge(outcome: LoginOutcome & { kind: "mfaRequired" }): MfaChallenge {
  const { mfaToken, expiresInSeconds, methods, user } = outcome;
  return { mfaRequired: true, mfaToken, expiresIn: expiresInSeconds, methods: [...methods], user };
}

export function createLoginOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "inService",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const outcome = await services.login.login({
          client: c.get("client"),
          ...c.req.valid("json"),
          endUser: c.get("endUser"),
          limits: c.get("limits"),
          signal: c.req.raw.signal,
        });
        return respond.send(
          c,
          route,
          200,
          outcome.kind === "tokens" ? toTokenSet(outcome.tokens) : toMfaChallenge(outcome),
        );
      }),
  };
}
