// Fault: a leak that a soak does not see, or noise that it takes for one.
import { expect, test } from "vitest";
import { trendOf } from "./trend.ts";

const allowance = { share: 0.1, absolute: 5 };
const noise = (index: number) => ((index * 7919) % 13) - 6;

test("noise and single peaks are flat", () => {
  const values = Array.from({ length: 60 }, (_, index) => 100 + noise(index));
  values[50] = 1_000;
  expect(trendOf(values, allowance)).toMatchObject({ grows: false });
});

test("a slow growth is seen", () => {
  const values = Array.from({ length: 60 }, (_, index) => 100 + noise(index) + index / 2);
  expect(trendOf(values, allowance)).toMatchObject({ grows: true });
});

test("small quantities may grow by the absolute allowance", () => {
  const grownBy = (growth: number) => trendOf([...Array(10).fill(20), ...Array(10).fill(20 + growth)], allowance).grows;
  expect([grownBy(5), grownBy(6)]).toEqual([false, true]);
});

test("too few samples show nothing", () => {
  expect(() => trendOf(Array(8).fill(1), allowance)).toThrow(RangeError);
});
