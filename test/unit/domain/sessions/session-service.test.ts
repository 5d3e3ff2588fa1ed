import { describe, expect, test } from "vitest";
import type { App } from "../../../../src/domain/ports/app-registry.ts";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type {
  ClientCredentials,
  IdentityProvider,
  LogoutOutcome,
  RefreshOutcome,
} from "../../../../src/domain/ports/identity-provider.ts";
import type { SessionRecord } from "../../../../src/domain/ports/session-directory.ts";
import { createSessionEndings } from "../../../../src/domain/sessions/session-endings.ts";
import { createSessionService } from "../../../../src/domain/sessions/session-service.ts";
import { type AdmissionScript, createFakeAdmission, createFakeLimits } from "../../../fakes/admission.ts";
import { createMemoryEndingMarks } from "../../../fakes/ending-marks.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { clientOf, endUser, jane, licensedApp, openApp, tokensWith } from "../../../fakes/people.ts";
import { createFakeClock, readableHash } from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const tokens = tokensWith();

interface Scene {
  readonly refreshed?: RefreshOutcome;
  readonly loggedOut?: LogoutOutcome;
  readonly script?: AdmissionScript;
  readonly behaviour?: Partial<IdentityProvider>;
  readonly isLive?: () => Promise<boolean>;
  /** Whether the session is listed; default that it is. */
  readonly listed?: () => Promise<boolean>;
}
const record: SessionRecord = { id: tokens.sessionId, clientIds: [openApp.id], startedAt: 1, lastActiveAt: 2 };

function setUp(scene: Scene = {}) {
  const admission = createFakeAdmission(scene.script);
  const forgotten: ClientCredentials[] = [];
  const identityProvider = createFakeIdentityProvider({
    refresh: async () => scene.refreshed ?? { kind: "tokens", tokens },
    logout: async () => scene.loggedOut ?? { kind: "ended" },
    endSession: async () => undefined,
    userOf: () => jane.userId,
    ...scene.behaviour,
  });
  const marks = createMemoryEndingMarks();
  const clock = createFakeClock();
  const endings = createSessionEndings({
    marks,
    sessions: {
      listSessions: async (userId) =>
        userId === jane.userId && (await (scene.listed ?? (async () => true))()) ? [record] : [],
    },
    identityProvider,
    hash: readableHash,
    clock,
  });
  const service = createSessionService({
    admission,
    identityProvider,
    endings,
    accessTokens: { isLive: scene.isLive ?? (async () => true) },
    clients: {
      authenticate: () => Promise.reject(new Error("not this service's business")),
      forget: (credentials) => void forgotten.push(credentials),
    },
    hash: readableHash,
  });
  return {
    admission,
    identityProvider,
    forgotten,
    marks,
    clock,
    limits: createFakeLimits(),
    refresh(given: { refreshToken?: string; as?: App; limits?: ReturnType<typeof createFakeLimits> } = {}) {
      const { refreshToken = "refresh-0", as = openApp, limits = createFakeLimits() } = given;
      return service.refresh({ client: clientOf(as), refreshToken, endUser, limits });
    },
    logout: () => service.logout({ client: clientOf(openApp), refreshToken: "refresh-0" }),
  };
}

describe("refresh", () => {
  test("gives new tokens, and leaves them for ten seconds", async () => {
    const { refresh, admission, identityProvider, limits } = setUp();
    expect(await refresh({ limits })).toEqual(tokens);
    expect(identityProvider.calls).toEqual([
      { method: "refresh", request: { client: clientOf(openApp).credentials, refreshToken: "refresh-0", endUser } },
    ]);
    expect(admission.settledFlights).toEqual([{ ticketId: "ticket-1", ttlSeconds: 10 }]);
    expect(admission.flights[0]?.buckets.map(({ policy }) => policy)).toEqual(["client"]);
    expect(admission.flights[0]?.user).toBe(`session endings:${jane.userId}`);
    expect(limits.reported).toHaveLength(1);
  });

  // Threat: a lost answer ends the session, because the repetition looks like a stolen token.
  test("with the same token again gives the same tokens without another refresh", async () => {
    const { refresh, identityProvider } = setUp();
    expect(await refresh()).toEqual(tokens);
    expect(await refresh()).toEqual(tokens);
    expect(identityProvider.calls).toHaveLength(1);
  });

  // Threat: a session that was ended goes on for whoever repeats the refresh from before.
  test("with the same token again gives nothing of a session that has ended, or that cannot be asked for", async () => {
    const ended = setUp({ isLive: async () => false });
    expect(await ended.refresh()).toEqual(tokens);
    expect(await codeOf(ended.refresh())).toBe("TOKEN_EXPIRED");
    expect(ended.identityProvider.calls).toHaveLength(1);
    const fault = new UpstreamUnavailable("down", "unsent");
    const unknown = setUp({ isLive: () => Promise.reject(fault) });
    await unknown.refresh();
    expect(await rejectionOf(unknown.refresh())).toBe(fault);
  });

  // Threat: an app that has got hold of another's refresh token gets its tokens replayed.
  test("by another app is never replayed", async () => {
    const { refresh, identityProvider } = setUp();
    await refresh();
    await refresh({ as: { ...openApp, id: "cca_other" } });
    expect(identityProvider.calls.map(({ request }) => (request as { client: ClientCredentials }).client.id)).toEqual([
      openApp.id,
      "cca_other",
    ]);
  });

  test("with another token is another flight", async () => {
    const { refresh, identityProvider } = setUp();
    await refresh();
    await refresh({ refreshToken: "refresh-other" });
    expect(identityProvider.calls).toHaveLength(2);
  });

  test("leaves nothing readable in the store", async () => {
    const { refresh, admission } = setUp();
    await refresh();
    const left = [...admission.left.values()].join();
    expect(left).not.toBe("");
    for (const secret of ["access-1", "refresh-1", "id-1", "jane"]) expect(left).not.toContain(secret);
  });

  test.each<[string, RefreshOutcome, string]>([
    ["expired, revoked, unknown or another app's", { kind: "rejected" }, "TOKEN_EXPIRED"],
    ["the app's secret stopped being right", { kind: "clientRejected" }, "INVALID_CLIENT"],
  ])("%s: refused, and the next one asks again", async (_name, refreshed, code) => {
    const { refresh, admission, identityProvider } = setUp({ refreshed });
    expect(await codeOf(refresh())).toBe(code);
    expect(admission.settledFlights).toEqual([{ ticketId: "ticket-1", ttlSeconds: undefined }]);
    expect(await codeOf(refresh())).toBe(code);
    expect(identityProvider.calls).toHaveLength(2);
  });

  test("forgets the credentials of a refused client", async () => {
    const { refresh, forgotten } = setUp({ refreshed: { kind: "clientRejected" } });
    await codeOf(refresh());
    expect(forgotten).toEqual([clientOf(openApp).credentials]);
  });

  test("of a user whose licence is gone ends the session and leaves no tokens", async () => {
    const { refresh, identityProvider, admission, marks } = setUp();
    expect(await codeOf(refresh({ as: licensedApp }))).toBe("APP_NOT_LICENSED");
    expect(identityProvider.calls.at(-1)).toEqual({
      method: "logout",
      request: { client: clientOf(licensedApp).credentials, refreshToken: tokens.refreshToken },
    });
    expect(marks.faults.calls).toEqual(["begin", "finish"]);
    expect(admission.left.size).toBe(0);
    expect(admission.settledFlights).toHaveLength(1);
  });

  test("of a user with the licence goes on", async () => {
    const licensed = tokensWith([licensedApp.id]);
    const { refresh } = setUp({ refreshed: { kind: "tokens", tokens: licensed } });
    expect(await refresh({ as: licensedApp })).toEqual(licensed);
  });

  test.each([
    [{ kind: "limited", policy: "client", retryAfterSeconds: 7 }, 7],
    [{ kind: "busy", retryAfterSeconds: 2 }, 2],
  ] as const)("refused as %j asks nobody", async (refusal, retryAfterSeconds) => {
    const { refresh, identityProvider, limits } = setUp({ script: { refusal } });
    expect(await refusalOf(refresh({ limits }))).toMatchObject({ code: "RATE_LIMITED", retryAfterSeconds });
    expect(identityProvider.calls).toEqual([]);
    expect(limits.reported).toHaveLength(1);
  });

  // Threat: a thief's refresh at the moment of a logout brings the session back, and nobody can see or end it.
  describe("beside the end of sessions of the user", () => {
    const notListed = async () => false;
    const ended = { method: "endSession", request: tokens.sessionId };

    test.each(["underWay", "over"] as const)("(%s) gives tokens of a session that is listed", async (ending) => {
      const { refresh, identityProvider, clock } = setUp({ script: { ending } });
      expect(await refresh()).toEqual(tokens);
      expect(identityProvider.methods()).toEqual(["refresh"]);
      // Of another session of the user: once the ending is over, it does not wait.
      expect(clock.sleeps).toEqual(ending === "over" ? [] : [250]);
    });

    test.each(["underWay", "over"] as const)("(%s) ends a session that is not listed for good", async (ending) => {
      const { refresh, identityProvider } = setUp({ script: { ending }, listed: notListed });
      expect(await codeOf(refresh())).toBe("TOKEN_EXPIRED");
      expect(identityProvider.methods()).toEqual(["refresh", "endSession"]);
      expect(identityProvider.calls.at(-1)).toEqual(ended);
    });

    test.each(["listed", "endSession"] as const)("gives nothing out when %s fails, then or later", async (what) => {
      const fault = new UpstreamUnavailable("down", "unknown");
      const fail = () => Promise.reject(fault);
      const { refresh, admission } = setUp({
        script: { ending: "over" },
        listed: what === "listed" ? fail : notListed,
        behaviour: what === "listed" ? {} : { endSession: fail },
      });
      expect(await rejectionOf(refresh())).toBe(fault);
      // What was left for a repetition goes the same way.
      expect(admission.left.size).toBe(1);
      expect(await rejectionOf(refresh())).toBe(fault);
    });

    test("replays tokens that were left before only while their session is listed", async () => {
      const script: AdmissionScript = {};
      let listed = true;
      const { refresh, identityProvider } = setUp({ script, listed: async () => listed });
      expect(await refresh()).toEqual(tokens);
      script.ending = "over";
      expect(await refresh()).toEqual(tokens);
      listed = false;
      expect(await codeOf(refresh())).toBe("TOKEN_EXPIRED");
      expect(identityProvider.methods()).toEqual(["refresh", "endSession"]);
    });

    // The flight has looked at the marks of whomever the token named.
    test("looks at the list where the token names nobody, or somebody else", async () => {
      for (const userOf of [() => undefined, () => "99999999-9999-4999-8999-999999999999"]) {
        const gone = setUp({ behaviour: { userOf }, listed: notListed });
        expect(await codeOf(gone.refresh())).toBe("TOKEN_EXPIRED");
        expect(gone.identityProvider.calls.at(-1)).toEqual(ended);
        const there = setUp({ behaviour: { userOf } });
        expect(await there.refresh()).toEqual(tokens);
      }
      const { refresh, admission } = setUp({ behaviour: { userOf: () => undefined } });
      await refresh();
      expect(admission.flights[0]?.user).toBe(admission.flights[0]?.flight);
    });
  });

  describe("faults", () => {
    test("of the entry: fails closed", async () => {
      const fault = new StoreUnavailable("away");
      const { refresh, identityProvider } = setUp({ script: { entryFault: fault } });
      expect(await rejectionOf(refresh())).toBe(fault);
      expect(identityProvider.calls).toEqual([]);
    });

    test.each<UpstreamFate>(["unsent", "noVerdict", "unknown"])(
      "of the refresh, fate %s: the flight ends with nothing left",
      async (fate) => {
        const fault = new UpstreamUnavailable("down", fate);
        const { refresh, admission } = setUp({ behaviour: { refresh: () => Promise.reject(fault) } });
        expect(await rejectionOf(refresh())).toBe(fault);
        expect(admission.settledFlights).toEqual([{ ticketId: "ticket-1", ttlSeconds: undefined }]);
        expect(admission.left.size).toBe(0);
      },
    );

    test("of both: the first is told", async () => {
      const fault = new UpstreamUnavailable("down", "unknown");
      const { refresh } = setUp({
        behaviour: { refresh: () => Promise.reject(fault) },
        script: { settleFault: new StoreUnavailable("away") },
      });
      expect(await rejectionOf(refresh())).toBe(fault);
    });

    // The old token is used up by then: withholding the new one would end the session.
    test("of leaving the tokens: they are given out all the same, if their session is listed", async () => {
      const script = { settleFault: new StoreUnavailable("away") };
      expect(await setUp({ script }).refresh()).toEqual(tokens);
      const { refresh, identityProvider } = setUp({ script, listed: async () => false });
      expect(await codeOf(refresh())).toBe("TOKEN_EXPIRED");
      expect(identityProvider.methods()).toEqual(["refresh", "endSession"]);
    });

    test("of an unknown kind in leaving the tokens is not hidden", async () => {
      const bug = new TypeError("a bug");
      const { refresh } = setUp({ script: { settleFault: bug } });
      expect(await rejectionOf(refresh())).toBe(bug);
    });

    test("a value that this token cannot open gives no tokens", async () => {
      const { refresh, admission, identityProvider } = setUp();
      await refresh({ refreshToken: "refresh-other" });
      const [sealed] = admission.left.values();
      admission.left.set(`refresh:${openApp.id}\nrefresh-0`, sealed as string);
      expect(await rejectionOf(refresh())).toBeInstanceOf(Error);
      expect(identityProvider.calls).toHaveLength(1);
    });
  });
});

describe("logout", () => {
  test("ends the session", async () => {
    const { logout, identityProvider, marks } = setUp();
    await logout();
    expect(marks.faults.calls).toEqual(["begin", "finish"]);
    expect(identityProvider.calls).toEqual([
      { method: "logout", request: { client: clientOf(openApp).credentials, refreshToken: "refresh-0" } },
    ]);
  });

  // Threat: whatever reads the session beside the logout brings it back.
  test.each([["ended"], ["rejected"]] as const)("that was %s ends the session once more", async (kind) => {
    const { logout, identityProvider } = setUp({ loggedOut: { kind, sessionId: "session-0" } });
    await logout().catch(() => undefined);
    expect(identityProvider.calls.at(-1)).toEqual({ method: "endSession", request: "session-0" });
  });

  test("of what names no user is not marked, and is refused by whoever knows the tokens", async () => {
    const { logout, marks } = setUp({ loggedOut: { kind: "rejected" }, behaviour: { userOf: () => undefined } });
    expect(await codeOf(logout())).toBe("TOKEN_EXPIRED");
    expect(marks.faults.calls).toEqual([]);
  });

  test("ends nothing without its mark", async () => {
    const { logout, identityProvider, marks } = setUp();
    const fault = new StoreUnavailable("away");
    marks.faults.failNext("begin", fault);
    expect(await rejectionOf(logout())).toBe(fault);
    expect(identityProvider.calls).toEqual([]);
  });

  test.each<[LogoutOutcome, string]>([
    [{ kind: "rejected" }, "TOKEN_EXPIRED"],
    [{ kind: "clientRejected" }, "INVALID_CLIENT"],
  ])("%j is %s", async (loggedOut, code) => {
    const { logout, forgotten } = setUp({ loggedOut });
    expect(await codeOf(logout())).toBe(code);
    expect(forgotten).toEqual(code === "INVALID_CLIENT" ? [clientOf(openApp).credentials] : []);
  });
});
