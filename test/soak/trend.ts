/** What became of a quantity over a run. */
export interface Trend {
  /** Median of the first third. */
  readonly before: number;
  /** Median of the last third. */
  readonly after: number;
  /** Whether it has grown by more than the allowance. */
  readonly grows: boolean;
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/**
 * Compares the medians of the last and the first third, so that single peaks do not matter.
 *
 * @param allowance by what share of the first third, or by how much, it may have grown: the larger one counts
 * @throws RangeError with fewer than nine values, which would show nothing
 */
export function trendOf(
  values: readonly number[],
  allowance: { readonly share: number; readonly absolute: number },
): Trend {
  if (values.length < 9) throw new RangeError("A trend needs nine samples or more");
  const third = Math.floor(values.length / 3);
  const before = median(values.slice(0, third));
  const after = median(values.slice(-third));
  return { before, after, grows: after - before > Math.max(before * allowance.share, allowance.absolute) };
}
