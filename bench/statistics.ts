/** A figure with its spread over repeats. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The value below which a share of the values lies. @throws RangeError without values */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("There are no values");
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const [below, above] = [Math.floor(position), Math.ceil(position)];
  const low = sorted[below] as number;
  return low + ((sorted[above] as number) - low) * (position - below);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The median of repeats, and how far they lie apart. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Divides pair by pair, so that a machine whose speed drifts does not matter. */
export function ratios(above: readonly number[], below: readonly number[]): Spread {
  return spreadOf(above.map((value, index) => value / (below[index] as number)));
}
