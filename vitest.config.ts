import { defineConfig } from "vitest/config";
import { sized } from "./test/support/figures.ts";

// These talk to a real Keycloak, which test/support/setup.ts starts once for all of them; a run without them does without.
const WITH_KEYCLOAK = [
  "test/{e2e,attack,faults}/**/*.test.ts",
  "test/adapters/keycloak/**/*.test.ts",
  "test/dev/start.test.ts",
];

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    environment: "node",
    // A test waits for real servers and, in a few places, for a TOTP period of 30 seconds to end; with `--full` it repeats more.
    testTimeout: sized(60_000, 300_000),
    hookTimeout: 120_000,
    // Most of the load is Keycloak hashing passwords: more workers only queue there.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: "gateway", include: ["test/**/*.test.ts"], exclude: WITH_KEYCLOAK },
      },
      {
        extends: true,
        test: { name: "keycloak", include: WITH_KEYCLOAK, globalSetup: "test/support/setup.ts" },
      },
    ],
  },
});
