import { describe, expect, test } from "vitest";
import { createClientAuthenticator } from "../../../../src/domain/clients/client-authenticator.ts";
import type { App } from "../../../../src/domain/ports/app-registry.ts";
import { UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import type { ClientCredentials } from "../../../../src/domain/ports/identity-provider.ts";
import { createFakeIdentityProvider } from "../../../fakes/identity-provider.ts";
import { openApp } from "../../../fakes/people.ts";
import { createFakeClock, readableHash } from "../../../fakes/system.ts";
import { codeOf, refusalOf, rejectionOf } from "../../refusal.ts";

const right: ClientCredentials = { id: openApp.id, secret: "ccas_right" };
const wrong: ClientCredentials = { id: openApp.id, secret: "ccas_wrong" };

type CheckClient = (client: ClientCredentials) => Promise<boolean>;

function setUp(options: { checkClient?: CheckClient; find?: (id: string) => App | undefined } = {}) {
  let checkClient: CheckClient = options.checkClient ?? (async ({ secret }) => secret === right.secret);
  const identityProvider = createFakeIdentityProvider({ checkClient: (client) => checkClient(client) });
  const clock = createFakeClock();
  const clients = createClientAuthenticator({
    identityProvider,
    apps: { find: options.find ?? ((id) => (id === openApp.id ? openApp : undefined)) },
    hash: readableHash,
    clock,
  });
  return {
    clients,
    clock,
    checks: () => identityProvider.calls.length,
    checkWith(other: CheckClient) {
      checkClient = other;
    },
  };
}

describe("refusal", () => {
  test.each([
    ["no id", { id: undefined, secret: right.secret }],
    ["an empty id", { id: "", secret: right.secret }],
    ["no secret", { id: right.id, secret: undefined }],
    ["an empty secret", { id: right.id, secret: "" }],
    ["a secret that is too long", { id: right.id, secret: "s".repeat(513) }],
    ["an app that is not served here", { id: "cca_other", secret: right.secret }],
  ])("%s costs the identity provider nothing", async (_name, presented) => {
    const { clients, checks } = setUp();
    expect(await codeOf(clients.authenticate(presented))).toBe("INVALID_CLIENT");
    expect(checks()).toBe(0);
  });

  test("missing, unknown and wrong are told apart by nothing", async () => {
    const { clients } = setUp();
    const [missing, unknown, bad] = await Promise.all(
      [{ id: undefined, secret: undefined }, { id: "cca_other", secret: "s" }, wrong].map((presented) =>
        refusalOf(clients.authenticate(presented)),
      ),
    );
    expect({ ...unknown, message: unknown?.message }).toEqual({ ...missing, message: missing?.message });
    expect({ ...bad, message: bad?.message }).toEqual({ ...missing, message: missing?.message });
  });
});

describe("memory", () => {
  test("right credentials are checked once a minute", async () => {
    const { clients, clock, checks } = setUp();
    expect(await clients.authenticate(right)).toEqual({ app: openApp, credentials: right });
    clock.advance(59_999);
    await clients.authenticate(right);
    expect(checks()).toBe(1);
    clock.advance(1);
    await clients.authenticate(right);
    expect(checks()).toBe(2);
  });

  test("wrong credentials are checked once in 30 seconds", async () => {
    const { clients, clock, checks } = setUp();
    expect(await codeOf(clients.authenticate(wrong))).toBe("INVALID_CLIENT");
    clock.advance(29_999);
    expect(await codeOf(clients.authenticate(wrong))).toBe("INVALID_CLIENT");
    expect(checks()).toBe(1);
    clock.advance(1);
    expect(await codeOf(clients.authenticate(wrong))).toBe("INVALID_CLIENT");
    expect(checks()).toBe(2);
  });

  test("a secret that stopped being right is noticed at the next check", async () => {
    const { clients, clock, checkWith } = setUp();
    await clients.authenticate(right);
    checkWith(async () => false);
    clock.advance(60_000);
    expect(await codeOf(clients.authenticate(right))).toBe("INVALID_CLIENT");
  });

  test("the right secret of one app is nothing at another", async () => {
    const { clients, checks } = setUp({
      find: (id) => ({ ...openApp, id }),
      checkClient: async ({ id, secret }) => id === right.id && secret === right.secret,
    });
    await clients.authenticate(right);
    expect(await codeOf(clients.authenticate({ id: "cca_other", secret: right.secret }))).toBe("INVALID_CLIENT");
    expect(checks()).toBe(2);
  });

  test("an app that was taken out of the registry is refused although its secret is remembered", async () => {
    const served = new Map([[openApp.id, openApp]]);
    const { clients } = setUp({ find: (id) => served.get(id) });
    await clients.authenticate(right);
    served.clear();
    expect(await codeOf(clients.authenticate(right))).toBe("INVALID_CLIENT");
  });

  test("a clock that is set back does not make an answer last longer", async () => {
    const { clients, clock, checks } = setUp();
    await clients.authenticate(right);
    clock.advance(-3_600_000);
    await clients.authenticate(right);
    expect(checks()).toBe(2);
  });

  test("forgotten credentials are checked again", async () => {
    const { clients, checks } = setUp();
    await clients.authenticate(right);
    clients.forget(right);
    await clients.authenticate(right);
    expect(checks()).toBe(2);
  });

  // Threat: an answer that was on its way when the secret was refused elsewhere keeps a withdrawn secret alive for a minute.
  test("what was forgotten during its check is not remembered by that check", async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const { clients, checkWith, checks } = setUp({ checkClient: () => promise });
    const early = clients.authenticate(right);
    clients.forget(right);
    resolve(true);
    await early;
    checkWith(async () => false);
    expect(await codeOf(clients.authenticate(right))).toBe("INVALID_CLIENT");
    expect(checks()).toBe(2);
  });
});

test("parallel requests with the same credentials share one check", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const { clients, checks } = setUp({ checkClient: () => promise });
  const running = Array.from({ length: 50 }, () => clients.authenticate(right));
  resolve(true);
  expect(await Promise.all(running)).toHaveLength(50);
  expect(checks()).toBe(1);
});

// Threat: a flood of made-up secrets becomes a flood of requests at the identity provider, or pushes an honest app out.
describe("flood", () => {
  const guess = (index: number) => ({ id: right.id, secret: `ccas_guess_${index}` });

  async function flood(clients: ReturnType<typeof setUp>["clients"], count: number, from = 0) {
    const codes = await Promise.all(
      Array.from({ length: count }, (_, index) => codeOf(clients.authenticate(guess(from + index)))),
    );
    return {
      checked: codes.filter((code) => code === "INVALID_CLIENT").length,
      limited: codes.filter((code) => code === "RATE_LIMITED").length,
    };
  }

  test("new secrets of one app are checked 20 at once and 2 a second after that", async () => {
    const { clients, clock, checks } = setUp();
    expect(await flood(clients, 100)).toEqual({ checked: 20, limited: 80 });
    expect(checks()).toBe(20);
    clock.advance(1000);
    expect(await flood(clients, 100, 1000)).toEqual({ checked: 2, limited: 98 });
    clock.advance(3_600_000);
    expect(await flood(clients, 100, 2000)).toEqual({ checked: 20, limited: 80 });
  });

  test("a clock that is set back grants nothing, and refills from there", async () => {
    const { clients, clock } = setUp();
    await flood(clients, 20);
    clock.advance(-3_600_000);
    expect(await flood(clients, 10, 1000)).toEqual({ checked: 0, limited: 10 });
    clock.advance(2_000);
    expect(await flood(clients, 10, 2000)).toEqual({ checked: 4, limited: 6 });
  });

  test("a refusal says when to try again", async () => {
    const { clients } = setUp();
    await flood(clients, 20);
    expect(await refusalOf(clients.authenticate(guess(99)))).toMatchObject({
      code: "RATE_LIMITED",
      retryAfterSeconds: 1,
    });
  });

  test("wrong secrets that are remembered cost no allowance", async () => {
    const { clients } = setUp();
    await flood(clients, 15);
    await flood(clients, 15);
    expect(await flood(clients, 10, 1000)).toEqual({ checked: 5, limited: 5 });
  });

  test("another app's allowance is its own", async () => {
    const { clients } = setUp({ find: (id) => ({ ...openApp, id }) });
    await flood(clients, 100);
    expect(await clients.authenticate({ id: "cca_other", secret: right.secret })).toMatchObject({
      credentials: { id: "cca_other" },
    });
  });

  test("credentials that were right before are checked again in the middle of it", async () => {
    const { clients, clock } = setUp();
    await clients.authenticate(right);
    clock.advance(60_000);
    await flood(clients, 100);
    expect(await clients.authenticate(right)).toMatchObject({ credentials: right });
  });

  // Threat: whoever knows an app's id keeps a gateway that was just started from ever taking the app's right secret.
  test("from one peer leaves the allowance of every other peer alone", async () => {
    const { clients } = setUp();
    const wrongAt = (index: number) => ({ id: right.id, secret: `ccas_wrong_${index}`, peer: "192.0.2.1" });
    for (let index = 0; index < 100; index += 1) await codeOf(clients.authenticate(wrongAt(index)));
    expect(await codeOf(clients.authenticate(wrongAt(100)))).toBe("RATE_LIMITED");
    expect(await clients.authenticate({ ...right, peer: "192.0.2.2" })).toMatchObject({ app: openApp });
  });

  // Threat: a flood of wrong secrets tells which client ids exist.
  test("is answered alike for a client id that exists and one that does not", async () => {
    const { clients } = setUp();
    const codesFor = async (id: string) => {
      const codes: string[] = [];
      for (let index = 0; index < 25; index += 1) {
        codes.push(await codeOf(clients.authenticate({ id, secret: `ccas_wrong_${index}` })));
        codes.push(await codeOf(clients.authenticate({ id, secret: "ccas_wrong_0" })));
      }
      return codes;
    };
    expect(await codesFor("cca_nobody")).toEqual(await codesFor(right.id));
  });

  test("10,000 answers are remembered, and wrong ones make room before a right one goes", async () => {
    const { clients, checks } = setUp({ find: (id) => ({ ...openApp, id }) });
    await clients.authenticate(right);
    const wrongAt = (index: number) => ({ id: `cca_${index}`, secret: "ccas_wrong" });
    for (let index = 0; index < 10_000; index += 1) await codeOf(clients.authenticate(wrongAt(index)));
    expect(checks()).toBe(10_001);

    await clients.authenticate(right);
    await codeOf(clients.authenticate(wrongAt(9_999)));
    expect(checks()).toBe(10_001);
    await codeOf(clients.authenticate(wrongAt(0)));
    expect(checks()).toBe(10_002);
  });

  test("of right answers alone, the oldest goes", async () => {
    const { clients, checks } = setUp({ find: (id) => ({ ...openApp, id }) });
    const rightAt = (index: number) => ({ id: `cca_${index}`, secret: right.secret });
    for (let index = 0; index < 10_001; index += 1) await clients.authenticate(rightAt(index));
    await clients.authenticate(rightAt(10_000));
    await clients.authenticate(rightAt(1));
    expect(checks()).toBe(10_001);
    await clients.authenticate(rightAt(0));
    expect(checks()).toBe(10_002);
  });
});

describe("identity provider down", () => {
  const fault = new UpstreamUnavailable("down", "unsent");
  const down = () => Promise.reject(fault);

  test("nobody gets in, and nothing is remembered of it", async () => {
    const { clients, checkWith } = setUp({ checkClient: down });
    expect(await rejectionOf(clients.authenticate(right))).toBe(fault);
    checkWith(async () => true);
    expect(await clients.authenticate(right)).toMatchObject({ credentials: right });
  });

  test("what was checked within the last minute still counts", async () => {
    const { clients, clock, checkWith } = setUp();
    await clients.authenticate(right);
    checkWith(down);
    clock.advance(59_999);
    expect(await clients.authenticate(right)).toMatchObject({ credentials: right });
    clock.advance(1);
    expect(await rejectionOf(clients.authenticate(right))).toBe(fault);
  });

  test("known credentials come back without allowance after a long outage", async () => {
    const { clients, clock, checkWith } = setUp();
    await clients.authenticate(right);
    clock.advance(60_000);
    checkWith(down);
    for (let tries = 0; tries < 100; tries += 1) expect(await rejectionOf(clients.authenticate(right))).toBe(fault);
    checkWith(async () => true);
    expect(await clients.authenticate(right)).toMatchObject({ credentials: right });
  });
});
