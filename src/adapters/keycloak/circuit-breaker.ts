import type { Clock } from "../../domain/ports/clock.ts";
import type { AdapterLog } from "./log.ts";

const failuresUntilOpen = 3;
const probeIntervalMs = 1000;

/** Fails calls at once while the server cannot be reached, so that they do not pile up behind time-outs. */
export interface CircuitBreaker {
  isOpen(): boolean;
  /** A whole answer came, whatever it said. */
  succeeded(): void;
  /** No whole answer came. The third one in a row opens the circuit. */
  failed(): void;
  /** Stops probing. */
  stop(): void;
}

/**
 * A circuit breaker that only its own probe can close: no caller's request, and so no user's password, is ever the trial.
 * The probe runs about once a second while the circuit is open.
 */
export function createCircuitBreaker(deps: {
  readonly probe: () => Promise<void>;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: AdapterLog;
}): CircuitBreaker {
  const { probe, clock, log } = deps;
  let failures = 0;
  let open = false;
  let stopped = false;

  async function probeUntilClosed(): Promise<void> {
    while (!stopped) {
      await clock.sleep(probeIntervalMs);
      if (stopped) return;
      try {
        await probe();
      } catch {
        // Still away; the next turn of the loop tries again.
        continue;
      }
      failures = 0;
      open = false;
      log.warn({}, "Keycloak answers again");
      return;
    }
  }

  return {
    isOpen: () => open,
    succeeded() {
      // A late answer to a call from before the opening says nothing about now.
      if (!open) failures = 0;
    },
    failed() {
      if (open || stopped) return;
      failures += 1;
      if (failures < failuresUntilOpen) return;
      open = true;
      log.warn({ failures }, "Keycloak cannot be reached; calls fail at once until a probe succeeds");
      void probeUntilClosed();
    },
    stop() {
      stopped = true;
    },
  };
}
