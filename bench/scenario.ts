import type { Results } from "./results.ts";
import type { World } from "./world.ts";

/** How much is measured. */
export interface Effort {
  /** Repeats of each measurement, by turns with what it is compared with. */
  readonly repeats: number;
  /** Requests before the first measurement: until then, code is still being compiled. */
  readonly warmUp: number;
  /** Requests of one measurement. */
  readonly count: number;
  /** Seconds of one measurement at a fixed rate. */
  readonly seconds: number;
}

/** What a scenario is given. */
export interface Bench {
  readonly world: World;
  readonly results: Results;
  readonly effort: Effort;
}

export interface Scenario {
  readonly name: string;
  run(bench: Bench): Promise<void>;
}
