import { afterAll, beforeAll, expect, test } from "vitest";
import { measureInTurn } from "../../bench/cpu.ts";
import type { HttpClient } from "../../bench/http-client.ts";
import { expectStatus } from "../../bench/load.ts";
import { requests } from "../../bench/requests.ts";
import { createResults, isMet, lineOf } from "../../bench/results.ts";
import { calls } from "../../bench/scenarios/calls.ts";
import { median } from "../../bench/statistics.ts";
import { startWorld, type World } from "../../bench/world.ts";

// Fault: a change makes a login cost more calls, more round trips or a multiple of its processor time, and nobody notices before
// production does. Nothing here looks at a clock on the wall.

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await world?.close();
});

test("operations cost the calls to Keycloak and the round trips to the store that the documentation names", async () => {
  const results = createResults(() => undefined);
  await calls.run({ world, results, effort: { repeats: 3, warmUp: 0, count: 0, seconds: 0 } });
  expect(results.figures.length).toBeGreaterThan(7);
  expect(results.figures.filter((figure) => isMet(figure) === false).map(lineOf)).toEqual([]);
});

test("a login takes no multiple of the floor's processor time", async () => {
  const gateway = await world.startGateway(world.stub);
  const floor = await world.startFloor(world.stub);
  const work = async (client: HttpClient, index: number) => expectStatus(await client.send(requests.login(index)), 200);
  const [ours = [], floors = []] = await measureInTurn(
    [
      { process: gateway, work },
      { process: floor, work },
    ],
    { repeats: 5, warmUp: 4_000, count: 1_500, seconds: 0 },
  );
  const ratio = median(ours.map(({ cpuMicros }, index) => cpuMicros / (floors[index]?.cpuMicros ?? 0)));
  // `npm run bench`, which warms up for longer, asks for 1.8; this leaves room for code that is still being compiled.
  expect(ratio).toBeLessThan(4);
});
