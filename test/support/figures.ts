import type { TestContext } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    figures?: string[];
  }
}

/** Adds a line of figures to a test's row in the table of threats. */
export function report({ task }: Pick<TestContext, "task">, line: string): void {
  task.meta.figures = [...(task.meta.figures ?? []), line];
}

/** The size of a measurement: the first one in a quick run, the second one with `--full`. */
export function sized(quick: number, full: number): number {
  return process.env["HEADGATE_TEST_EFFORT"] === "full" ? full : quick;
}
