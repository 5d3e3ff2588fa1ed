import type { ApiDocument } from "./document.ts";

/** A field of an object, or a parameter. */
export interface Field {
  readonly name: string;
  /** In words: `string`, `integer or null`, `array of Session`. */
  readonly type: string;
  readonly required: boolean;
  /** Limits, as in `1 to 254 characters`; empty without. */
  readonly limits: string;
  readonly description: string;
}

/** An object with a name. */
export interface Shape {
  readonly name: string;
  readonly description: string;
  readonly fields: readonly Field[];
  /** Absent where the answers that hold it show one. */
  readonly example?: unknown;
}

/** An error that an operation may answer. */
export interface ErrorAnswer {
  readonly status: string;
  readonly code: string;
  readonly message: string;
}

/** One operation, as the pages for readers show it. */
export interface OperationModel {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  /** In words; empty when nothing is needed. */
  readonly authentication: string;
  /** Of path and query. */
  readonly parameters: readonly Field[];
  /** Absent for operations without a body. */
  readonly body?: { readonly fields: readonly Field[]; readonly example: unknown };
  readonly answers: readonly {
    readonly status: string;
    readonly description: string;
    /** More than one where the answer is one of several objects. */
    readonly shapes: readonly Shape[];
    /** Absent where the shapes have their own, or the description says all. */
    readonly example?: unknown;
  }[];
  readonly errors: readonly ErrorAnswer[];
}

/** What the pages for readers are made of. */
export interface ApiModel {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  /** Headers that every call of the API may carry. */
  readonly headers: readonly Field[];
  readonly groups: readonly {
    readonly name: string;
    readonly description: string;
    readonly operations: readonly OperationModel[];
  }[];
  /** Objects that fields of answers refer to. */
  readonly shapes: readonly Shape[];
}

/** The parts of a JSON Schema that the API document uses. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly default?: unknown;
  readonly example?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
}

interface Media {
  readonly schema: Schema;
  readonly example?: unknown;
  /** Of errors only, by their codes. */
  readonly examples?: Readonly<Record<string, unknown>>;
}

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content: Readonly<Record<string, Media>> }>
  >;
}

const jsonType = "application/json";

/** Reads the document for its human and agent readers. */
export function readModel(document: ApiDocument): ApiModel {
  const schemas = (document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const errorExamples = (document.components?.examples ?? {}) as unknown as Readonly<
    Record<string, { summary: string }>
  >;
  const commonParameters = (document.components?.parameters ?? {}) as unknown as Readonly<Record<string, Parameter>>;
  const paths = (document.paths ?? {}) as unknown as Readonly<
    Record<string, Readonly<Record<string, DocumentedOperation>>>
  >;
  const referred = new Set<string>();

  function typeOf(schema: Schema): string {
    if (schema.$ref !== undefined) {
      const name = nameOf(schema.$ref);
      referred.add(name);
      return name;
    }
    const values = schema.const === undefined ? schema.enum : [schema.const];
    if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" or ");
    if (schema.items !== undefined) return `array of ${typeOf(schema.items)}`;
    const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
    return types.join(" or ");
  }

  function fieldOf(name: string, schema: Schema, required: boolean, description = schema.description ?? ""): Field {
    const standard = schema.default === undefined ? "" : `Default ${JSON.stringify(schema.default)}.`;
    return {
      name,
      type: typeOf(schema),
      required: required && standard === "",
      limits: limitsOf(schema),
      description: [description, standard].filter((part) => part !== "").join(" "),
    };
  }

  /** Of the fields of fields too, with dots: `user.email`. Objects with a name are only referred to. */
  function fieldsOf({ properties = {}, required = [] }: Schema, prefix = ""): Field[] {
    return Object.entries(properties).flatMap(([name, schema]) => [
      fieldOf(prefix + name, schema, required.includes(name)),
      ...fieldsOf(schema, `${prefix}${name}.`),
    ]);
  }

  function shapeOf(schema: Schema): Shape {
    const name = schema.$ref === undefined ? "" : nameOf(schema.$ref);
    const resolved = schemas[name] ?? schema;
    const { description = "", example } = resolved;
    return { name, description, fields: fieldsOf(resolved), ...(example === undefined ? {} : { example }) };
  }

  function bodyOf({ requestBody }: DocumentedOperation) {
    const media = requestBody?.content[jsonType];
    return media === undefined ? {} : { body: { fields: shapeOf(media.schema).fields, example: media.example } };
  }

  function operationOf(method: string, path: string, operation: DocumentedOperation): OperationModel {
    const responses = Object.entries(operation.responses).map(([status, { description, content }]) => ({
      status,
      description,
      media: content[jsonType] as Media,
    }));
    return {
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      summary: operation.summary,
      description: operation.description ?? "",
      authentication: authenticationOf(operation.security),
      parameters: (operation.parameters ?? [])
        .filter((parameter) => parameter.$ref === undefined)
        .map(({ name, schema, required, description }) => fieldOf(name, schema, required === true, description)),
      ...bodyOf(operation),
      answers: responses
        .filter(({ media }) => media.examples === undefined)
        .map(({ status, description, media }) => ({
          status,
          description,
          shapes: (media.schema.anyOf ?? [media.schema]).map(shapeOf),
          ...(media.example === undefined ? {} : { example: media.example }),
        })),
      errors: responses.flatMap(({ status, media }) =>
        Object.keys(media.examples ?? {}).map((code) => ({
          status,
          code,
          message: errorExamples[code]?.summary ?? "",
        })),
      ),
    };
  }

  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      tag: operation.tags[0],
      model: operationOf(method, path, operation),
    })),
  );
  const { info, tags = [] } = document;
  return {
    title: info.title,
    version: info.version,
    description: info.description ?? "",
    headers: Object.values(commonParameters).map(({ name, schema, description }) =>
      fieldOf(name, schema, false, description),
    ),
    groups: tags.map(({ name, description = "" }) => ({
      name,
      description,
      operations: operations.filter(({ tag }) => tag === name).map(({ model }) => model),
    })),
    shapes: [...referred].map((name) => shapeOf({ $ref: `#/components/schemas/${name}` })),
  };
}

function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

function limitsOf({ minLength, maxLength, format }: Schema): string {
  const parts: string[] = [];
  if (maxLength !== undefined)
    parts.push(`${minLength === undefined ? "at most" : `${minLength} to`} ${maxLength} characters`);
  if (format === "date-time") parts.push("ISO 8601, UTC");
  return parts.join(", ");
}

function authenticationOf(security: DocumentedOperation["security"]): string {
  if (security.length === 0) return "";
  return security.some((schemes) => "bearer" in schemes)
    ? "The user's access token: `Authorization: Bearer …`. The app client's headers are optional; when they are there, they must be right and belong to the app that the token was issued to."
    : "The app client: `x-client-id` and `x-client-secret`.";
}
