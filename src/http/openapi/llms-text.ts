import { endpointsMarkdown } from "./markdown.ts";
import type { ApiModel } from "./model.ts";

/**
 * The API for agents: everything that is needed to call it, in one text.
 *
 * @see https://llmstxt.org
 */
export function llmsText(model: ApiModel): string {
  return `# ${model.title} ${model.version}

> Log users of a Keycloak realm in from a server, with plain JSON calls and without redirects: passwords, second factor, refresh, sessions, e-mail verification, password reset, lockouts.

${model.description}

## How to call it

- Base URL: where this file was served from. The same as a machine-readable document: /openapi.json
- Call it from a server only: the app client's secret must never reach a browser or a phone.
- Send bodies as \`Content-Type: application/json\` in UTF-8, at most 16 KiB. Unknown fields are ignored.
- Send \`x-end-user-ip\` and \`x-end-user-agent\` of the user on whose behalf you call: rate limits count by that address.

\`\`\`sh
curl -s "$BASE_URL/api/v1/auth/headless/login" \\
  -H "content-type: application/json" \\
  -H "x-client-id: $CLIENT_ID" -H "x-client-secret: $CLIENT_SECRET" \\
  -d '{"email":"jane@example.com","password":"correct horse battery staple"}'
\`\`\`

- A login answers 200 with either tokens or \`{"mfaRequired": true, "mfaToken": …}\`. Complete the latter with mfa/verify.
- Access tokens live about 15 minutes. On \`INVALID_TOKEN\`, call refresh and repeat once. Keep the new refresh token.

## Errors

Every error body is \`{"code", "message", "requestId", "details"?}\`. Branch on \`code\`, never on \`message\`. \`details\` is a list of
\`{"path", "message"}\` for \`VALIDATION_ERROR\`, \`{"retryAfterSeconds"}\` (equal to the \`Retry-After\` header) for \`RATE_LIMITED\` and
\`ACCOUNT_LOCKED\`, \`{"requiredActions"}\` for \`ACTION_REQUIRED\`. An \`INTERNAL_ERROR\` may be retried when it has \`Retry-After\`.

${endpointsMarkdown(model)}`;
}
