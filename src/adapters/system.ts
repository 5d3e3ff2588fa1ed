import { hash, randomFillSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../domain/ports/clock.ts";
import type { KeyedHash } from "../domain/ports/keyed-hash.ts";
import type { Random } from "../domain/ports/random.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds) => sleep(milliseconds),
};

/**
 * The operating system's random source, asked for some thousand bytes at a time, since each asking costs as much as its bytes.
 * A byte is used once and wiped.
 */
function createSystemRandom(): Random {
  const stock = Buffer.alloc(4096);
  let next = stock.length;
  return {
    token(byteLength) {
      if (byteLength > stock.length) return randomFillSync(Buffer.alloc(byteLength)).toString("base64url");
      if (next + byteLength > stock.length) {
        randomFillSync(stock);
        next = 0;
      }
      const end = next + byteLength;
      const token = stock.toString("base64url", next, end);
      stock.fill(0, next, end);
      next = end;
      return token;
    },
  };
}

/**
 * Gives memory that is not in use back to the system, at the price of a pause of some 70 ms: Node by itself keeps what a start
 * has grown its heap to, a fifth of an idle gateway (docs/performance.md).
 */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NodeJS.GCFunction;
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** The operating system's random source. */
export const systemRandom: Random = createSystemRandom();

/**
 * Creates the keyed hash of a deployment. `secret` must be the same at every instance that shares a store. With SHA-3 the key
 * can stand before the message, where SHA-2 would need the two passes of HMAC, which cost four times as much.
 *
 * @see FIPS 202; NIST SP 800-185, section 4, on keys as prefixes
 */
export function createKeyedHash(secret: string): KeyedHash {
  // The length keeps a key from being the beginning of another one with its message.
  const key = `${secret.length}\0${secret}`;
  // 22 characters are 132 bits.
  return (purpose, value) => hash("sha3-256", `${key}${purpose}\0${value}`, "base64url").slice(0, 22);
}
