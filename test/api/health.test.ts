import { afterEach, describe, expect, test } from "vitest";
import { expectCommonHeaders, expectError } from "./common-suite.ts";
import { type Gateway, send, startGateway } from "./harness.ts";

const started: Gateway[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((gateway) => gateway.stop()));
});

/** A gateway whose clock stands still until it is told otherwise. */
async function start(mail?: () => Promise<void>) {
  const clock = { now: 0 };
  const gateway = await startGateway({ monotonicNow: () => clock.now, ...(mail === undefined ? {} : { mail }) });
  started.push(gateway);
  const get = (path: string) => send(gateway, { method: "GET", path }, { headers: { "x-client-id": undefined } });
  return { gateway, clock, get };
}

const refuse = async () => {
  throw new Error("refused");
};
const accept = async () => undefined;

test("/livez answers whatever is down", async () => {
  const { gateway, get } = await start();
  gateway.behaviour.keycloak = refuse;
  gateway.behaviour.store = refuse;
  const answer = await get("/livez");
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ status: "ok" });
  expectCommonHeaders(answer);
});

describe("/readyz", () => {
  test("ready, when every part is up", async () => {
    const { get } = await start();
    const answer = await get("/readyz");
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: "ready",
      parts: { keycloak: { status: "up" }, store: { status: "up" }, mail: { status: "up" } },
    });
    expectCommonHeaders(answer);
  });

  test.each(["keycloak", "store"] as const)("%s down: 503 that names it and tells nothing else", async (part) => {
    const { gateway, get } = await start(accept);
    gateway.behaviour[part] = refuse;
    const answer = await get("/readyz");
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({
      status: "unavailable",
      parts: {
        keycloak: { status: "up" },
        store: { status: "up" },
        mail: { status: "up" },
        [part]: { status: "down" },
      },
    });
    expect(answer.text).not.toContain("refused");
  });

  test("mail down: told, but still ready, since logins work without it", async () => {
    const { get } = await start(refuse);
    const answer = await get("/readyz");
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: "ready", parts: { mail: { status: "down" } } });
  });

  test("a check that never answers counts as down", async () => {
    const { gateway, get } = await start();
    gateway.behaviour.store = () => new Promise(() => undefined);
    const answer = await get("/readyz");
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({ parts: { keycloak: { status: "up" }, store: { status: "down" } } });
  });

  test("many probes make one round of checks, and its result is kept for a second", async () => {
    const { gateway, clock, get } = await start();
    let checks = 0;
    const gate = Promise.withResolvers<void>();
    gateway.behaviour.keycloak = () => {
      checks += 1;
      return gate.promise;
    };
    const probes = Array.from({ length: 20 }, () => get("/readyz"));
    await expect.poll(() => checks).toBe(1);
    gate.resolve();
    expect((await Promise.all(probes)).map(({ status }) => status)).toEqual(Array(20).fill(200));
    clock.now = 999;
    await get("/readyz");
    expect(checks).toBe(1);
    clock.now = 1_000;
    await get("/readyz");
    expect(checks).toBe(2);
  });

  test("recovers by itself, and each change is logged once", async () => {
    const { gateway, clock, get } = await start();
    const statuses: number[] = [];
    for (const check of [accept, refuse, refuse, accept, accept]) {
      gateway.behaviour.keycloak = check;
      clock.now += 1_000;
      statuses.push((await get("/readyz")).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200, 200]);
    const changes = gateway.logLines().filter(({ part }) => part !== undefined);
    expect(changes.map(({ level, part, msg }) => [level, part, msg])).toEqual([
      ["warn", "keycloak", "part is down"],
      ["info", "keycloak", "part is up again"],
    ]);
  });
});

test("other methods are refused", async () => {
  const { gateway } = await start();
  for (const path of ["/livez", "/readyz"]) {
    const answer = await send(gateway, { method: "POST", path });
    expectError(answer, "METHOD_NOT_ALLOWED");
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  }
});
