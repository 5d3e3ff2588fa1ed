import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { headlessBasePath } from "../../contract/headless.ts";
import { limits } from "../../contract/limits.ts";
import { errorExamples } from "../headless/errors.ts";
import type { Operation, OperationRoute } from "../operation.ts";

/** An OpenAPI 3.1 document. */
export type ApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

const description = `Logs users of a Keycloak realm in with one JSON call, second factor included, without redirects.

The caller is an app's server. It authenticates with \`x-client-id\` and \`x-client-secret\`; calls about the user's own second
factor carry the user's access token as well. Bodies are JSON objects, times are ISO 8601 in UTC with milliseconds. Every error
has one shape: branch on its \`code\`.`;

const tags = [
  { name: "Login", description: "Log in, keep the session, log out." },
  { name: "Accounts", description: "Sign up and verify the e-mail address." },
  { name: "Passwords", description: "The policy, and a new password for those who have forgotten theirs." },
  { name: "Second factor", description: "What a user with an access token can do about the own second factor." },
  { name: "Sessions", description: "See and end a user's sessions." },
  { name: "Security", description: "Lockouts." },
  { name: "Health", description: "For load balancers and orchestrators. No credentials needed." },
];

const securitySchemes = {
  clientId: { type: "apiKey", in: "header", name: "x-client-id", description: "The app client's id, `cca_…`." },
  clientSecret: { type: "apiKey", in: "header", name: "x-client-secret", description: "Its secret, `ccas_…`." },
  bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The user's access token." },
} as const;

const client = { clientId: [], clientSecret: [] };
const securityOf: Record<Operation["auth"], Record<string, string[]>[]> = {
  client: [client],
  bearer: [{ bearer: [] }, { bearer: [], ...client }],
};

const parameters = {
  EndUserIp: {
    name: "x-end-user-ip",
    in: "header" as const,
    description:
      "The address of the end user on whose behalf the app calls: one IPv4 or IPv6 address. Believed only with client headers; without it the peer's address counts.",
    schema: { type: "string" as const, anyOf: [{ format: "ipv4" }, { format: "ipv6" }] },
    example: "203.0.113.9",
  },
  EndUserAgent: {
    name: "x-end-user-agent",
    in: "header" as const,
    description: "The end user's browser, for the session list.",
    schema: { type: "string" as const, maxLength: limits.userAgentMaxLength },
    example: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
  },
  RequestId: {
    name: "x-request-id",
    in: "header" as const,
    description: "Names the request in answers and logs. One that does not match `[A-Za-z0-9._-]{1,64}` is replaced.",
    schema: { type: "string" as const },
    example: "checkout-4711",
  },
};

const headers = {
  RequestId: { description: "Names the request.", schema: { type: "string" as const } },
  RetryAfter: { description: "Whole seconds.", schema: { type: "integer" as const, minimum: 1 } },
  RateLimit: {
    description: "What is left of the app client's and the address's limit.",
    schema: { type: "string" as const },
    example: '"client";r=5999;t=1, "address";r=599;t=1',
  },
  RateLimitPolicy: {
    description: "The app client's and the address's limit.",
    schema: { type: "string" as const },
    example: '"client";q=6000;w=60, "address";q=600;w=60',
  },
  WwwAuthenticate: {
    description: "There when the access token is refused.",
    schema: { type: "string" as const },
    example: 'Bearer realm="headless", error="invalid_token"',
  },
};

const refTo = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });

/** Statuses whose answers can carry `Retry-After`. */
const retryable = new Set(["423", "429", "500"]);

function headersOf(auth: Operation["auth"], status: string) {
  return {
    "X-Request-Id": refTo("headers", "RequestId"),
    RateLimit: refTo("headers", "RateLimit"),
    "RateLimit-Policy": refTo("headers", "RateLimitPolicy"),
    ...(retryable.has(status) ? { "Retry-After": refTo("headers", "RetryAfter") } : {}),
    ...(auth === "bearer" && status === "401" ? { "WWW-Authenticate": refTo("headers", "WwwAuthenticate") } : {}),
  };
}

/** The route with what all operations have in common, which the middleware does and no route says. */
function documented({ route, auth }: Operation): RouteConfig {
  return {
    ...route,
    security: securityOf[auth],
    parameters: Object.keys(parameters).map((name) => refTo("parameters", name)),
    responses: Object.fromEntries(
      Object.entries(route.responses).map(([status, response]) => [
        status,
        { ...response, headers: headersOf(auth, status) },
      ]),
    ),
  };
}

/** Every error code that an operation declares; those of framework paths belong to none. */
function declaredErrors(operations: readonly Operation[]): ReadonlySet<string> {
  const answers = operations.flatMap(({ route }) => Object.values(route.responses));
  const media = answers.flatMap((answer) => ("content" in answer ? Object.values(answer.content ?? {}) : []));
  return new Set(
    media.flatMap((type) => (type !== undefined && "examples" in type ? Object.keys(type.examples ?? {}) : [])),
  );
}

/** Describes the operations from the very objects that they are registered and their answers are checked with. */
export function createApiDocument(operations: readonly Operation[], health: readonly OperationRoute[]): ApiDocument {
  const app = new OpenAPIHono();
  const { openAPIRegistry: registry } = app;
  for (const [name, scheme] of Object.entries(securitySchemes)) {
    registry.registerComponent("securitySchemes", name, scheme);
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    registry.registerComponent("parameters", name, parameter);
  }
  for (const [name, header] of Object.entries(headers)) registry.registerComponent("headers", name, header);
  const declared = declaredErrors(operations);
  for (const [code, example] of Object.entries(errorExamples())) {
    if (declared.has(code)) registry.registerComponent("examples", code, example);
  }
  for (const operation of operations) registry.registerPath(documented(operation));
  for (const route of health) registry.registerPath({ ...route, tags: ["Health"], security: [] });

  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Headgate headless API",
      version: headlessBasePath.split("/")[2] ?? "",
      description,
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/", description: "The gateway that serves this document." }],
    tags,
  });
}
