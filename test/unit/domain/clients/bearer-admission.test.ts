import { expect, test } from "vitest";
import { AuthError } from "../../../../src/contract/errors.ts";
import { createBearerAuthenticator } from "../../../../src/domain/clients/bearer-authenticator.ts";
import type { App } from "../../../../src/domain/ports/app-registry.ts";

// Threat: a token is sent over and over, and each time the identity provider is asked about its session; or a bad one uses up
// the limits of an app.
const app: App = { id: "cca_one", displayName: "One", licensed: false, links: {} };
const other: App = { ...app, id: "cca_two" };
const claims = { userId: "0f8fad5b-d9cb-469f-a165-70867728950e", sessionId: "s".repeat(24), email: "jane@example.com" };

function setUp(azp: string) {
  const steps: string[] = [];
  const bearers = createBearerAuthenticator({
    apps: { find: (id) => [app, other].find((candidate) => candidate.id === id) },
    accessTokens: {
      async verify(token, admit) {
        if (token === "bad") return undefined;
        await admit?.({ azp });
        steps.push("session");
        return token === "ended" ? undefined : { ...claims, azp };
      },
    },
  });
  const admit = async ({ id }: App) => void steps.push(`admit ${id}`);
  return { bearers, steps, admit };
}

test("the app of a good token is admitted, then its session is looked up", async () => {
  const { bearers, steps, admit } = setUp(app.id);
  expect(await bearers.authenticate({ accessToken: "good", admit })).toMatchObject({ app });
  await expect(bearers.authenticate({ accessToken: "ended", admit })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  expect(steps).toEqual(["admit cca_one", "session", "admit cca_one", "session"]);
});

test("a refused admission ends the check", async () => {
  const { bearers, steps } = setUp(app.id);
  const limited = new AuthError("RATE_LIMITED", { retryAfterSeconds: 1 });
  const admit = () => Promise.reject(limited);
  await expect(bearers.authenticate({ accessToken: "good", admit })).rejects.toBe(limited);
  expect(steps).toEqual([]);
});

test("nothing is charged for a bad token, one of another app, or one of no app here", async () => {
  for (const [azp, accessToken, code] of [
    [app.id, "bad", "INVALID_TOKEN"],
    [other.id, "good", "INVALID_CLIENT"],
    ["cca_gone", "good", "INVALID_TOKEN"],
  ] as const) {
    const { bearers, steps, admit } = setUp(azp);
    const client = azp === other.id ? { client: { app, credentials: { id: app.id, secret: "ccas_one" } } } : {};
    await expect(bearers.authenticate({ accessToken, admit, ...client })).rejects.toMatchObject({ code });
    expect(steps).toEqual([]);
  }
});
