import { setTimeout as sleep } from "node:timers/promises";
import { createKeycloakIdentityProvider, type KeycloakOptions } from "../../../src/adapters/keycloak/index.ts";

/** What the provider logged. */
export interface LogLine {
  readonly fields: object;
  readonly message: string;
}

/** The adapter under test, with a log that can be read. */
export function createTestProvider(
  options: Pick<KeycloakOptions, "url" | "realm" | "issuer" | "adminClient" | "otpClient"> & Partial<KeycloakOptions>,
) {
  const logged: LogLine[] = [];
  const provider = createKeycloakIdentityProvider({
    mintClient: { id: "headless-mint", secret: "s" },
    timeoutMs: 10_000,
    clock: { now: () => Date.now(), sleep: async (milliseconds) => sleep(milliseconds) },
    log: { warn: (fields, message) => logged.push({ fields, message }) },
    ...options,
  });
  return { provider, logged };
}
