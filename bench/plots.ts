import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./results.ts";

const dir = join(import.meta.dirname, "..", "docs", "performance");

/** Draws bar charts of the figures into docs/performance, and gives the files' names. Charts without a figure are left out. */
export function writePlots(figures: readonly Figure[]): readonly string[] {
  mkdirSync(dir, { recursive: true });
  const charts = [
    {
      file: "cost.svg",
      title: "Processor time of an operation, µs (gateway and floor)",
      bars: figures.filter(({ unit, section }) => unit === "µs" && section.startsWith("Cost")),
    },
    {
      file: "latency.svg",
      title: "Latency that a login adds to its grant of 20 ms, ms",
      bars: figures.filter(({ unit, section }) => unit === "ms" && section.startsWith("Latency")),
    },
    {
      file: "ratios.svg",
      title: "Gateway / floor (or bare server)",
      bars: figures.filter(({ unit, name }) => unit === "×" && / \/ (floor|bare)$/.test(name)),
    },
  ];
  return charts
    .filter(({ bars }) => bars.length > 0)
    .map(({ file, title, bars }) => {
      writeFileSync(join(dir, file), chart(title, bars));
      return `docs/performance/${file}`;
    });
}

const rowHeight = 24;
const labelWidth = 570;
const barWidth = 360;
/** Whether a figure is the floor's own, and not a ratio to it. */
const isFloor = (name: string) => /(?<!\/) floor$/.test(name);
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Horizontal bars from zero to the median, each with a line from the lowest to the highest repeat. */
function chart(title: string, bars: readonly Figure[]): string {
  const most = Math.max(...bars.map(({ value }) => value.max));
  const x = (value: number) => (labelWidth + (Math.max(0, value) / most) * barWidth).toFixed(1);
  const rows = bars.flatMap(({ name, section, value }, index) => {
    const y = 48 + index * rowHeight;
    const rate = /(\d+) arrivals/.exec(section)?.[1];
    const label = rate === undefined ? name : `${name}, ${rate}/s`;
    const width = (Number(x(value.median)) - labelWidth).toFixed(1);
    return [
      `<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labelWidth}" y="${y + 3}" width="${width}" height="15" fill="${isFloor(name) ? "#9aa5b1" : "#3b6fd4"}"/>`,
      `<path d="M${x(value.min)} ${y + 10}H${x(value.max)}" stroke="#1a1a1a" stroke-width="1.5"/>`,
      `<text x="${labelWidth + barWidth + 8}" y="${y + 14}">${value.median.toFixed(value.median < 10 ? 2 : 0)}</text>`,
    ];
  });
  const height = 60 + bars.length * rowHeight;
  const total = labelWidth + barWidth + 70;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${height}" font-family="sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${total}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="28" font-size="16" font-weight="bold">${escaped(title)}</text>`,
    ...rows,
    "</svg>\n",
  ].join("\n");
}
