import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../domain/ports/clock.ts";
import type { KeyedHash } from "../domain/ports/keyed-hash.ts";
import type { Random } from "../domain/ports/random.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => sleep(milliseconds),
};

/** The operating system's random source. */
export const systemRandom: Random = {
  token: (byteLength) => randomBytes(byteLength).toString("base64url"),
};

/** Creates the keyed hash of a deployment. `secret` must be the same at every instance that shares a store. */
export function createKeyedHash(secret: string): KeyedHash {
  return (purpose, value) =>
    createHmac("sha256", secret)
      .update(purpose)
      .update("\0")
      .update(value, "utf8")
      .digest()
      .subarray(0, 16)
      .toString("base64url");
}
