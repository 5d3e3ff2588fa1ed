import { createRoute, z } from "@hono/zod-openapi";
import { markOperation } from "../middleware/mark-operation.ts";
import type { GatewayApp, OperationRoute } from "../operation.ts";
import type { ApiDocument } from "./document.ts";
import { llmsText } from "./llms-text.ts";
import { readModel } from "./model.ts";
import { referencePage } from "./page.ts";
import { stylesheet } from "./stylesheet.ts";

/** A text that is made once, when it is asked for: most gateways never are, and it would take memory and time at each start. */
interface StaticText {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly type: string;
  readonly text: () => string;
}

/** Makes a value at its first use. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The page has no script. Its style sheet is the gateway's own, and the policy lets nothing else in. */
const pagePolicy =
  "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds the API document, the reference page, its style sheet and `/llms.txt`, and returns their routes. */
export function registerDocuments(app: GatewayApp, makeDocument: () => ApiDocument): readonly OperationRoute[] {
  const document = once(makeDocument);
  const model = once(() => readModel(document()));
  const texts: readonly StaticText[] = [
    {
      path: "/openapi.json",
      operationId: "openapi",
      summary: "This API as an OpenAPI 3.1 document",
      type: "application/json",
      text: once(() => JSON.stringify(document())),
    },
    {
      path: "/docs",
      operationId: "docs",
      summary: "This API as a page to read",
      type: "text/html; charset=utf-8",
      text: once(() => referencePage(model())),
    },
    {
      path: "/docs/style.css",
      operationId: "docsStyle",
      summary: "The style sheet of the page",
      type: "text/css; charset=utf-8",
      text: () => stylesheet,
    },
    {
      path: "/llms.txt",
      operationId: "llms",
      summary: "This API as plain text, for agents",
      type: "text/plain; charset=utf-8",
      text: once(() => llmsText(model())),
    },
  ];

  return texts.map(({ path, operationId, summary, type, text }) => {
    const route = createRoute({
      method: "get",
      path,
      operationId,
      summary,
      responses: { 200: { description: summary, content: { [type]: { schema: z.string() } } } },
    });
    app.on([route.method], [path], markOperation(route), (c) => {
      const policy = type.startsWith("text/html") ? { "Content-Security-Policy": pagePolicy } : {};
      return c.body(text(), 200, { ...c.get("headers"), "Content-Type": type, ...policy });
    });
    return route;
  });
}
