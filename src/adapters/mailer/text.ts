const maxLineLength = 76;
const maxNameLength = 60;

/** Controls, line separators, and the marks that turn the direction of the text around them. */
const unsafePattern = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** On one line, without anything that changes how the text around it is read. */
export function singleLine(value: string): string {
  return value.replace(unsafePattern, " ").trim();
}

/**
 * A name as a mail may show it. Users choose their names, and a mail goes to an address that its owner may not have given:
 * what reads like an address or an advertisement rather than a name is left out.
 */
export function presentableName(name: string): string | undefined {
  const line = singleLine(name);
  const plain = /^[\p{L}\p{M}](?:[\p{L}\p{M}\p{Zs}'\u2019.-]|\u200c|\u200d)*$/u.test(line) && !/\.\S/.test(line);
  return plain && line.length <= maxNameLength ? line : undefined;
}

const htmlEntities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Fit for text and for attributes in quotes. */
export function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => htmlEntities[character] ?? character);
}

/** `24 hours`, `30 minutes`, in whole units. */
export function spellDuration(minutes: number, language: string): string {
  const units = [
    { unit: "day", minutes: 24 * 60, from: 2 * 24 * 60 },
    { unit: "hour", minutes: 60, from: 60 },
  ];
  const whole = Math.max(1, Math.ceil(minutes));
  const fitting = units.find((one) => whole >= one.from && whole % one.minutes === 0);
  const format = { style: "unit", unit: fitting?.unit ?? "minute", unitDisplay: "long" } as const;
  return new Intl.NumberFormat(language, format).format(whole / (fitting?.minutes ?? 1));
}

/** Wraps lines that are too long at their spaces; a link stays whole. */
export function wrapLines(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      const lines: string[] = [];
      let current = "";
      for (const word of line.split(" ")) {
        if (current !== "" && current.length + 1 + word.length > maxLineLength) {
          lines.push(current);
          current = word;
        } else {
          current = current === "" ? word : `${current} ${word}`;
        }
      }
      return [...lines, current].join("\n");
    })
    .join("\n");
}
