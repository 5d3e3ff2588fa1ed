import { startDeadline } from "./deadline.ts";
import { AuthErrorCode, CalimaticAuthError } from "./errors.ts";

/**
 * Gets a new access token when the gateway refuses one: gets the refused token, returns the new one.
 *
 * Called once for any number of calls that fail with the same token, so it has to find the session by the token that it is
 * given, not by the request that happens to be handled. It must not make a call with that token itself.
 */
export type OnRefresh = (staleAccessToken: string) => string | PromiseLike<string>;

/** What a renewal needs to know. */
export interface RenewalOptions {
  readonly onRefresh: OnRefresh;
  /** Milliseconds until `onRefresh` must have settled. */
  readonly timeoutMs: number;
}

/** One bearer call, as far as its access token goes. */
export interface BearerCall<T> {
  readonly accessToken: string;
  /** Sends the call with a token; here at most twice. */
  readonly send: (accessToken: string) => Promise<T>;
  /** Waits for work that is not the call's own, no longer than the call may take. */
  readonly wait: <R>(work: Promise<R>) => Promise<R>;
}

/** Keeps bearer calls going when their access token has ended. */
export interface Renewal {
  /**
   * Sends the call; when it is refused as `INVALID_TOKEN`, gets a new token and sends it once more.
   *
   * A call that is refused a second time, and one whose refresh gives the same token again, rejects with `INVALID_TOKEN`.
   * What `onRefresh` throws is passed on as it is.
   */
  run<T>(call: BearerCall<T>): Promise<T>;
}

/** Calls that overlap in time and have sent the same token: they share one refresh, its failure included. */
interface Group {
  members: number;
  fresh?: Promise<string>;
}

/** Old ones fall out. They hold tokens that have ended or will within minutes, so that nothing lives longer by it. */
const maxRemembered = 1000;

/** Whether a value can be sent as a bearer token. */
export function isAccessToken(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}

export function createRenewal({ onRefresh, timeoutMs }: RenewalOptions): Renewal {
  const groups = new Map<string, Group>();
  // For callers that still hold the old token when the refresh is over.
  const successors = new Map<string, string>();

  function newest(accessToken: string): string {
    let token = accessToken;
    for (let next = successors.get(token); next !== undefined; next = successors.get(token)) token = next;
    return token;
  }

  function remember(stale: string, fresh: string): void {
    if (fresh === stale) return;
    successors.delete(fresh); // A token just handed out has no successor; so there is never a ring.
    successors.set(stale, fresh);
    for (const oldest of successors.keys()) {
      if (successors.size <= maxRemembered) break;
      successors.delete(oldest);
    }
  }

  function join(accessToken: string): Group {
    const group = groups.get(accessToken) ?? { members: 0 };
    group.members += 1;
    groups.set(accessToken, group);
    return group;
  }

  async function refresh(stale: string): Promise<string> {
    const deadline = startDeadline(timeoutMs, undefined);
    const result = (async () => {
      const fresh: unknown = await onRefresh(stale);
      if (!isAccessToken(fresh)) throw new TypeError("onRefresh must return the new access token.");
      remember(stale, fresh); // Also when it comes too late for those who wait.
      return fresh;
    })();
    try {
      return await deadline.race(result);
    } catch (cause) {
      if (deadline.endedBy === undefined) throw cause;
      const message = "onRefresh did not return in time.";
      throw new CalimaticAuthError({ status: 0, code: AuthErrorCode.UNKNOWN, message, cause });
    } finally {
      deadline.stop();
      // Whoever comes from now on knows the new token, or after a failure tries again.
      groups.delete(stale);
    }
  }

  return {
    async run({ accessToken, send, wait }) {
      const token = newest(accessToken);
      const group = join(token);
      try {
        return await send(token);
      } catch (error) {
        if (!isRefused(error)) throw error;
        group.fresh ??= refresh(token);
        const fresh = newest(await wait(group.fresh));
        if (fresh === token) throw error;
        return await send(fresh);
      } finally {
        group.members -= 1;
        if (group.members === 0 && group.fresh === undefined) groups.delete(token);
      }
    },
  };
}

function isRefused(error: unknown): boolean {
  return error instanceof CalimaticAuthError && error.code === AuthErrorCode.INVALID_TOKEN;
}
