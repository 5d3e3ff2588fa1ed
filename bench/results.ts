import type { Spread } from "./statistics.ts";

/** What a figure should be. */
export type Goal =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  /** Of every repeat. */
  | { readonly exactly: number };

/** One line of the table. */
export interface Figure {
  readonly section: string;
  readonly name: string;
  /** `×` for a ratio, else a unit. */
  readonly unit: string;
  readonly value: Spread;
  readonly goal?: Goal;
  /** What the same run shows of why the goal is out of reach, for whom it is missed. */
  readonly why?: string;
}

export interface Results {
  add(figure: Figure): void;
  readonly figures: readonly Figure[];
}

export function createResults(say: (line: string) => void): Results {
  const figures: Figure[] = [];
  return {
    figures,
    add(figure) {
      if (figures.at(-1)?.section !== figure.section) say(`\n${figure.section}`);
      figures.push(figure);
      say(lineOf(figure));
    },
  };
}

/** Whether a figure's median keeps its goal; undefined without one. */
export function isMet({ goal, value }: Figure): boolean | undefined {
  if (goal === undefined) return undefined;
  if ("atMost" in goal) return value.median <= goal.atMost;
  if ("atLeast" in goal) return value.median >= goal.atLeast;
  return value.min === goal.exactly && value.max === goal.exactly;
}

function textOf(goal: Goal): string {
  if ("atMost" in goal) return `≤ ${goal.atMost}`;
  if ("atLeast" in goal) return `≥ ${goal.atLeast}`;
  return `= ${goal.exactly}`;
}

export const digits = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

/** A figure in words: median, then the span over repeats. */
export function lineOf(figure: Figure): string {
  const { name, unit, value, goal } = figure;
  const span = value.min === value.max ? "" : `(${digits(value.min)} to ${digits(value.max)})`;
  const verdict = goal === undefined ? "" : `goal ${textOf(goal)}: ${isMet(figure) ? "met" : "MISSED"}`;
  return `  ${name.padEnd(66)} ${`${digits(value.median)} ${unit}`.padStart(12)}  ${span.padEnd(20)} ${verdict}`.trimEnd();
}

/** The figures as one JSON document; `met` is null where there is no goal. */
export function toJson(figures: readonly Figure[]): string {
  return JSON.stringify(
    figures.map((figure) => ({ ...figure, met: isMet(figure) ?? null })),
    null,
    2,
  );
}
