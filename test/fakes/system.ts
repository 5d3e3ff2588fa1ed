import type { Clock } from "../../src/domain/ports/clock.ts";
import type { KeyedHash } from "../../src/domain/ports/keyed-hash.ts";
import type { PasswordCapacity } from "../../src/domain/ports/password-capacity.ts";
import type { Random } from "../../src/domain/ports/random.ts";

/** A hash that can be read: `purpose:value`. */
export const readableHash: KeyedHash = (purpose, value) => `${purpose}:${value}`;

/** A random source that counts. */
export function createCountingRandom(): Random {
  let count = 0;
  return {
    token: (byteLength) => {
      count += 1;
      return `random${byteLength}-${count}`;
    },
  };
}

/** A clock that moves only when told to, or when something sleeps on it. */
export interface FakeClock extends Clock {
  advance(milliseconds: number): void;
  readonly sleeps: readonly number[];
}

export function createFakeClock(): FakeClock {
  let time = 1_800_000_000_000;
  const sleeps: number[] = [];
  return {
    now: () => time,
    async sleep(milliseconds) {
      sleeps.push(milliseconds);
      time += milliseconds;
    },
    advance(milliseconds) {
      time += milliseconds;
    },
    sleeps,
  };
}

/** A capacity without bounds. */
export const openCapacity: PasswordCapacity = {
  run: async (work) => ({ kind: "done", value: await work() }),
};

/** A capacity that is used up. */
export const fullCapacity: PasswordCapacity = {
  run: async () => ({ kind: "busy", retryAfterSeconds: 2 }),
};
