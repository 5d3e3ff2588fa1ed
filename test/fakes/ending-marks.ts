import type { EndingMarks, EndingState } from "../../src/domain/ports/ending-marks.ts";
import { createFaults, type Faults } from "./faults.ts";

export interface MemoryEndingMarks extends EndingMarks {
  readonly faults: Faults<keyof EndingMarks & string>;
  /** What a flight would see. */
  stateOf(user: string): EndingState;
}

/** Marks that never end. */
export function createMemoryEndingMarks(): MemoryEndingMarks {
  const underWay = new Map<string, Set<string>>();
  const faults = createFaults<keyof EndingMarks & string>();
  let count = 0;

  function stateOf(user: string): EndingState {
    const endings = underWay.get(user);
    if (endings === undefined) return "none";
    return endings.size > 0 ? "underWay" : "over";
  }

  return {
    faults,
    stateOf,
    begin: (user) =>
      faults.call("begin", () => {
        count += 1;
        const id = `ending-${count}`;
        underWay.set(user, (underWay.get(user) ?? new Set()).add(id));
        return { id, user };
      }),
    finish: ({ id, user }) =>
      faults.call("finish", () => {
        const endings = underWay.get(user) ?? new Set();
        endings.delete(id);
        underWay.set(user, endings);
      }),
    look: (user) => faults.call("look", () => stateOf(user)),
  };
}
