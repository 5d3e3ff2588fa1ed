import { afterAll, beforeEach, expect, it } from "vitest";
import { createTestProvider } from "./provider.ts";
import { type Behaviour, json, startUpstream, text } from "./upstream.ts";

/**
 * Threat: while Keycloak is away every login waits for its time-out and they pile up; or users' passwords are the trials by
 * which the gateway finds out that Keycloak is back, and count as guesses.
 */

const drop: Behaviour = (_request, response) => {
  response.destroy();
};
const alive = json(200, { realm: "headgate" });
const rejecting = json(400, { error: "invalid_grant", error_description: "Invalid user credentials" });

const upstream = await startUpstream(drop);
/** Wake-up calls of the sleeps that the adapter is in. */
let sleeping: { readonly milliseconds: number; wake(): void }[] = [];

function createProvider() {
  return createTestProvider({
    url: upstream.url,
    realm: "headgate",
    issuer: `${upstream.url}/realms/headgate`,
    adminClient: { id: "headless-gateway", secret: "s" },
    otpClient: { id: "headless-otp", secret: "s" },
    timeoutMs: 2000,
    clock: {
      now: () => 0,
      sleep: (milliseconds) => new Promise((wake) => sleeping.push({ milliseconds, wake })),
    },
  });
}
let { provider, logged } = createProvider();

const login = () =>
  provider.passwordGrant({
    client: { id: "cca_demo", secret: "s" },
    email: "jane@example.com",
    password: "p",
    endUser: { ipAddress: "203.0.113.7" },
  });
const fateOfLogin = () =>
  login().then(
    (outcome) => outcome.kind,
    (error: { fate?: string }) => error.fate,
  );
const paths = () => upstream.seen.map(({ method, path }) => `${method} ${path}`);
const probePath = "GET /realms/headgate";
const grantPath = "POST /realms/headgate/protocol/openid-connect/token";

/** Lets the probe run and waits until the adapter has seen its answer. */
async function probe(behaviour: Behaviour): Promise<void> {
  upstream.behave = behaviour;
  const [sleeper] = sleeping.splice(0);
  const before = logged.length;
  sleeper?.wake();
  await expect.poll(() => sleeping.length + logged.length - before).toBe(1);
}

beforeEach(async () => {
  await provider.close();
  sleeping = [];
  ({ provider, logged } = createProvider());
  upstream.behave = drop;
  upstream.seen.length = 0;
});
afterAll(async () => {
  await provider.close();
  await upstream.stop();
});

it("opens after three failures in a row; then nothing is sent and nothing waits", async () => {
  for (let failure = 0; failure < 3; failure += 1) expect(await fateOfLogin()).toBe("unknown");
  upstream.behave = rejecting;
  expect(await Promise.all(Array.from({ length: 20 }, fateOfLogin))).toEqual(Array(20).fill("unsent"));
  await expect(provider.ping()).rejects.toMatchObject({ fate: "unsent" });
  await expect(provider.checkClient({ id: "cca_demo", secret: "s" })).rejects.toMatchObject({ fate: "unsent" });
  expect(upstream.seen).toHaveLength(3);
  expect(logged).toHaveLength(1);
});

it("does not open for failures with an answer between them, nor for answers without a verdict", async () => {
  for (let round = 0; round < 3; round += 1) {
    upstream.behave = drop;
    expect(await fateOfLogin()).toBe("unknown");
    expect(await fateOfLogin()).toBe("unknown");
    upstream.behave = rejecting;
    expect(await fateOfLogin()).toBe("rejected");
  }
  upstream.behave = json(503, {});
  for (let answer = 0; answer < 5; answer += 1) expect(await fateOfLogin()).toBe("noVerdict");
  expect(logged).toEqual([]);
});

it("is closed by its own probe alone, tried once a second, and looks at the realm first", async () => {
  for (let failure = 0; failure < 3; failure += 1) await fateOfLogin();
  upstream.seen.length = 0;

  expect(sleeping.map(({ milliseconds }) => milliseconds)).toEqual([1000]);
  await probe(drop);
  expect(await fateOfLogin()).toBe("unsent");
  await probe(json(503, {}));
  expect(await fateOfLogin()).toBe("unsent");
  await probe(json(404, { error: "Realm does not exist" }));
  expect(await fateOfLogin()).toBe("unsent");
  expect(sleeping.map(({ milliseconds }) => milliseconds)).toEqual([1000]);
  expect(new Set(paths())).toEqual(new Set([probePath]));

  await probe(alive);
  upstream.behave = rejecting;
  expect(await fateOfLogin()).toBe("rejected");
  expect(sleeping).toEqual([]);
  expect(logged).toHaveLength(2);
});

// Threat: the realm is read from a cache and answers, while every grant hangs: each probe would let in logins to wait anew.
it("stays open while the realm answers and the token endpoint does not", async () => {
  for (let failure = 0; failure < 3; failure += 1) await fateOfLogin();
  for (const tokenEndpoint of [drop, json(503, {}), json(429, {}), text(200, "text/html", "<html>")]) {
    upstream.seen.length = 0;
    await probe((request, response) => (request.method === "GET" ? alive : tokenEndpoint)(request, response));
    expect(paths()).toEqual([probePath, grantPath]);
    expect(await fateOfLogin()).toBe("unsent");
  }
  upstream.seen.length = 0;
  await probe((request, response) => (request.method === "GET" ? alive : rejecting)(request, response));
  expect(paths()).toEqual([probePath, grantPath]);
  expect(upstream.seen[1]?.form.get("username")).toMatch(/^circuit-trial-[0-9a-f-]{36}@headgate\.invalid$/);
  expect(upstream.seen[1]?.form.has("password")).toBe(false);
  upstream.behave = rejecting;
  expect(await fateOfLogin()).toBe("rejected");
});

it("needs three new failures after it was closed", async () => {
  for (let failure = 0; failure < 3; failure += 1) await fateOfLogin();
  await probe(alive);
  upstream.behave = drop;
  expect(await fateOfLogin()).toBe("unknown");
  expect(await fateOfLogin()).toBe("unknown");
  upstream.behave = rejecting;
  expect(await fateOfLogin()).toBe("rejected");
});

it("does not probe after close", async () => {
  for (let failure = 0; failure < 3; failure += 1) await fateOfLogin();
  upstream.seen.length = 0;
  await provider.close();
  for (const { wake } of sleeping) wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(upstream.seen).toEqual([]);
});
