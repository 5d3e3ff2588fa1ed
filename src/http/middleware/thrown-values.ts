import type { GatewayMiddleware } from "../env.ts";

/** The framework handles only thrown errors; anything else that is thrown would end without a response of ours. */
export function thrownValues(): GatewayMiddleware {
  return async (_c, next) => {
    try {
      await next();
    } catch (thrown) {
      if (thrown instanceof Error) throw thrown;
      throw new Error("a value that is no error was thrown", { cause: thrown });
    }
  };
}
