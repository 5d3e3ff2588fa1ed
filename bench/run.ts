// What `npm run bench` runs. Starts everything it needs, prints one table, and says of each goal whether it is met.
// Usage: npm run bench -- [--quick] [--only SCENARIO] [--json FILE] [--plots]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createSteps } from "../src/dev/steps.ts";
import { ensureTools } from "../test/support/tools.ts";
import { writePlots } from "./plots.ts";
import { createResults, isMet, toJson } from "./results.ts";
import type { Effort, Scenario } from "./scenario.ts";
import { calls } from "./scenarios/calls.ts";
import { cost } from "./scenarios/cost.ts";
import { footprint } from "./scenarios/footprint.ts";
import { keycloak } from "./scenarios/keycloak.ts";
import { latency } from "./scenarios/latency.ts";
import { overload } from "./scenarios/overload.ts";
import { refused } from "./scenarios/refused.ts";
import { scaling } from "./scenarios/scaling.ts";
import { startWorld } from "./world.ts";

const scenarios: readonly Scenario[] = [calls, cost, refused, latency, scaling, footprint, overload, keycloak];
const efforts: Readonly<Record<"full" | "quick", Effort>> = {
  full: { repeats: 5, warmUp: 20_000, count: 5_000, seconds: 3 },
  quick: { repeats: 3, warmUp: 12_000, count: 3_000, seconds: 2 },
};

const steps = createSteps(process.stdout);
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    json: { type: "string" },
    plots: { type: "boolean", default: false },
  },
});
const wanted = values.only ?? scenarios.map(({ name }) => name);
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  steps.say(`There is no scenario ${unknown.join(", ")}; there are ${scenarios.map(({ name }) => name).join(", ")}.`);
  process.exit(2);
}

await ensureTools(steps);
const world = await startWorld();
const results = createResults((line) => steps.say(line));
const effort = values.quick ? efforts.quick : efforts.full;
steps.say(`${effort.repeats} repeats by turns: median (lowest to highest)`);
try {
  for (const scenario of scenarios) {
    if (wanted.includes(scenario.name)) await scenario.run({ world, results, effort });
  }
} finally {
  await world.close();
}

if (values.json !== undefined) writeFileSync(values.json, `${toJson(results.figures)}\n`);
if (values.plots) for (const file of writePlots(results.figures)) steps.say(`wrote ${file}`);
const missed = results.figures.filter((figure) => isMet(figure) === false);
const goals = results.figures.filter(({ goal }) => goal !== undefined).length;
steps.say(`\n${goals - missed.length} of ${goals} goals met`);
for (const { section, name, why } of missed) {
  steps.say(`  missed: ${section}: ${name}`);
  if (why !== undefined) steps.say(`    ${why}`);
}
if (missed.length > 0) steps.say(`Why, with the profile: docs/performance.md, "Goals that are missed, and why"`);
process.exit(0);
