import type { Bucket, BucketState } from "../../domain/ports/admission.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { bucketArguments, type Decision, parseDecision, type Verdict } from "./reply.ts";
import type { AdmissionScripts } from "./scripts.ts";

/** The gate's part of a decision. */
export interface GatePart {
  /** The gate's name; buckets of the same subject lie in its slot. */
  readonly name: string;
  enter(buckets: readonly Bucket[]): Promise<Decision>;
  /** Takes the entry back. */
  leave(): Promise<void>;
}

/** One script's share of a decision. */
interface Part {
  readonly buckets: readonly Bucket[];
  readonly gate?: GatePart;
}

export type Decide = (buckets: readonly Bucket[], gate?: GatePart) => Promise<Decision>;

/**
 * Makes a decision about buckets and at most one gate: with one script on a single Redis, with one script a name, all in
 * parallel, on a cluster. There, a part that another part's refusal has made void is taken back: buckets get their charge
 * again, the gate is left.
 */
export function createDecide(connection: RedisConnection, scripts: AdmissionScripts): Decide {
  function run(part: Part): Promise<Decision> {
    return part.gate === undefined ? onBuckets(scripts.charge, part.buckets) : part.gate.enter(part.buckets);
  }

  async function onBuckets(script: AdmissionScripts["charge"], buckets: readonly Bucket[]): Promise<Decision> {
    return parseDecision(await connection.run(script, buckets.map(keys.bucket), bucketArguments(buckets)), buckets);
  }

  /** Takes back what a part has done. Should that fail, buckets refill and the gate's lease ends by themselves. */
  async function undo(part: Part, decision: Decision): Promise<Decision> {
    const { kind } = decision.verdict;
    if (kind === "limited") return decision;
    const charged = kind === "locked" ? part.buckets.filter((bucket) => !bucket.afterLock) : part.buckets;
    const [refund] = await Promise.allSettled([
      charged.length === 0 ? undefined : onBuckets(scripts.refund, charged),
      kind === "granted" || kind === "queued" ? part.gate?.leave() : undefined,
    ]);
    const refunded = refund.status === "fulfilled" ? refund.value?.buckets : undefined;
    if (refunded === undefined) return decision;
    const states = part.buckets.map(
      (bucket, index) => refunded[charged.indexOf(bucket)] ?? (decision.buckets[index] as BucketState),
    );
    return { verdict: decision.verdict, buckets: states };
  }

  return async (buckets, gate) => {
    if (buckets.length === 0 && gate === undefined) return { verdict: { kind: "charged" }, buckets: [] };
    const parts = connection.cluster ? split(buckets, gate) : [gate === undefined ? { buckets } : { buckets, gate }];
    const [only] = parts as [Part];
    if (parts.length === 1) return run(only);

    const outcomes = await Promise.allSettled(parts.map(run));
    const done = parts.flatMap((part, index) => {
      const outcome = outcomes[index];
      return outcome?.status === "fulfilled" ? [{ part, decision: outcome.value }] : [];
    });
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    const refusal = firstRefusal(done, buckets);
    if (failure === undefined && refusal === undefined) return join(done, buckets);

    const undone = await Promise.all(
      done.map(async ({ part, decision }) => ({ part, decision: await undo(part, decision) })),
    );
    if (failure !== undefined) throw failure.reason;
    return { ...join(undone, buckets), verdict: refusal as Verdict };
  };
}

type Done = { readonly part: Part; readonly decision: Decision };

/** The gate's part with the buckets of its slot, and one part for each other subject. */
function split(buckets: readonly Bucket[], gate?: GatePart): readonly Part[] {
  const bySubject = Map.groupBy(buckets, (bucket) => bucket.subject);
  const parts: Part[] = gate === undefined ? [] : [{ buckets: bySubject.get(gate.name) ?? [], gate }];
  for (const [subject, group] of bySubject) if (subject !== gate?.name) parts.push({ buckets: group });
  return parts;
}

/** Of the empty buckets, the one that stands first in the request. */
function firstRefusal(done: readonly Done[], buckets: readonly Bucket[]): Verdict | undefined {
  const place = ({ part, decision }: Done) => {
    const { verdict } = decision;
    if (verdict.kind !== "limited") return Number.POSITIVE_INFINITY;
    const bucket = part.buckets.find(({ policy }) => policy === verdict.policy);
    return bucket === undefined ? Number.POSITIVE_INFINITY : buckets.indexOf(bucket);
  };
  return done.filter((one) => place(one) !== Number.POSITIVE_INFINITY).sort((a, b) => place(a) - place(b))[0]?.decision
    .verdict;
}

/** The gate's verdict and all states in the order of the request. */
function join(done: readonly Done[], buckets: readonly Bucket[]): Decision {
  const states = new Map<Bucket, BucketState>();
  for (const { part, decision } of done) {
    part.buckets.forEach((bucket, index) => {
      const state = decision.buckets[index];
      if (state !== undefined) states.set(bucket, state);
    });
  }
  const verdict = done.find(({ part }) => part.gate !== undefined)?.decision.verdict ?? { kind: "charged" };
  return { verdict, buckets: buckets.flatMap((bucket) => states.get(bucket) ?? []) };
}
