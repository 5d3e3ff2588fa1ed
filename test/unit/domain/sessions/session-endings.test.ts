import { describe, expect, test } from "vitest";
import { StoreUnavailable, type UpstreamFate, UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { appOne, createGatewayWorld } from "../../../fakes/gateway-world.ts";
import { rejectionOf } from "../../refusal.ts";

function setUp() {
  const world = createGatewayWorld();
  const { directory, endings, marks } = world;
  const { userId } = directory.add({}).record;
  return { ...world, userId, state: () => marks.stateOf(endings.nameOf(userId)) };
}
const away = new StoreUnavailable("away");

describe("an ending", () => {
  test("is marked while it is under way, and stays marked as over", async () => {
    const { endings, userId, state } = setUp();
    const seen = await endings.run(userId, async () => state());
    expect([seen, state()]).toEqual(["underWay", "over"]);
  });

  test("is over also when it failed, but not when the identity provider may still be at it", async () => {
    const faults: [Error, string][] = [
      [new TypeError("a bug"), "over"],
      ...(["unsent", "noVerdict", "unknown"] as const).map((fate: UpstreamFate): [Error, string] => [
        new UpstreamUnavailable("down", fate),
        fate === "unknown" ? "underWay" : "over",
      ]),
    ];
    for (const [fault, after] of faults) {
      const { endings, userId, state } = setUp();
      expect(await rejectionOf(endings.run(userId, () => Promise.reject(fault)))).toBe(fault);
      expect(state()).toBe(after);
    }
  });

  // Threat: a store that is away for a moment makes an ending that refreshes do not notice.
  test("does not begin without its mark", async () => {
    const { endings, marks, userId } = setUp();
    marks.faults.failNext("begin", away);
    let begun = false;
    const run = endings.run(userId, async () => {
      begun = true;
    });
    expect(await rejectionOf(run)).toBe(away);
    expect(begun).toBe(false);
  });

  test("is done when the word that it is over is lost; other faults of it are not hidden", async () => {
    const { endings, marks, userId, state } = setUp();
    marks.faults.failNext("finish", away);
    expect(await endings.run(userId, async () => "done")).toBe("done");
    expect(state()).toBe("underWay");
    const bug = new TypeError("a bug");
    marks.faults.failNext("finish", bug);
    expect(await rejectionOf(endings.run(userId, async () => "done"))).toBe(bug);
  });

  // Threat: what reads a session beside its end, a bearer call or a look at the list, brings it back.
  test("ends what it names once more, a pause later and before it is over", async () => {
    const { endings, directory, clock, userId, state } = setUp();
    const [one, two] = [directory.openSession(userId, appOne.id), directory.openSession(userId, appOne.id)];
    const { sleep } = clock;
    let seen = "";
    clock.sleep = async (milliseconds) => {
      await sleep(milliseconds);
      seen = state();
    };
    const value = await endings.run(userId, async (ended) => {
      ended(one);
      ended(two);
      return "done";
    });
    expect([value, seen, clock.sleeps, state()]).toEqual(["done", "underWay", [250], "over"]);
    expect([...directory.sessions.keys()]).toEqual([]);
  });

  test("ends what it has named also when it failed, and tells the first fault", async () => {
    const { endings, directory, userId } = setUp();
    const session = directory.openSession(userId, appOne.id);
    const fault = new TypeError("refused");
    const failing = () =>
      endings.run(userId, async (ended) => {
        ended(session);
        throw fault;
      });
    expect(await rejectionOf(failing())).toBe(fault);
    expect(directory.sessions.size).toBe(0);
    directory.faults.failNext("endSession", new UpstreamUnavailable("down", "unknown"));
    expect(await rejectionOf(failing())).toBe(fault);
  });

  test("is not told as done when it could not be done once more", async () => {
    const { endings, directory, userId, state } = setUp();
    const fault = new UpstreamUnavailable("down", "unknown");
    directory.faults.failNext("endSession", fault);
    expect(await rejectionOf(endings.run(userId, async (ended) => ended("x".repeat(24))))).toBe(fault);
    expect(state()).toBe("underWay");
  });

  test("of nobody in particular is marked nowhere", async () => {
    const { endings, marks, directory } = setUp();
    expect(await endings.run(undefined, async () => "done")).toBe("done");
    await endings.run(undefined, async (ended) => ended("x".repeat(24)));
    expect([marks.faults.calls, directory.faults.calls]).toEqual([[], ["endSession"]]);
  });

  test("is seen by those who look for its user, under a name that is no id", async () => {
    const { endings, userId } = setUp();
    expect(await endings.look(userId)).toBe("none");
    await endings.run(userId, async () => undefined);
    expect(await endings.look(userId)).toBe("over");
    expect(endings.nameOf(userId)).not.toContain(userId);
  });
});

describe("a session", () => {
  const asked = ({ directory }: ReturnType<typeof setUp>) =>
    directory.faults.calls.filter((call) => call === "listSessions" || call === "endSession");

  test("without an ending beside it survives, and nobody is asked", async () => {
    const world = setUp();
    const session = { userId: world.userId, sessionId: world.directory.openSession(world.userId, appOne.id) };
    expect(await world.endings.survives(session, "none")).toBe(true);
    expect([asked(world), world.clock.sleeps]).toEqual([[], []]);
  });

  test("that is listed after an ending survives at once", async () => {
    const world = setUp();
    const session = { userId: world.userId, sessionId: world.directory.openSession(world.userId, appOne.id) };
    expect(await world.endings.survives(session, "over")).toBe(true);
    expect([asked(world), world.clock.sleeps]).toEqual([["listSessions"], []]);
  });

  // Threat: the list shows a session until the ending under way has taken it out, and the tokens are given out.
  test("is looked for when the ending under way is over, and not before", async () => {
    const world = setUp();
    const { directory, endings, clock, userId } = world;
    const session = { userId, sessionId: directory.openSession(userId, appOne.id) };
    const { sleep } = clock;
    const { promise, resolve } = Promise.withResolvers<void>();
    const ending = endings.run(userId, () => promise);
    clock.sleep = async (milliseconds) => {
      await sleep(milliseconds);
      if (clock.sleeps.length !== 3) return;
      expect(directory.faults.calls).not.toContain("listSessions");
      await directory.endSession(session.sessionId);
      resolve();
      await ending;
    };
    expect(await endings.survives(session, "underWay")).toBe(false);
    expect(clock.sleeps).toEqual([250, 250, 250, 250]);
  });

  test("that is listed while an ending does not end is given out after five seconds", async () => {
    const { endings, marks, directory, clock, userId } = setUp();
    const session = { userId, sessionId: directory.openSession(userId, appOne.id) };
    await marks.begin(endings.nameOf(userId));
    expect(await endings.survives(session, "underWay")).toBe(true);
    expect(clock.sleeps).toEqual(Array.from({ length: 20 }, () => 250));
  });

  test("that is not listed is ended for good, a pause after its tokens were issued", async () => {
    const world = setUp();
    expect(await world.endings.survives({ userId: world.userId, sessionId: "x".repeat(24) }, "over")).toBe(false);
    expect([asked(world), world.clock.sleeps]).toEqual([["listSessions", "endSession"], [250]]);
  });

  test("is looked for once when the store is away", async () => {
    const world = setUp();
    const session = { userId: world.userId, sessionId: world.directory.openSession(world.userId, appOne.id) };
    world.marks.faults.failAlways("look", away);
    expect(await world.endings.survives(session, "underWay")).toBe(true);
    expect([asked(world), world.clock.sleeps]).toEqual([["listSessions"], [250]]);
  });

  test.each(["listSessions", "endSession"] as const)("neither survives nor ends by a fault of %s", async (method) => {
    const { endings, directory, userId } = setUp();
    const fault = new UpstreamUnavailable("down", "unknown");
    directory.faults.failNext(method, fault);
    expect(await rejectionOf(endings.survives({ userId, sessionId: "x".repeat(24) }, "over"))).toBe(fault);
  });
});
