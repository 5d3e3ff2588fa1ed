import { describe, expect, test } from "vitest";
import type { App } from "../../../../src/domain/ports/app-registry.ts";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type {
  ClientCredentials,
  IdentityProvider,
  LogoutOutcome,
  RefreshOutcome,
} from "../../../../src/domain/ports/identity-provider.ts";
import { createSessionService } from "../../../../src/domain/sessions/session-service.ts";
import { type AdmissionScript, createFakeAdmission, createFakeLimits } from "../../../fakes/admission.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { clientOf, endUser, licensedApp, openApp, tokensWith } from "../../../fakes/people.ts";
import { readableHash } from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const tokens = tokensWith();

interface Scene {
  readonly refreshed?: RefreshOutcome;
  readonly loggedOut?: LogoutOutcome;
  readonly script?: AdmissionScript;
  readonly behaviour?: Partial<IdentityProvider>;
  readonly isLive?: () => Promise<boolean>;
}

function setUp(scene: Scene = {}) {
  const admission = createFakeAdmission(scene.script);
  const forgotten: ClientCredentials[] = [];
  const identityProvider = createFakeIdentityProvider({
    refresh: async () => scene.refreshed ?? { kind: "tokens", tokens },
    logout: async () => scene.loggedOut ?? { kind: "ended" },
    ...scene.behaviour,
  });
  const service = createSessionService({
    admission,
    identityProvider,
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
    const { refresh, identityProvider, admission } = setUp();
    expect(await codeOf(refresh({ as: licensedApp }))).toBe("APP_NOT_LICENSED");
    expect(identityProvider.calls.at(-1)).toEqual({
      method: "logout",
      request: { client: clientOf(licensedApp).credentials, refreshToken: tokens.refreshToken },
    });
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
    test("of leaving the tokens: they are given out all the same", async () => {
      const { refresh } = setUp({ script: { settleFault: new StoreUnavailable("away") } });
      expect(await refresh()).toEqual(tokens);
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
    const { logout, identityProvider } = setUp();
    await logout();
    expect(identityProvider.calls).toEqual([
      { method: "logout", request: { client: clientOf(openApp).credentials, refreshToken: "refresh-0" } },
    ]);
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
