/** A defence, how to switch it off, and the test that must notice. */
export interface Defence {
  readonly name: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  /** What stands there when the defence is off. */
  readonly replacement: string;
  readonly test: {
    readonly file: string;
    /** A part of the titles of the test and what is around it, joined by blanks. */
    readonly title: string;
  };
}

/** The defences that `npm run test:defences` switches off, one at a time. */
export const defences: readonly Defence[] = [
  {
    name: "an attempt is counted before its password goes to Keycloak",
    file: "src/adapters/redis/scripts/gate.lua",
    find: "setCount(state, waiter.counter, (state[waiter.counter] or 0) + 1, now + waiter.lockMs)",
    replacement: "setCount(state, waiter.counter, state[waiter.counter] or 0, now + waiter.lockMs)",
    test: { file: "test/e2e/lockout.test.ts", title: "exactly five reach Keycloak for a known address" },
  },
  {
    name: "a rate limit that the store's clock has left behind is put right",
    file: "src/adapters/redis/scripts/buckets.lua",
    find: "redis.call('SET', KEYS[key], whole(full), 'PX', whole(math.ceil(window / 1000)))",
    replacement: "",
    test: { file: "test/ports/real.test.ts", title: "refill within the policy's window" },
  },
];
