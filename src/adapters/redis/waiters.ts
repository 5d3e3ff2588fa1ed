import { StoreUnavailable } from "../../domain/ports/faults.ts";
import type { RedisSubscriber } from "./subscriber.ts";

/** An entry of this instance that may be told of its turn. */
export interface Waiter {
  readonly id: string;
  /**
   * Resolves with the words of the verdict, which may have come before the call, or with undefined after the given time.
   *
   * @throws the signal's reason when it is aborted, StoreUnavailable when the instance closes
   */
  next(milliseconds: number, signal?: AbortSignal): Promise<readonly string[] | undefined>;
  remove(): void;
}

/** The entries of this instance, by their ids. */
export interface Waiters {
  readonly size: number;
  /** Starts to listen for the id; do it before the store can know of it. @throws StoreUnavailable after `close` */
  add(id: string): Waiter;
  /** Ends every wait. */
  close(): void;
}

type Slot = { words?: readonly string[]; wake?: () => void };

/** Hears the instance's channel. A message is `<id> <verdict…>`; one for an entry that no longer waits is dropped. */
export function createWaiters(deps: { readonly subscriber: RedisSubscriber; readonly channel: string }): Waiters {
  const slots = new Map<string, Slot>();
  let closed = false;

  deps.subscriber.listen(deps.channel, (message) => {
    const [id = "", ...words] = message.split(" ");
    const slot = slots.get(id);
    if (slot === undefined) return;
    slot.words ??= words;
    slot.wake?.();
  });

  function failWhenClosed(): void {
    if (closed) throw new StoreUnavailable("The gateway is shutting down.");
  }

  function next(slot: Slot, milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        delete slot.wake;
        resolve();
      };
      const timer = setTimeout(finish, milliseconds);
      signal?.addEventListener("abort", finish);
      slot.wake = finish;
    });
  }

  return {
    get size() {
      return slots.size;
    },
    add(id) {
      failWhenClosed();
      const slot: Slot = {};
      slots.set(id, slot);
      return {
        id,
        async next(milliseconds, signal) {
          if (slot.words === undefined && !closed && !signal?.aborted) await next(slot, milliseconds, signal);
          signal?.throwIfAborted();
          failWhenClosed();
          return slot.words;
        },
        remove: () => slots.delete(id),
      };
    },
    close() {
      closed = true;
      for (const slot of slots.values()) slot.wake?.();
    },
  };
}
