import { endpointsMarkdown } from "./markdown.ts";
import type { ApiModel } from "./model.ts";

/** The text of `docs/endpoints.md`. */
export function endpointsPage(model: ApiModel): string {
  return `<!-- Made from the route objects by "npm run docs": do not edit. -->

# Endpoints

${model.description}

A running gateway serves the same as a page at \`/docs\`, as an OpenAPI 3.1 document at \`/openapi.json\`, and for agents at
\`/llms.txt\`. [errors.md](errors.md) says what each error means and what to do.

${endpointsMarkdown(model)}`;
}
