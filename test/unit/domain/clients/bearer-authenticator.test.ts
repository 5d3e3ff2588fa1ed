import { expect, test } from "vitest";
import { createBearerAuthenticator } from "../../../../src/domain/clients/bearer-authenticator.ts";
import type { AccessTokenClaims } from "../../../../src/domain/ports/access-tokens.ts";
import { UpstreamUnavailable } from "../../../../src/domain/ports/faults.ts";
import { appOne, appTwo, clientOf, createGatewayWorld } from "../../../fakes/gateway-world.ts";

const claims: AccessTokenClaims = {
  userId: "0f8fad5b-d9cb-469f-a165-70867728950e",
  sessionId: "s".repeat(24),
  azp: appOne.id,
  email: "jane@example.com",
};

function setUp() {
  const { apps, served } = createGatewayWorld();
  const checked: string[] = [];
  const fault = new UpstreamUnavailable("away", "unsent");
  const bearers = createBearerAuthenticator({
    apps,
    accessTokens: {
      async verify(token) {
        checked.push(token);
        if (token === "fault") throw fault;
        return token === "good" ? claims : undefined;
      },
    },
  });
  return { bearers, served, checked, fault };
}

test("a good token gives its claims and its app, with and without the app client's headers", async () => {
  const { bearers } = setUp();
  expect(await bearers.authenticate({ accessToken: "good" })).toEqual({ claims, app: appOne });
  expect(await bearers.authenticate({ accessToken: "good", client: clientOf(appOne) })).toEqual({
    claims,
    app: appOne,
  });
});

test.each([undefined, ""])("a missing token (%j) is refused without a look", async (accessToken) => {
  const { bearers, checked } = setUp();
  await expect(bearers.authenticate({ accessToken })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  expect(checked).toEqual([]);
});

test("a token that is not good is refused", async () => {
  const { bearers } = setUp();
  await expect(bearers.authenticate({ accessToken: "bad" })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
});

// Threat: one app acts on the users of another with a token that it has got hold of.
test("a token of another app is refused as the wrong client's", async () => {
  const { bearers } = setUp();
  await expect(bearers.authenticate({ accessToken: "good", client: clientOf(appTwo) })).rejects.toMatchObject({
    code: "INVALID_CLIENT",
  });
});

test("a token of a client that is no app of this gateway is refused", async () => {
  const { bearers, served } = setUp();
  served.delete(appOne.id);
  await expect(bearers.authenticate({ accessToken: "good" })).rejects.toMatchObject({ code: "INVALID_TOKEN" });
});

test("what cannot be checked is a fault, not a bad token", async () => {
  const { bearers, fault } = setUp();
  await expect(bearers.authenticate({ accessToken: "fault" })).rejects.toBe(fault);
});
