import type { ApiModel, Field, OperationModel, Shape } from "./model.ts";

/** The endpoints as Markdown, from second-level headings on. */
export function endpointsMarkdown({ groups, headers, shapes }: ApiModel): string {
  return [
    "## Headers of every call",
    "",
    ...fieldLines(headers),
    "",
    ...groups.flatMap(({ name, description, operations }) => [
      `## ${name}`,
      "",
      description,
      "",
      ...operations.flatMap(operationLines),
    ]),
    "## Objects",
    "",
    "Objects that fields above refer to.",
    "",
    ...shapes.flatMap((shape) => [
      `### ${shape.name}`,
      "",
      ...paragraph(shape.description),
      ...fieldLines(shape.fields),
      "",
    ]),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function operationLines(operation: OperationModel): string[] {
  const { method, path, summary, description, authentication, parameters, body, answers, errors } = operation;
  return [
    `### ${method} ${path}`,
    "",
    `${summary}. ${description}`.trim(),
    "",
    `Authentication: ${authentication === "" ? "none." : authentication}`,
    "",
    ...(parameters.length === 0 ? [] : ["Parameters:", "", ...fieldLines(parameters), ""]),
    ...(body === undefined
      ? []
      : [
          `Request body:${body.fields.length === 0 ? " an empty object." : ""}`,
          "",
          ...fieldLines(body.fields),
          ...(body.fields.length === 0 ? [] : [""]),
          ...json(body.example),
        ]),
    ...answers.flatMap((answer) => [
      `Answer ${answer.status}: ${answer.description}`,
      "",
      ...answer.shapes.flatMap((shape) => answerLines(shape, answer.shapes.length > 1)),
      ...json(answer.example),
    ]),
    ...(errors.length === 0
      ? []
      : ["Errors:", "", ...errors.map(({ status, code, message }) => `- ${status} \`${code}\`: ${message}`), ""]),
  ];
}

function answerLines({ name, fields, example }: Shape, isOneOfMany: boolean): string[] {
  if (fields.length === 0) return [];
  if (!isOneOfMany) return [...fieldLines(fields), ""];
  return [`As ${name}:`, "", ...fieldLines(fields), "", ...json(example)];
}

function fieldLines(fields: readonly Field[]): string[] {
  return fields.map(({ name, type, required, limits, description }) => {
    const facts = [type, required ? "" : "optional", limits].filter((fact) => fact !== "").join(", ");
    return `- \`${name}\` (${facts})${description === "" ? "" : `: ${description}`}`;
  });
}

function json(value: unknown): string[] {
  return value === undefined ? [] : ["```json", JSON.stringify(value, undefined, 2), "```", ""];
}

function paragraph(text: string): string[] {
  return text === "" ? [] : [text, ""];
}
