import type { Clock } from "../ports/clock.ts";
import type { EndingMarks, EndingState } from "../ports/ending-marks.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../ports/faults.ts";
import type { IdentityProvider } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";
import { isLive } from "./live-session.ts";

/**
 * How long the identity provider may go on with what it began beside an ending, and the time between two looks at an ending;
 * milliseconds.
 */
const pauseMs = 250;

/** How many sessions are ended a second time at once. */
const endAtOnce = 8;

/** How often an ending that is under way is looked at again. One that was cut off stays under way until its mark ends. */
const maxLooks = 20;

/** Told the ids of sessions that were ended, or are about to be. */
export type Ended = (...sessionIds: readonly string[]) => void;

/**
 * Ends sessions so that they stay ended. At the identity provider, whatever reads a session beside its end can bring it back:
 * its tokens work, no list shows it, and only its id still ends it. Two things are done about that:
 *
 * - what was ended is ended again by its id, when whatever ran beside the first time is over;
 * - every ending is marked before it starts, and whoever has got tokens looks for a mark afterwards. None means that no ending
 *   had begun by then.
 */
export interface SessionEndings {
  /**
   * Runs work that ends sessions of the user, ends those that it names once more, and marks all of that. Without a mark nothing
   * is ended.
   *
   * @param userId undefined: the token names nobody, so that there is nobody to mark
   * @param work tells `ended` what it ends
   * @throws StoreUnavailable: there is no mark, and the work was not started
   */
  run<T>(userId: string | undefined, work: (ended: Ended) => Promise<T>): Promise<T>;
  /** The store's name of the user. */
  nameOf(userId: string): string;
  look(userId: string): Promise<EndingState>;
  /**
   * Whether a session outlives the endings that were seen after its tokens were issued. What is left of one that does not is
   * ended for good.
   *
   * @throws UpstreamUnavailable: that cannot be found out or done; the tokens must not be given out
   */
  survives(session: { readonly userId: string; readonly sessionId: string }, seen: EndingState): Promise<boolean>;
}

export function createSessionEndings(deps: {
  readonly marks: EndingMarks;
  readonly sessions: Pick<SessionDirectory, "listSessions">;
  readonly identityProvider: Pick<IdentityProvider, "endSession">;
  readonly hash: KeyedHash;
  readonly clock: Pick<Clock, "sleep">;
}): SessionEndings {
  const { marks, sessions, identityProvider, hash, clock } = deps;

  const nameOf = (userId: string) => hash("session endings", userId);
  const look = (userId: string) => marks.look(nameOf(userId));

  function unlessStoreIsAway<T>(instead: T): (error: unknown) => T {
    return (error) => {
      if (!(error instanceof StoreUnavailable)) throw error;
      return instead;
    };
  }

  /** Ends what has come back of sessions, when whatever ran beside their end is over. */
  async function endForGood(sessionIds: readonly string[]): Promise<void> {
    if (sessionIds.length === 0) return;
    await clock.sleep(pauseMs);
    for (let first = 0; first < sessionIds.length; first += endAtOnce) {
      const some = sessionIds.slice(first, first + endAtOnce);
      const outcomes = await Promise.allSettled(some.map((sessionId) => identityProvider.endSession(sessionId)));
      // When all of them have an end: the mark must not be taken away beside one that is still under way.
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  /** Waits for an ending under way: until it is over, the list may still show what it ends. */
  async function untilOver(userId: string, seen: EndingState): Promise<void> {
    let state = seen;
    for (let looks = 0; state === "underWay" && looks < maxLooks; looks++) {
      await clock.sleep(pauseMs);
      state = await look(userId).catch(unlessStoreIsAway<EndingState>("over"));
    }
  }

  return {
    nameOf,
    look,

    async run(userId, work) {
      const mark = userId === undefined ? undefined : await marks.begin(nameOf(userId));
      const ended: string[] = [];
      let goesOn = false;
      try {
        const value = await work((...sessionIds) => void ended.push(...sessionIds)).catch(async (error: unknown) => {
          await endForGood(ended).catch(() => undefined);
          throw error;
        });
        await endForGood(ended);
        return value;
      } catch (error) {
        // The identity provider may still be at it.
        goesOn = error instanceof UpstreamUnavailable && error.fate === "unknown";
        throw error;
      } finally {
        // What is not finished counts as under way until the mark ends.
        if (mark !== undefined && !goesOn) await marks.finish(mark).catch(unlessStoreIsAway(undefined));
      }
    },

    async survives(session, seen) {
      if (seen === "none") return true;
      await untilOver(session.userId, seen);
      if (await isLive(sessions, session)) return true;
      await endForGood([session.sessionId]);
      return false;
    },
  };
}
