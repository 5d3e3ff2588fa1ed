import { html, raw } from "hono/html";
import type { ApiModel, Field, OperationModel, Shape } from "./model.ts";

type Html = ReturnType<typeof html>;

/** The API as one page, without a script: it shows the same with any policy, in any browser, and offline. */
export function referencePage(model: ApiModel): string {
  const { title, version, description, headers, groups, shapes } = model;
  const shapeNames = new Set(shapes.map(({ name }) => name));
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} ${version}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<nav aria-label="Endpoints">
<p class="brand"><a href="#top">${title}</a> <small>${version}</small></p>
${groups.map(
  (group) => html`<h2>${group.name}</h2>
<ul>${group.operations.map(
    ({ id, method, path }) =>
      html`<li><a href="#${id}"><span class="method ${method.toLowerCase()}">${method}</span> ${shortPath(path)}</a></li>`,
  )}</ul>`,
)}
<h2>Reference</h2>
<ul><li><a href="#headers">Headers</a></li><li><a href="#objects">Objects</a></li></ul>
</nav>
<main id="top">
<h1>${title} <small>${version}</small></h1>
${prose(description)}
<p>The same for machines: <a href="/openapi.json">OpenAPI 3.1</a>, and for agents: <a href="/llms.txt">llms.txt</a>.</p>
${groups.map(
  (group) => html`<section class="group"><h2>${group.name}</h2>
${prose(group.description)}
${group.operations.map((operation) => operationSection(operation, shapeNames))}</section>`,
)}
<section class="group" id="headers"><h2>Headers of every call</h2>
${fieldTable(headers, shapeNames)}</section>
<section class="group" id="objects"><h2>Objects</h2>
${shapes.map(
  (shape) => html`<article id="${shape.name}"><h3>${shape.name}</h3>
${prose(shape.description)}
${fieldTable(shape.fields, shapeNames)}</article>`,
)}</section>
</main>
</body>
</html>
`);
}

function operationSection(operation: OperationModel, shapeNames: ReadonlySet<string>): Html {
  const { id, method, path, summary, description, authentication, parameters, body, answers, errors } = operation;
  return html`<article id="${id}">
<h3>${summary}</h3>
<p class="endpoint"><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code></p>
${prose(description)}
<p><strong>Authentication:</strong> ${inline(authentication === "" ? "none." : authentication)}</p>
${parameters.length === 0 ? "" : html`<h4>Parameters</h4>${fieldTable(parameters, shapeNames)}`}
${body === undefined ? "" : html`<h4>Request body</h4>${fieldTable(body.fields, shapeNames)}${example(body.example)}`}
${answers.map(
  (answer) => html`<h4>Answer ${answer.status}</h4>
<p>${inline(answer.description)}</p>
${answer.shapes.map((shape) => answerShape(shape, answer.shapes.length > 1, shapeNames))}${example(answer.example)}`,
)}
${
  errors.length === 0
    ? ""
    : html`<h4>Errors</h4><table><thead><tr><th>Status</th><th>Code</th><th>Message</th></tr></thead><tbody>${errors.map(
        ({ status, code, message }) =>
          html`<tr><td>${status}</td><td><code>${code}</code></td><td>${message}</td></tr>`,
      )}</tbody></table>`
}
</article>`;
}

function answerShape(
  { name, fields, example: own }: Shape,
  isOneOfMany: boolean,
  shapeNames: ReadonlySet<string>,
): Html | "" {
  if (fields.length === 0) return "";
  const table = fieldTable(fields, shapeNames);
  return isOneOfMany ? html`<p>As <strong>${name}</strong>:</p>${table}${example(own)}` : html`${table}`;
}

function fieldTable(fields: readonly Field[], shapeNames: ReadonlySet<string>): Html | "" {
  if (fields.length === 0) return "";
  return html`<table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead><tbody>${fields.map(
    ({ name, type, required, limits, description }) =>
      html`<tr><td><code>${name}</code>${required ? "" : html` <small>optional</small>`}</td><td>${typeText(type, shapeNames)}${
        limits === "" ? "" : html`<br><small>${limits}</small>`
      }</td><td>${inline(description)}</td></tr>`,
  )}</tbody></table>`;
}

/** The type, with a link where it names an object of the page. */
function typeText(type: string, shapeNames: ReadonlySet<string>): Html {
  const name = type.slice(type.lastIndexOf(" ") + 1);
  if (!shapeNames.has(name)) return html`${type}`;
  return html`${type.slice(0, type.length - name.length)}<a href="#${name}">${name}</a>`;
}

function example(value: unknown): Html | "" {
  if (value === undefined) return "";
  return html`<pre tabindex="0"><code>${JSON.stringify(value, undefined, 2)}</code></pre>`;
}

function prose(text: string): Html | "" {
  if (text === "") return "";
  return html`${text.split("\n\n").map((paragraph) => html`<p>${inline(paragraph)}</p>`)}`;
}

/** Text with `code` in it. */
function inline(text: string): Html {
  const parts = text.split("`");
  return html`${parts.map((part, index) => (index % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`;
}

/** The path below the API's base, with chances to break it. */
function shortPath(path: string): Html {
  const short = path.replace(/^\/api\/v1\/auth\/headless/, "");
  return html`${short
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => html`${raw("<wbr>")}/${segment}`)}`;
}
