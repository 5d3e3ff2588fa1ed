import type { Clock } from "../ports/clock.ts";
import type { EndingMarks, EndingState } from "../ports/ending-marks.ts";
import { StoreUnavailable, UpstreamUnavailable } from "../ports/faults.ts";
import type { IdentityProvider } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { SessionDirectory } from "../ports/session-directory.ts";
import { isLive } from "./live-session.ts";

/** How long the identity provider may go on writing behind an answer, and between two looks at an ending; milliseconds. */
const pauseMs = 250;

/** How often an ending that is under way is looked at again. One that was cut off stays under way until its mark ends. */
const maxLooks = 20;

/**
 * Ends sessions so that they stay ended. At the identity provider, a refresh or an exchange beside the end of its session can
 * bring the session back: its tokens work, and no list shows it. So every ending is marked before it starts, and whoever has
 * got tokens looks for a mark afterwards: none means that no ending had begun by then.
 */
export interface SessionEndings {
  /**
   * Runs work that ends sessions of the user, between its mark and the word that it is over. Without a mark nothing is ended.
   *
   * @param userId undefined: no user can be told, so the session is nobody's
   * @throws StoreUnavailable: there is no mark, and the work was not started
   */
  run<T>(userId: string | undefined, work: () => Promise<T>): Promise<T>;
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
      if (userId === undefined) return work();
      const mark = await marks.begin(nameOf(userId));
      let goesOn = false;
      try {
        return await work();
      } catch (error) {
        // The identity provider may still be at it.
        goesOn = error instanceof UpstreamUnavailable && error.fate === "unknown";
        throw error;
      } finally {
        // What is not finished counts as under way until the mark ends.
        if (!goesOn) await marks.finish(mark).catch(unlessStoreIsAway(undefined));
      }
    },

    async survives(session, seen) {
      if (seen === "none") return true;
      await untilOver(session.userId, seen);
      if (await isLive(sessions, session)) return true;
      await clock.sleep(pauseMs);
      await identityProvider.endSession(session.sessionId);
      return false;
    },
  };
}
