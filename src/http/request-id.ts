import type { Random } from "../domain/ports/random.ts";

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** The caller's request id when it is a plain one, else a new one: ids go into headers and log lines as they are. */
export function requestIdFrom(presented: string | undefined, random: Random): string {
  return presented !== undefined && acceptable.test(presented) ? presented : newRequestId(random);
}

/** `req_` and 128 random bits. */
export function newRequestId(random: Random): string {
  return `req_${random.token(16)}`;
}
