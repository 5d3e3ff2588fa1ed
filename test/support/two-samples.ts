/** How two samples of numbers differ. */
export interface Comparison {
  /**
   * The probability that a number of the second sample is greater than one of the first, a tie counting half: the area under
   * the ROC curve of telling them by the size of the numbers. 0.5 tells nothing, 0 and 1 tell everything.
   */
  readonly auc: number;
  /** The largest difference between the shares of the samples below a threshold: what the best threshold gains over guessing. */
  readonly gain: number;
  /** Two-sided p-values of `auc` being 0.5 and of `gain` being 0, approximations for 20 numbers a sample or more. */
  readonly aucP: number;
  readonly gainP: number;
}

/** The quantile `q`, from 0 to 1, of a sample. */
export function quantile(sample: readonly number[], q: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError("A sample without numbers has no quantiles.");
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Compares two samples by the ranks of their numbers and by their distribution functions.
 *
 * @see Mann and Whitney, On a test of whether one of two random variables is stochastically larger than the other (1947);
 *   Smirnov, Table for estimating the goodness of fit of empirical distributions (1948)
 */
export function compareSamples(first: readonly number[], second: readonly number[]): Comparison {
  const [m, n] = [first.length, second.length];
  if (m === 0 || n === 0) throw new RangeError("A sample without numbers cannot be compared.");
  const all = m + n;
  const pooled = [
    ...first.map((value) => ({ value, ofSecond: 0 })),
    ...second.map((value) => ({ value, ofSecond: 1 })),
  ];
  let below = 0;
  let belowOfSecond = 0;
  let rankSum = 0;
  let ties = 0;
  let gain = 0;
  for (const [, equal] of [...Map.groupBy(pooled, ({ value }) => value)].sort(([a], [b]) => a - b)) {
    const count = equal.length;
    const ofSecond = equal.filter((number) => number.ofSecond === 1).length;
    rankSum += ofSecond * (below + (count + 1) / 2);
    ties += count ** 3 - count;
    below += count;
    belowOfSecond += ofSecond;
    gain = Math.max(gain, Math.abs(belowOfSecond / n - (below - belowOfSecond) / m));
  }
  const auc = (rankSum - (n * (n + 1)) / 2) / (m * n);
  const variance = (all + 1 - ties / (all * (all - 1))) / (12 * m * n);
  return {
    auc,
    gain,
    aucP: variance > 0 ? normalP((auc - 0.5) / Math.sqrt(variance)) : 1,
    gainP: smirnovP(gain, (m * n) / all),
  };
}

/** The chance of a standard normal number at least as far from 0. @see Abramowitz and Stegun, 7.1.26 */
function normalP(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  return coefficients.reduce((sum, coefficient) => sum * t + coefficient, 0) * t * Math.exp(-x * x);
}

/** The chance of such a gain between samples of one distribution. @see Numerical Recipes, 14.3.3 */
function smirnovP(gain: number, size: number): number {
  const x = (Math.sqrt(size) + 0.12 + 0.11 / Math.sqrt(size)) * gain;
  // The series does not converge near 0, where the chance is 1.
  if (x < 0.2) return 1;
  const terms = Array.from({ length: 100 }, (_, index) => (-1) ** index * Math.exp(-2 * (index + 1) ** 2 * x * x));
  return Math.min(1, Math.max(0, 2 * terms.reduce((sum, term) => sum + term, 0)));
}

/** Differences up to these are of no use to somebody who has a handful of attempts at an account. */
const harmless = { auc: 0.1, gain: 0.2 };

/** The chance of a false alarm in all comparisons of a measurement together. */
const falseAlarms = 0.001;

/**
 * Whether a comparison, one of so many, shows a difference: one that is large enough to be of use, and that chance does not
 * explain. Size alone would fail on small samples, chance alone on large ones.
 */
export function tells({ auc, gain, aucP, gainP }: Comparison, comparisons: number): boolean {
  const improbable = falseAlarms / (2 * comparisons);
  return (Math.abs(auc - 0.5) > harmless.auc && aucP < improbable) || (gain > harmless.gain && gainP < improbable);
}
