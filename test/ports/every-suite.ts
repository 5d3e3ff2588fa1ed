import { bucketsSuite } from "./buckets-suite.ts";
import { challengeSuite } from "./challenge-suite.ts";
import { clockSuite } from "./clock-suite.ts";
import { endingMarksSuite } from "./ending-marks-suite.ts";
import type { StartEngine } from "./engines.ts";
import { flightSuite } from "./flight-suite.ts";
import { gateSuite } from "./gate-suite.ts";
import { hygieneSuite } from "./hygiene-suite.ts";
import { lockoutSuite } from "./lockout-suite.ts";
import { modelSuite } from "./model-suite.ts";

/** What every store must do, whatever it is made of. */
export function everySuite(engine: string, start: StartEngine): void {
  for (const suite of [gateSuite, lockoutSuite, modelSuite, bucketsSuite, flightSuite, endingMarksSuite])
    suite(engine, start);
  for (const suite of [challengeSuite, clockSuite, hygieneSuite]) suite(engine, start);
}
