// Preloaded into a gateway's process with `--import`: its clock is off by the milliseconds that the file named by
// TEST_CLOCK_FILE holds at the time. Only what tells the time of day is shifted, as by a machine whose clock is set.

import { readFileSync } from "node:fs";

const file = process.env["TEST_CLOCK_FILE"];
if (file === undefined) throw new Error("TEST_CLOCK_FILE is not set.");
const RealDate = Date;
const now = () => RealDate.now() + Number(readFileSync(file, "utf8"));

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    // What is given may be any of the forms that Date takes.
    super(...((given.length === 0 ? [now()] : given) as [number]));
  }
  static override now(): number {
    return now();
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
