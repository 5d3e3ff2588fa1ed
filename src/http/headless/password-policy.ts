import { createRoute, z } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import type { Operation } from "../operation.ts";
import type { HeadlessDeps } from "./deps.ts";
import { answers } from "./schemas.ts";

const count = (description: string) => z.int().min(0).openapi({ description });
const flag = (description: string) => z.boolean().openapi({ description });

const passwordPolicySchema = z
  .object({
    minLength: count("Characters."),
    maxLength: count("Characters."),
    minUppercase: count("Upper-case letters."),
    minLowercase: count("Lower-case letters."),
    minDigits: count("Digits."),
    minSpecial: count("Characters that are neither letters nor digits."),
    notEmail: flag("The e-mail address itself is refused."),
    notUsername: flag("The user name itself is refused."),
    history: count("How many former passwords are refused."),
    blocklist: flag("Known bad passwords are refused."),
    regex: z.string().optional().openapi({ description: "A pattern that passwords must match, in Java's notation." }),
  })
  .openapi("PasswordPolicy", { description: "Counts are 0 and flags false where the realm has no such rule." });

const route = createRoute({
  method: "get",
  path: `${headlessBasePath}/security/password-policy`,
  operationId: "passwordPolicy",
  tags: ["Passwords"],
  summary: "See which rules a password must keep",
  responses: answers(
    {
      description: "The realm's policy.",
      schema: passwordPolicySchema,
      example: {
        minLength: 8,
        maxLength: 128,
        minUppercase: 0,
        minLowercase: 0,
        minDigits: 0,
        minSpecial: 0,
        notEmail: true,
        notUsername: true,
        history: 0,
        blocklist: false,
      },
    },
    [],
  ),
});

export function createPasswordPolicyOperation({ services, respond }: HeadlessDeps): Operation {
  return {
    route,
    auth: "client",
    limitsCharged: "beforeHandler",
    mount: (app) =>
      app.openapi(route, async (c) => {
        const { notContainsUsername: _, ...policy } = await services.password.policy();
        return respond.send(c, route, 200, policy);
      }),
  };
}
