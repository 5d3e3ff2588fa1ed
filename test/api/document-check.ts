import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** The served API document, as far as the tests read it. */
export interface ServedDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

export interface DocumentCheck {
  /** What is wrong with a JSON body by the schema at a place of the document; empty when nothing is. */
  problems(pointer: readonly string[], body: unknown): string[];
  /** What is undocumented about an answer; empty for framework paths, which no operation documents. */
  answerProblems(answered: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly body: unknown;
  }): string[];
}

/** Checks JSON against the schemas of the document, read as what OpenAPI 3.1 says they are: JSON Schema 2020-12. */
export function createDocumentCheck(document: ServedDocument): DocumentCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  formats.default(ajv);
  ajv.addSchema({ ...document, $id: "gateway:api" });
  const templates = Object.keys(document.paths).map((template) => ({
    template,
    pattern: new RegExp(`^${template.replace(/\{[^}]+\}/g, "[^/]+")}$`),
  }));

  function problems(pointer: readonly string[], body: unknown): string[] {
    const escaped = pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).map(encodeURIComponent);
    const validate = ajv.getSchema(`gateway:api#/${escaped.join("/")}`);
    if (validate === undefined) return [`the document has nothing at ${pointer.join(" / ")}`];
    if (validate(body) === true) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "(body)"} ${message}`);
  }

  return {
    problems,
    answerProblems({ method, path, status, body }) {
      const pathname = path.replace(/\?.*/, "");
      const template = templates.find(({ pattern }) => pattern.test(pathname))?.template;
      const verb = method.toLowerCase();
      const operation = template === undefined ? undefined : document.paths[template]?.[verb];
      if (template === undefined || operation === undefined) return [];
      if (operation.responses[status] === undefined) return [`${operation.operationId} documents no status ${status}`];
      return problems(
        ["paths", template, verb, "responses", String(status), "content", "application/json", "schema"],
        body,
      ).map((problem) => `${operation.operationId} ${status}: ${problem}`);
    },
  };
}
