import { type RouteConfig, type RouteConfigToTypedResponse, z } from "@hono/zod-openapi";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Logger } from "../observability/log.ts";
import type { GatewayContext } from "./env.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";

/** What happens to an answer that holds more than its route declares: refused, or sent without the surplus and logged. */
export type ResponseGuardMode = "strict" | "strip";

/** An answer that its route does not declare. Names fields and statuses, never values. */
export class UndeclaredResponse extends Error {
  override readonly name = "UndeclaredResponse";
}

/** An error as a front sends it. */
export interface RenderedError {
  readonly status: ContentfulStatusCode;
  readonly body: object;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body. */
  readonly schema: z.ZodType;
}

/** The body that a route declares for a status. */
export type BodyOf<R extends RouteConfig, S> = S extends keyof R["responses"]
  ? R["responses"][S] extends { content: { "application/json": { schema: infer Schema extends z.ZodType } } }
    ? z.input<Schema>
    : never
  : never;

export interface Responder {
  /**
   * Answers with a body that the route declares for the status.
   *
   * @throws UndeclaredResponse when it does not match; in strict mode also when it holds an undeclared field
   */
  send<R extends RouteConfig, S extends keyof R["responses"] & ContentfulStatusCode>(
    c: GatewayContext,
    route: R,
    status: S,
    body: BodyOf<R, S>,
  ): RouteConfigToTypedResponse<R>;
  /**
   * Answers with an error.
   *
   * @throws UndeclaredResponse in strict mode when the route does not declare it, in both when it breaks the error's schema
   */
  sendError(c: GatewayContext, error: RenderedError): Response;
}

/** Creates the only place where responses with a body are made: each is parsed with its declared schema first. */
export function createResponder({ mode, log }: { readonly mode: ResponseGuardMode; readonly log: Logger }): Responder {
  function tell(c: GatewayContext, problem: string): void {
    const operation = c.get("operation")?.operationId;
    const error = new UndeclaredResponse(operation === undefined ? problem : `${operation}: ${problem}`);
    if (mode === "strict") throw error;
    log.error({ requestId: c.get("requestId"), err: error }, "undeclared response");
  }

  function guard(c: GatewayContext, schema: z.ZodType, body: unknown): object {
    const parsed = schema.safeParse(body);
    if (!parsed.success) {
      const paths = parsed.error.issues.map(({ path }) => path.join(".") || "(body)").join(", ");
      throw new UndeclaredResponse(`the answer breaks its schema at ${paths}`);
    }
    const surplus = undeclaredFields(body, parsed.data);
    if (surplus.length > 0) tell(c, `the answer holds undeclared fields: ${surplus.join(", ")}`);
    return parsed.data as object;
  }

  function json(
    c: GatewayContext,
    status: ContentfulStatusCode,
    body: object,
    headers?: Readonly<Record<string, string>>,
  ) {
    return new Response(JSON.stringify(body), {
      status,
      headers: {
        ...c.get("headers"),
        "Content-Type": "application/json",
        ...rateLimitHeaders(c.get("limits")?.states ?? []),
        ...headers,
      },
    });
  }

  return {
    send(c, route, status, body) {
      const schema = schemaOf(route, status);
      if (schema === undefined) throw new UndeclaredResponse(`status ${status} is not declared`);
      return json(c, status, guard(c, schema, body)) as never;
    },
    sendError(c, { status, body, headers, schema }) {
      const operation = c.get("operation");
      // Every operation can fail: only what a caller may react to has to be declared.
      const mayBeSent = operation === undefined || status === 500;
      const declared = mayBeSent || schemaOf(operation, status)?.safeParse(body).success === true;
      const checked = guard(c, schema, body);
      if (!declared) tell(c, `this error of status ${status} is not declared`);
      return json(c, status, checked, headers);
    },
  };
}

function schemaOf(route: RouteConfig, status: number): z.ZodType | undefined {
  const response = route.responses[status];
  const media = response !== undefined && "content" in response ? response.content?.["application/json"] : undefined;
  return media !== undefined && "schema" in media && media.schema instanceof z.ZodType ? media.schema : undefined;
}

/** Paths of what the schema has left out of the answer. */
function undeclaredFields(given: unknown, parsed: unknown): readonly string[] {
  const paths: string[] = [];
  collectUndeclared(given, parsed, "", paths);
  return paths;
}

function collectUndeclared(given: unknown, parsed: unknown, prefix: string, paths: string[]): void {
  if (typeof given !== "object" || given === null || typeof parsed !== "object" || parsed === null) return;
  for (const key of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[key];
    if (value === undefined) continue;
    if (!Object.hasOwn(parsed, key)) paths.push(prefix + key);
    else if (typeof value === "object") {
      collectUndeclared(value, (parsed as Record<string, unknown>)[key], `${prefix}${key}.`, paths);
    }
  }
}
