import type { IdentityProvider } from "../../src/domain/ports/identity-provider.ts";

/** One call that the fake was asked to make. */
export interface RecordedCall {
  readonly method: keyof IdentityProvider;
  readonly request: unknown;
}

export interface FakeIdentityProvider extends IdentityProvider {
  readonly calls: readonly RecordedCall[];
  /** The names of the calls, in order. */
  methods(): readonly string[];
}

/** An identity provider that does what the test says, and refuses every call that the test has not foreseen. */
export function createFakeIdentityProvider(behaviour: Partial<IdentityProvider> = {}): FakeIdentityProvider {
  const calls: RecordedCall[] = [];

  function recorded<Method extends keyof IdentityProvider>(method: Method): IdentityProvider[Method] {
    const call = async (request: unknown): Promise<unknown> => {
      calls.push({ method, request });
      const act = behaviour[method] as ((request: unknown) => Promise<unknown>) | undefined;
      if (act === undefined) throw new Error(`the test did not foresee ${method}`);
      return act(request);
    };
    return call as IdentityProvider[Method];
  }

  return {
    calls,
    methods: () => calls.map(({ method }) => method),
    checkClient: recorded("checkClient"),
    passwordGrant: recorded("passwordGrant"),
    totpGrant: recorded("totpGrant"),
    mintGrant: recorded("mintGrant"),
    exchange: recorded("exchange"),
    refresh: recorded("refresh"),
    // No call: nobody is asked.
    userOf: behaviour.userOf ?? (() => undefined),
    logout: recorded("logout"),
    endSession: recorded("endSession"),
    findUserByEmail: recorded("findUserByEmail"),
    getUser: recorded("getUser"),
    clearFailures: recorded("clearFailures"),
    ping: recorded("ping"),
  };
}

/** Gives one result after the other, and the last one for ever; an error is thrown. */
export function inTurn<T>(...results: readonly (T | Error)[]): () => Promise<T> {
  let next = 0;
  return async () => {
    const result = results[Math.min(next, results.length - 1)] as T | Error;
    next += 1;
    if (result instanceof Error) throw result;
    return result;
  };
}
