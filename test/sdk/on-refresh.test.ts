import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import {
  CalimaticAuthError,
  type FetchFunction,
  HeadlessAuthClient,
  type HeadlessAuthConfig,
} from "../../src/sdk/index.ts";
import { bearerOperations, operations, accessToken as stale } from "./operations.ts";
import {
  type Answer,
  bearerGateway,
  credentials,
  invalidToken,
  json,
  mfaStatus,
  rejection,
  type StubGateway,
  startStubGateway,
} from "./stub-gateway.ts";

let gateway: StubGateway;
beforeAll(async () => {
  gateway = await startStubGateway();
});
afterAll(async () => await gateway.close());

const fresh = "fresh.token";
/** The tokens that onRefresh was asked to replace. */
const refreshed: string[] = [];
beforeEach(() => {
  refreshed.length = 0;
});

function clientWith(onRefresh: unknown, config: Partial<HeadlessAuthConfig> = {}): HeadlessAuthClient {
  const counted = (token: string) => {
    refreshed.push(token);
    return (onRefresh as (token: string) => string)(token);
  };
  return new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, onRefresh: counted, ...config });
}

const sentTokens = () => gateway.received.map(({ headers }) => headers.authorization?.replace("Bearer ", ""));

/** A promise to be settled from outside. */
function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const onlyFresh = (answer: Answer = json(200, mfaStatus)) => bearerGateway(new Set([fresh]), answer);

describe("a call with an access token that has ended", () => {
  const endUser = { ipAddress: "192.0.2.1", userAgent: "Agent/1.0" };

  it.each(bearerOperations)("$name is sent once more with the new token", async ({ call, answer, result }) => {
    gateway.answerWith(onlyFresh(json(200, answer)));
    const client = clientWith(async () => fresh);
    expect(await call(client, { endUser })).toEqual(result);
    expect(refreshed).toEqual([stale]);
    expect(sentTokens()).toEqual([stale, fresh]);
    const [first, second] = gateway.received.map(({ headers, ...rest }) => {
      const { authorization: _token, connection: _connection, ...others } = headers;
      return { ...rest, headers: others };
    });
    expect(second).toEqual(first);
  });

  it("rejects with INVALID_TOKEN where there is no onRefresh", async () => {
    gateway.answerWith(onlyFresh());
    for (const onRefresh of [undefined, null]) {
      const client = clientWith(undefined, { onRefresh: onRefresh as undefined });
      expect(await rejection(client.mfa.status({ accessToken: stale }))).toMatchObject({
        status: 401,
        code: "INVALID_TOKEN",
      });
    }
    expect(sentTokens()).toEqual([stale, stale]);
  });

  it("is sent twice at most: a second refusal is passed on", async () => {
    gateway.answerWith(invalidToken);
    const client = clientWith(() => fresh);
    expect(await rejection(client.mfa.status({ accessToken: stale }))).toMatchObject({ code: "INVALID_TOKEN" });
    expect(refreshed).toEqual([stale]);
    expect(sentTokens()).toEqual([stale, fresh]);
  });

  it("is not sent again when the refresh gives the same token", async () => {
    gateway.answerWith(invalidToken);
    const client = clientWith((token: string) => token);
    for (const sent of [1, 2]) {
      expect(await rejection(client.mfa.status({ accessToken: stale }))).toMatchObject({ code: "INVALID_TOKEN" });
      expect(refreshed).toHaveLength(sent);
      expect(sentTokens()).toHaveLength(sent);
    }
  });

  const others = Object.entries(errorTable).filter(([code]) => code !== "INVALID_TOKEN");
  it.each(others)("%s refreshes nothing", async (code, { status, message }) => {
    gateway.answerWith(json(status, { code, message, requestId: "req_1" }));
    const client = clientWith(() => fresh);
    expect(await rejection(client.mfa.status({ accessToken: stale }))).toMatchObject({ code });
    expect([refreshed.length, gateway.received.length]).toEqual([0, 1]);
  });

  it.each<[string, Answer]>([
    ["a 401 that is not the gateway's", (response) => response.writeHead(401).end("Unauthorized")],
    ["a broken connection", (response) => response.destroy()],
  ])("%s refreshes nothing", async (_name, answer) => {
    gateway.answerWith(answer);
    const client = clientWith(() => fresh);
    expect(await rejection(client.mfa.status({ accessToken: stale }))).toMatchObject({ code: "UNKNOWN" });
    expect([refreshed.length, gateway.received.length]).toEqual([0, 1]);
  });

  // INVALID_TOKEN of a mail token says nothing of the user's session.
  it.each(operations.filter(({ bearer }) => !bearer))("$name never refreshes", async ({ call }) => {
    gateway.answerWith(invalidToken);
    expect(await rejection(call(clientWith(() => fresh)))).toMatchObject({ code: "INVALID_TOKEN" });
    expect([refreshed.length, gateway.received.length]).toEqual([0, 1]);
  });
});

describe("one refresh serves", () => {
  it("twenty calls at once", async () => {
    gateway.answerWith(onlyFresh());
    const client = clientWith(async () => fresh);
    const calls = Array.from({ length: 20 }, () => client.mfa.status({ accessToken: stale }));
    expect(await Promise.all(calls)).toEqual(Array(20).fill(mfaStatus));
    expect(refreshed).toEqual([stale]);
  });

  it("a call that is refused after the refresh is over", async () => {
    const held: Parameters<Answer>[] = [];
    gateway.answerWith((...exchange) => {
      if (held.length === 0) held.push(exchange);
      else onlyFresh()(...exchange);
    });
    const client = clientWith(async () => fresh);
    const slow = client.mfa.status({ accessToken: stale });
    while (held.length === 0) await new Promise(setImmediate);
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    for (const exchange of held) invalidToken(...exchange);
    expect(await slow).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale]);
    expect(sentTokens()).toEqual([stale, stale, fresh, fresh]);
  });

  it("later calls whose caller still holds the old token: they go out with the new one", async () => {
    gateway.answerWith(onlyFresh());
    const client = clientWith(async () => fresh);
    await client.mfa.status({ accessToken: stale });
    await client.mfa.status({ accessToken: stale });
    await client.mfa.status({ accessToken: fresh });
    expect(refreshed).toEqual([stale]);
    expect(sentTokens()).toEqual([stale, fresh, fresh, fresh]);
  });

  it("and the new token is refreshed in its turn, also for those who hold the first", async () => {
    const good = new Set([fresh]);
    gateway.answerWith(bearerGateway(good, json(200, mfaStatus)));
    const client = clientWith((token: string) => (token === stale ? fresh : "third.token"));
    await client.mfa.status({ accessToken: stale });
    good.clear();
    good.add("third.token");
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale, fresh]);
    expect(sentTokens()).toEqual([stale, fresh, fresh, "third.token", "third.token"]);
  });
});

// Threat: one client serves all users of an application. A refresh that is shared too widely would answer one user's call with
// another user's session.
it("users are kept apart: a refresh belongs to the token that was refused", async () => {
  const users = Array.from({ length: 10 }, (_, index) => `user-${index}`);
  const good = new Set(users.map((user) => `${user}.fresh`));
  gateway.answerWith(
    bearerGateway(good, (response, request) => {
      const [user] = request.headers.authorization?.replace("Bearer ", "").split(".") ?? [];
      json(200, { ...mfaStatus, user })(response, request);
    }),
  );
  const client = clientWith(async (token: string) => token.replace("stale", "fresh"));
  const answers = await Promise.all(users.map((user) => client.mfa.status({ accessToken: `${user}.stale` })));
  expect(answers).toEqual(users.map((user) => ({ ...mfaStatus, user })));
  expect(refreshed.sort()).toEqual(users.map((user) => `${user}.stale`));
});

describe("a refresh that fails", () => {
  const failure = new CalimaticAuthError({ status: 401, code: "TOKEN_EXPIRED", message: "Log in again." });

  it.each([
    ["later", async () => Promise.reject(failure)],
    [
      "at once",
      () => {
        throw failure;
      },
    ],
  ])("%s passes its own error to every call", async (_name, onRefresh) => {
    gateway.answerWith(invalidToken);
    const client = clientWith(onRefresh);
    const calls = Array.from({ length: 5 }, () => client.mfa.status({ accessToken: stale }));
    expect(new Set(await Promise.all(calls.map(rejection)))).toEqual(new Set([failure]));
    expect(refreshed).toEqual([stale]);
    expect(gateway.received).toHaveLength(5);
  });

  it("is not held against later calls", async () => {
    gateway.answerWith(onlyFresh());
    let failed = false;
    const client = clientWith(async () => {
      if (failed) return fresh;
      failed = true;
      throw failure;
    });
    expect(await rejection(client.mfa.status({ accessToken: stale }))).toBe(failure);
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale, stale]);
  });

  it.each([undefined, null, "", "fresh token", "fresh\r\nx-client-id: cca_other", { accessToken: fresh }])(
    "by giving %j is a mistake in the program",
    async (given) => {
      gateway.answerWith(onlyFresh());
      const error = await rejection(clientWith(async () => given).mfa.status({ accessToken: stale }));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as TypeError).message).toBe("onRefresh must return the new access token.");
      expect(gateway.received).toHaveLength(1);
    },
  );
});

describe("while the refresh runs", () => {
  const reason = new Error("the visitor left");

  it("an abort ends its own call at once, and no other", async () => {
    gateway.answerWith(onlyFresh());
    const { promise, resolve } = deferred<string>();
    const started = deferred<void>();
    const client = clientWith(() => {
      started.resolve();
      return promise;
    });
    const controller = new AbortController();
    const ended = rejection(client.mfa.status({ accessToken: stale }, { signal: controller.signal }));
    const other = client.mfa.status({ accessToken: stale });
    await started.promise;
    controller.abort(reason);
    expect(await ended).toBe(reason);
    resolve(fresh);
    expect(await other).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale]);
  });

  it("an abort of the call that began it leaves the refresh to the next", async () => {
    gateway.answerWith(onlyFresh());
    const { promise, resolve } = deferred<string>();
    const controller = new AbortController();
    const client = clientWith(() => {
      controller.abort(reason);
      return promise;
    });
    expect(await rejection(client.mfa.status({ accessToken: stale }, { signal: controller.signal }))).toBe(reason);
    const next = client.mfa.status({ accessToken: stale });
    while (gateway.received.length < 2) await new Promise(setImmediate);
    resolve(fresh);
    expect(await next).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale]);
  });

  it("an abort in the same moment as its end keeps the call from being sent again", async () => {
    gateway.answerWith(onlyFresh());
    const controller = new AbortController();
    const client = clientWith(() => {
      controller.abort(reason);
      return fresh;
    });
    expect(await rejection(client.mfa.status({ accessToken: stale }, { signal: controller.signal }))).toBe(reason);
    expect(sentTokens()).toEqual([stale]);
  });

  it("an abort at any later moment does so too, for a fetch that does not look at its signal", async () => {
    for (let moment = 0; moment < 30; moment += 1) {
      const controller = new AbortController();
      const abort = async () => {
        for (let waited = 0; waited < moment; waited += 1) await Promise.resolve();
        controller.abort(reason);
      };
      const abortedAtFetch: boolean[] = [];
      const fetch: FetchFunction = (_url, { signal, headers }) => {
        abortedAtFetch.push(signal.aborted);
        const isFresh = headers["authorization"] === `Bearer ${fresh}`;
        return isFresh
          ? Response.json(mfaStatus)
          : Response.json({ code: "INVALID_TOKEN", message: "m" }, { status: 401 });
      };
      const onRefresh = () => {
        void abort();
        return fresh;
      };
      const client = clientWith(onRefresh, { fetch });
      await client.mfa.status({ accessToken: stale }, { signal: controller.signal }).catch(() => {});
      expect(abortedAtFetch).not.toContain(true);
    }
  });

  it("the call's time goes on: the time-out is one for all of it", async () => {
    gateway.answerWith(onlyFresh());
    const { promise, resolve } = deferred<string>();
    const client = clientWith(() => promise);
    const error = await rejection(client.mfa.status({ accessToken: stale }, { timeoutMs: 200 }));
    expect(error).toMatchObject({ status: 0, code: "UNKNOWN", message: "onRefresh did not return in time." });
    expect((error as CalimaticAuthError).cause).toMatchObject({ name: "TimeoutError" });
    resolve(fresh);
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale]);
  });

  it("one that hangs ends for all after the client's own time-out, and the next call tries again", async () => {
    gateway.answerWith(onlyFresh());
    let hangs = true;
    const client = clientWith(() => (hangs ? new Promise(() => {}) : fresh), { timeoutMs: 200 });
    const calls = [1, 2].map(() => client.mfa.status({ accessToken: stale }, { timeoutMs: 60_000 }));
    for (const error of await Promise.all(calls.map(rejection))) {
      expect(error).toMatchObject({ status: 0, code: "UNKNOWN", message: "onRefresh did not return in time." });
    }
    hangs = false;
    expect(await client.mfa.status({ accessToken: stale }, { timeoutMs: 60_000 })).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale, stale]);
  });

  it("a token that comes after that is used all the same", async () => {
    gateway.answerWith(onlyFresh());
    const { promise, resolve } = deferred<string>();
    const client = clientWith(() => promise, { timeoutMs: 200 });
    await rejection(client.mfa.status({ accessToken: stale }, { timeoutMs: 60_000 }));
    resolve(fresh);
    await promise;
    expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
    expect(refreshed).toEqual([stale]);
    expect(sentTokens()).toEqual([stale, fresh]);
  });
});

it("onRefresh may use the client itself", async () => {
  const tokens = { accessToken: fresh, refreshToken: "r2", idToken: "i", expiresAt: "2026-03-25T02:30:00.000Z" };
  gateway.answerWith((response, request) => {
    const isRefresh = request.url.endsWith("/refresh");
    const user = { userId: "u", email: "jane@example.com" };
    (isRefresh ? json(200, { ...tokens, user }) : onlyFresh())(response, request);
  });
  const client: HeadlessAuthClient = clientWith(
    async () => (await client.auth.refresh({ refreshToken: "r" })).accessToken,
  );
  expect(await client.mfa.status({ accessToken: stale })).toEqual(mfaStatus);
  expect(gateway.received.map(({ url }) => url.split("/").at(-1))).toEqual(["status", "refresh", "status"]);
});
