import type { ChainableCommander, Redis } from "ioredis";
import { StoreUnavailable } from "../../domain/ports/faults.ts";

/** What a write must reach before anything rests on it. */
export interface Replication {
  /** Replicas that must acknowledge, 1 or more. */
  readonly replicas: number;
  /** Longest wait for them. */
  readonly timeoutMs: number;
}

/** Writes that are answered when enough replicas have them. */
export interface ReplicatedWrites {
  /**
   * Sends one command, and answers with its reply once the replicas have what it wrote. A command that fails, or that too few
   * replicas acknowledge in time, may have been carried out on the master all the same.
   *
   * @throws StoreUnavailable when too few acknowledge, the client's error for a command that fails
   */
  send(command: (batch: ChainableCommander) => unknown): Promise<unknown>;
  close(): void;
}

interface Write {
  readonly command: (batch: ChainableCommander) => unknown;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts a WAIT behind the writes, in the same round trip.
 *
 * WAIT holds its connection up, so this one is for nothing else, and one WAIT is under way at a time: what comes meanwhile goes
 * out together, with one WAIT for all. So while replicas are away each write fails within two time-outs, however many come.
 */
export function createReplicatedWrites(client: Redis, { replicas, timeoutMs }: Replication): ReplicatedWrites {
  client.on("error", () => undefined);
  let queue: Write[] = [];
  let sending = false;

  async function sendBatch(writes: readonly Write[]): Promise<void> {
    const batch = client.pipeline();
    for (const { command } of writes) command(batch);
    batch.wait(replicas, timeoutMs);
    const replies = (await batch.exec()) ?? [];
    const [waitError, acknowledged] = replies.at(-1) ?? [];
    const shortage =
      waitError ??
      (Number(acknowledged) >= replicas ? undefined : new StoreUnavailable("Too few replicas acknowledged the write."));
    writes.forEach(({ resolve, reject }, index) => {
      const [error, reply] = replies[index] ?? [];
      const failure = error ?? shortage;
      if (failure) reject(failure);
      else resolve(reply);
    });
  }

  async function sendAll(): Promise<void> {
    if (sending) return;
    sending = true;
    while (queue.length > 0) {
      const writes = queue;
      queue = [];
      await sendBatch(writes).catch((error: unknown) => {
        for (const { reject } of writes) reject(error);
      });
    }
    sending = false;
  }

  return {
    send: (command) =>
      new Promise((resolve, reject) => {
        queue.push({ command, resolve, reject });
        void sendAll();
      }),
    close: () => client.disconnect(),
  };
}
