import { setTimeout as sleep } from "node:timers/promises";
import { DevError } from "./dev-error.ts";
import type { Child } from "./processes.ts";

const POLL_MS = 150;

/** The HTTP status that a GET answers, or undefined while nobody does. */
export async function statusOf(url: string, timeoutMs = 2000): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

/**
 * Waits until a check of a started program holds.
 *
 * @throws DevError with the program's last lines when it ends first or takes longer than `timeoutMs`
 */
export async function waitFor(child: Child, timeoutMs: number, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isReady())) {
    if (!child.isRunning()) throw new DevError(`${child.name} ended while it started.${lastWords(child)}`);
    if (performance.now() > deadline)
      throw new DevError(`${child.name} was not ready after ${Math.round(timeoutMs / 1000)} s.${lastWords(child)}`);
    await sleep(POLL_MS);
  }
}

/** The last lines a program printed, ready to stand behind a message. */
export function lastWords(child: Child): string {
  const lines = child.lastLines();
  const said = lines.length > 0 ? ` Its last lines:\n\n${lines.map((text) => `    ${text}`).join("\n")}` : "";
  return `${said}\n\nAll it printed is in ${child.logFile}`;
}
