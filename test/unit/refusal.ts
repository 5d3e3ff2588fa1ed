import { AuthError } from "../../src/contract/errors.ts";

/** What a promise was rejected with. Fails when it was not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`resolved with ${JSON.stringify(outcome.value)}, a rejection was expected`);
}

/** The AuthError a promise was rejected with; whatever else was thrown is thrown again. */
export async function refusalOf(promise: Promise<unknown>): Promise<AuthError> {
  const error = await rejectionOf(promise);
  if (error instanceof AuthError) return error;
  throw error;
}

/** Its code alone. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await refusalOf(promise)).code;
}
