/** When a planned fault strikes: instead of the call, or after it was carried out. */
export type FaultMoment = "before" | "after";

/** Faults that a test plans for methods of a fake. */
export interface Faults<Method extends string> {
  /** The next call of the method fails. */
  failNext(method: Method, error: Error, moment?: FaultMoment): void;
  /** Every call of the method fails until it is repaired. */
  failAlways(method: Method, error: Error): void;
  repair(method: Method): void;
  /** The methods that were called, in order. */
  readonly calls: readonly Method[];
  /** Runs a call of the fake with what was planned for it. */
  call<T>(method: Method, act: () => T | Promise<T>): Promise<T>;
}

export function createFaults<Method extends string>(): Faults<Method> {
  const planned = new Map<Method, { readonly error: Error; readonly moment: FaultMoment; readonly once: boolean }>();
  const calls: Method[] = [];
  return {
    failNext: (method, error, moment = "before") => void planned.set(method, { error, moment, once: true }),
    failAlways: (method, error) => void planned.set(method, { error, moment: "before", once: false }),
    repair: (method) => void planned.delete(method),
    calls,
    async call(method, act) {
      calls.push(method);
      const fault = planned.get(method);
      if (fault?.once) planned.delete(method);
      if (fault?.moment === "before") throw fault.error;
      const result = await act();
      if (fault !== undefined) throw fault.error;
      return result;
    },
  };
}
