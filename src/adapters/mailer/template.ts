/** What a template is filled with. Absent and empty values leave their sections out. */
export type TemplateValues = Readonly<Record<string, string | undefined>>;

/** Fills a template. */
export type Template = (values: TemplateValues) => string;

/** What a template may name. */
export interface TemplateNames {
  /** Placeholders that always have a value. */
  readonly always: readonly string[];
  /** Placeholders that may have none; allowed inside their own section only. */
  readonly sometimes: readonly string[];
  /** Of `always`: those without which the template would be of no use. */
  readonly needed?: readonly string[];
}

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly name: string }
  | { readonly kind: "section"; readonly name: string; readonly parts: Part[] };

const tagPattern = /\{\{([#/]?)([A-Za-z]+)\}\}/g;

/**
 * Reads a template: text with `{{name}}` and sections `{{#name}}…{{/name}}`, which are left out when the name has no value.
 *
 * @param encode makes a value fit for its place, such as HTML
 * @throws TypeError that says what is wrong with it
 */
export function parseTemplate(source: string, names: TemplateNames, encode: (value: string) => string): Template {
  const parts = parseParts(source, names);
  for (const name of names.needed ?? []) {
    if (!parts.some((part) => part.kind === "value" && part.name === name))
      throw new TypeError(`{{${name}}} is missing`);
  }
  const fill = (some: readonly Part[], values: TemplateValues): string =>
    some
      .map((part) => {
        if (part.kind === "text") return part.text;
        const value = values[part.name] ?? "";
        if (part.kind === "value") return encode(value);
        return value === "" ? "" : fill(part.parts, values);
      })
      .join("");
  return (values) => fill(parts, values);
}

function parseParts(source: string, { always, sometimes }: TemplateNames): Part[] {
  const root: Part[] = [];
  let parts = root;
  let open: string | undefined;
  let end = 0;

  function addText(text: string): void {
    if (/\{\{|\}\}/.test(text)) throw new TypeError("{{ and }} may stand around a name only");
    if (text !== "") parts.push({ kind: "text", text });
  }

  for (const match of source.matchAll(tagPattern)) {
    const [tag, mark = "", name = ""] = match;
    addText(source.slice(end, match.index));
    end = match.index + tag.length;
    if (!always.includes(name) && !sometimes.includes(name)) throw new TypeError(`${tag} is not known here`);
    if (mark === "#") {
      if (open !== undefined) throw new TypeError(`${tag} stands inside another section`);
      const section: Part = { kind: "section", name, parts: [] };
      parts.push(section);
      parts = section.parts;
      open = name;
    } else if (mark === "/") {
      if (open !== name) throw new TypeError(`${tag} ends no section`);
      parts = root;
      open = undefined;
    } else {
      if (sometimes.includes(name) && open !== name)
        throw new TypeError(`${tag} must stand inside its section {{#${name}}}`);
      parts.push({ kind: "value", name });
    }
  }
  addText(source.slice(end));
  if (open !== undefined) throw new TypeError(`{{#${open}}} has no end`);
  return root;
}
