import { compareSamples, quantile, tells } from "./two-samples.ts";

/** Takes one sample; the number counts those of its class. */
export type TakeSample<T> = (index: number) => Promise<T>;

/**
 * Takes samples of several classes in rounds of one each, every round in another random order, so that whatever else goes on
 * at the time falls on all classes alike. With several callers, each takes the next sample when its last one is done.
 */
export async function interleaved<Name extends string, T>(
  classes: Readonly<Record<Name, TakeSample<T>>>,
  { rounds, callers = 1 }: { readonly rounds: number; readonly callers?: number },
): Promise<Record<Name, readonly T[]>> {
  const names = Object.keys(classes) as Name[];
  const order = Array.from({ length: rounds }, (_, round) => shuffled(names).map((name) => ({ name, round }))).flat();
  const samples = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  const next = order.values();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const { name, round } of next) samples[name].push(await classes[name](round));
    }),
  );
  return samples;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** What samples of several classes tell. */
export interface Verdict {
  /** A line of figures a class: quartiles, and the comparison with the first class. */
  readonly figures: readonly string[];
  /** The pairs of classes that can be told apart. */
  readonly told: readonly string[];
}

/** Compares every class with every other one. */
export function compareClasses(samples: Readonly<Record<string, readonly number[]>>): Verdict {
  const entries = Object.entries(samples);
  const width = Math.max(...entries.map(([name]) => name.length));
  const pairs = entries.flatMap(([name, sample], index) =>
    entries.slice(index + 1).map(([other, others]) => ({ pair: `${name} / ${other}`, sample, others })),
  );
  const told = pairs.flatMap(({ pair, sample, others }) => {
    const comparison = compareSamples(sample, others);
    return tells(comparison, pairs.length) ? [`${pair}: AUC ${comparison.auc.toFixed(2)}`] : [];
  });
  const figures = entries.map(([name, sample], index) => {
    const [low, median, high, most] = [0.25, 0.5, 0.75, 0.99].map((q) => quantile(sample, q).toFixed(1));
    const line = `${name.padEnd(width)}  n=${sample.length}  ${low} / ${median} / ${high} ms, 99 % ${most}`;
    if (index === 0) return line;
    const { auc, aucP, gain } = compareSamples(entries[0]?.[1] ?? [], sample);
    return `${line}  AUC ${auc.toFixed(3)} (p=${aucP.toFixed(2)}), gain ${gain.toFixed(2)}`;
  });
  return { figures, told };
}
