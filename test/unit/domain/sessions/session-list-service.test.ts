import { describe, expect, test } from "vitest";
import { StoreUnavailable, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { createSessionListService } from "../../../../src/domain/sessions/session-list-service.ts";
import { appOne, appTwo, createGatewayWorld } from "../../../fakes/gateway-world.ts";

function setUp() {
  const world = createGatewayWorld();
  const { directory } = world;
  const service = createSessionListService({ ...world, identityProvider: directory, sessions: directory });
  const { userId } = directory.add({}).record;
  return { ...world, service, userId };
}

const nobody = "99999999-9999-4999-8999-999999999999";
const notUsers = [nobody, "", "jane@example.com", "../users", `${nobody}/../..`];

describe("list", () => {
  test("shows the newest session first, with app, address, user agent and times", async () => {
    const { service, userId, directory, notes, clock } = setUp();
    const first = directory.openSession(userId, appOne.id);
    clock.advance(60_000);
    const second = directory.openSession(userId, appTwo.id);
    await notes.put(first, "Browser/1", 60);
    const startedAt = (id: string) => directory.sessions.get(id)?.startedAt ?? 0;
    expect(await service.list(userId)).toEqual([
      {
        id: second,
        application: "App two",
        ipAddress: "192.0.2.7",
        createdAt: startedAt(second),
        lastActiveAt: startedAt(second) + 1000,
      },
      {
        id: first,
        application: "App one",
        ipAddress: "192.0.2.7",
        userAgent: "Browser/1",
        createdAt: startedAt(first),
        lastActiveAt: startedAt(first) + 1000,
      },
    ]);
  });

  test("names every app of a session, and clients that are no apps by their id", async () => {
    const { service, userId, directory } = setUp();
    directory.openSession(userId, appOne.id, "account-console", "headless-otp");
    expect((await service.list(userId)).map(({ application }) => application)).toEqual(["App one, account-console"]);
  });

  test("does without user agents when the store is away, but not when something else is wrong", async () => {
    const { service, userId, directory, notes } = setUp();
    const id = directory.openSession(userId, appOne.id);
    await notes.put(id, "Browser/1", 60);
    notes.faults.failNext("get", new StoreUnavailable("away"));
    const [session] = await service.list(userId);
    expect(session).toMatchObject({ id });
    expect(session).not.toHaveProperty("userAgent");
    notes.faults.failNext("get", new TypeError("a bug"));
    await expect(service.list(userId)).rejects.toBeInstanceOf(TypeError);
  });

  test("is empty for a user without sessions, and asks the store nothing", async () => {
    const { service, userId, notes } = setUp();
    expect(await service.list(userId)).toEqual([]);
    expect(notes.faults.calls).toEqual([]);
  });

  test("takes an id in whatever case", async () => {
    const { service, userId, directory } = setUp();
    directory.openSession(userId, appOne.id);
    expect(await service.list(userId.toUpperCase())).toHaveLength(1);
  });
});

describe("revoke", () => {
  test("ends that session and no other", async () => {
    const { service, userId, directory } = setUp();
    const [one, two] = [directory.openSession(userId, appOne.id), directory.openSession(userId, appOne.id)];
    await service.revoke(userId, one);
    expect([...directory.sessions.keys()]).toEqual([two]);
  });

  // Threat: with a session id that leaked, one user's caller ends another user's session, or finds out that it exists.
  test("answers the same for unknown, ended and foreign sessions, and ends none", async () => {
    const { service, userId, directory } = setUp();
    const other = directory.add({ record: { email: "joe@example.com" } }).record.userId;
    const foreign = directory.openSession(other, appOne.id);
    const ended = directory.openSession(userId, appOne.id);
    const live = directory.openSession(userId, appOne.id);
    await service.revoke(userId, ended);
    const errors = await Promise.all(
      [foreign, ended, "x".repeat(24), "../../users"].map((id) => service.revoke(userId, id).catch((error) => error)),
    );
    for (const error of errors) expect(error).toEqual(errors[0]);
    expect(errors[0]).toMatchObject({ code: "CONFLICT" });
    expect([...directory.sessions.keys()]).toEqual([foreign, live]);
  });
});

describe("revokeAll", () => {
  test("ends all sessions of the user, those outside of the apps too, and counts the listed ones", async () => {
    const { service, userId, directory } = setUp();
    const other = directory.add({ record: { email: "joe@example.com" } }).record.userId;
    const kept = directory.openSession(other, appOne.id);
    directory.openSession(userId, appOne.id);
    directory.openSession(userId, appTwo.id);
    directory.openSession(userId, "headless-otp");
    expect(await service.revokeAll(userId)).toEqual({ revoked: 2 });
    expect([...directory.sessions.keys()]).toEqual([kept]);
    expect(await service.revokeAll(userId)).toEqual({ revoked: 0 });
  });

  test("says nothing was revoked only when the identity provider has said so", async () => {
    const { service, userId, directory } = setUp();
    const fault = new UpstreamUnavailable("away", "unknown");
    directory.faults.failNext("endAllSessions", fault);
    await expect(service.revokeAll(userId)).rejects.toBe(fault);
  });
});

// Threat: a refresh beside the end of its session brings the session back.
test("sessions end under a mark, and not without one", async () => {
  const { service, userId, directory, marks, endings } = setUp();
  const state = () => marks.stateOf(endings.nameOf(userId));
  const seen: string[] = [];
  const { endSession, endAllSessions } = directory;
  directory.endSession = (id) => {
    seen.push(state());
    return endSession(id);
  };
  directory.endAllSessions = (id) => {
    seen.push(state());
    return endAllSessions(id);
  };
  const session = directory.openSession(userId, appOne.id);
  await expect(service.revoke(userId, "x".repeat(24))).rejects.toMatchObject({ code: "CONFLICT" });
  expect(state()).toBe("none");
  await service.revoke(userId, session);
  expect(state()).toBe("over");
  await service.revokeAll(userId.toUpperCase()).catch(() => undefined);
  await service.revokeAll(userId);
  expect([...new Set(seen), state()]).toEqual(["underWay", "over"]);

  // And once more: whatever reads a session beside its end brings it back.
  const ids = [directory.openSession(userId, appOne.id), directory.openSession(userId, appOne.id)];
  const before = directory.faults.calls.filter((call) => call === "endSession").length;
  expect(before).toBe(2);
  expect(await service.revokeAll(userId)).toEqual({ revoked: ids.length });
  expect(directory.faults.calls.filter((call) => call === "endSession")).toHaveLength(before + ids.length);

  const kept = directory.openSession(userId, appOne.id);
  marks.faults.failAlways("begin", new StoreUnavailable("away"));
  for (const ending of [service.revoke(userId, kept), service.revokeAll(userId)]) {
    await expect(ending).rejects.toBeInstanceOf(StoreUnavailable);
  }
  expect([...directory.sessions.keys()]).toEqual([kept]);
});

// Threat: an id with a path in it reaches other resources of the admin API (supabase CVE-2025-48370).
test.each(notUsers)("%j is no user, for every operation", async (userId) => {
  const { service, directory } = setUp();
  await expect(service.list(userId)).rejects.toMatchObject({ code: "USER_NOT_FOUND" });
  await expect(service.revoke(userId, "x".repeat(24))).rejects.toMatchObject({ code: "USER_NOT_FOUND" });
  await expect(service.revokeAll(userId)).rejects.toMatchObject({ code: "USER_NOT_FOUND" });
  expect(directory.faults.calls.filter((call) => call !== "getUser")).toEqual([]);
  if (userId !== nobody) expect(directory.faults.calls).toEqual([]);
});
