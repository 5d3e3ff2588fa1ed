import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, type ApiCall, callApi, tally } from "../support/api.ts";
import { type CountingProxy, startCountingProxy } from "../support/counting-proxy.ts";
import { report, sized } from "../support/figures.ts";
import { startFlood } from "../support/flood.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { createUser, demoApp, issuer, keycloakUrl } from "../support/keycloak.ts";
import { startRedis, type TestRedis, until } from "../support/redis.ts";

let redis: TestRedis;
let proxy: CountingProxy;
beforeAll(async () => {
  redis = await startRedis();
  proxy = await startCountingProxy(keycloakUrl);
});
afterAll(async () => {
  await proxy?.close();
  await redis?.stop();
});

const floodMs = sized(4_000, 30_000);
const honestAddress = { "x-end-user-ip": "198.51.100.7" };

/** Logs one user in, again and again, until the time is over; the answers, and their times in milliseconds. */
async function logInAllAlong(gateway: TestGateway) {
  const { email, password } = await createUser();
  const answers: ApiAnswer[] = [];
  const times: number[] = [];
  for (const end = performance.now() + floodMs; performance.now() < end; await sleep(250)) {
    const startedAt = performance.now();
    answers.push(await callApi(gateway, "/login", { body: { email, password }, headers: honestAddress }));
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.floor(times.length * share)] ?? 0);
  return { answers, line: `${times.length} honest logins in ${at(0.5)} ms (half), ${at(0.95)} ms (95 %)` };
}

interface FloodCase {
  readonly request: ApiCall;
  /** What all answers of the flood must be. */
  readonly statuses: readonly number[];
  /** Calls that the flood may cost Keycloak, at the most. */
  readonly keycloakCalls: number;
  readonly env?: Record<string, string>;
}

const floodedAddress = { "x-end-user-ip": "192.0.2.9" };
const anybody = { email: "nobody@example.com", password: "guess" };
const manyAllowed = { HEADGATE_LIMIT_CLIENT: "999999/1", HEADGATE_LIMIT_ADDRESS: "999999/1" };

// Threat: refusals that cost so much that a flood of them is an outage for everybody else.
describe("a flood of refusals leaves honest logins alone, and Keycloak", () => {
  test.for<[string, FloodCase]>([
    [
      "429, of an address that has had its share",
      { request: { body: { email: "no address" }, headers: floodedAddress }, statuses: [429, 400], keycloakCalls: 0 },
      // 400 is what the share that flows back is used for.
    ],
    [
      "423, of an account that is locked",
      {
        request: { body: anybody, headers: floodedAddress },
        statuses: [423],
        // The mail that tells of the lock: a token for the admin API, and the look at the user.
        keycloakCalls: 2,
        env: manyAllowed,
      },
    ],
    [
      "INVALID_CLIENT, of a wrong secret",
      { request: { app: { ...demoApp, secret: "ccas_wrong" }, body: anybody }, statuses: [401], keycloakCalls: 2 },
    ],
    [
      "INVALID_CLIENT, of ever new secrets",
      {
        request: { app: { ...demoApp, secret: "ccas_########" }, body: anybody },
        statuses: [401, 429],
        // Twenty at once, and two a second.
        keycloakCalls: 20 + 2 * (floodMs / 1000 + 3),
      },
    ],
  ])("%s", async ([name, { request, statuses, keycloakCalls, env = {} }], context) => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: { HEADGATE_KEYCLOAK_URL: proxy.url, HEADGATE_KEYCLOAK_ISSUER: issuer, ...env },
    });
    // Until the refusal is in force: a share is 600 requests, a lock five of them.
    const burst = () => Promise.all(Array.from({ length: 20 }, () => callApi(gateway, "/login", request)));
    await until(async () => (await burst()).some(({ status }) => status === statuses[0]));
    proxy.reset();
    const flood = startFlood(gateway, "/login", request);
    const { answers, line } = await logInAllAlong(gateway);
    const { counts, perSecond } = await flood.stop();
    report(context, `${name}: ${perSecond} a second; ${line}`);
    expect(tally(answers)).toEqual({ "200": answers.length });
    expect(Object.keys(counts).filter((status) => !statuses.includes(Number(status)))).toEqual([]);
    const ofHonest = proxy.calls.filter(({ form }) => form.get("grant_type") === "password");
    expect(ofHonest).toHaveLength(answers.length);
    expect(proxy.calls.length - ofHonest.length).toBeLessThanOrEqual(keycloakCalls);
    await gateway.stop();
  });
});
