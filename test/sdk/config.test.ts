import { afterEach, describe, expect, it, vi } from "vitest";
import { HeadlessAuthClient, type HeadlessAuthConfig } from "../../src/sdk/index.ts";
import { credentials, json, lockoutStatus, startStubGateway } from "./stub-gateway.ts";

const valid = { baseUrl: "https://auth.example.com", ...credentials };

function refusal(config: unknown): string {
  try {
    new HeadlessAuthClient(config as HeadlessAuthConfig);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }
  throw new Error("the configuration was accepted");
}

afterEach(() => vi.unstubAllEnvs());

describe("configuration", () => {
  it("names every option that is missing", () => {
    vi.stubEnv("CALIMATIC_CLIENT_ID", undefined);
    vi.stubEnv("CALIMATIC_CLIENT_SECRET", undefined);
    for (const config of [undefined, {}, { baseUrl: "", clientId: "", clientSecret: undefined }]) {
      const message = refusal(config);
      expect(message).toContain("baseUrl is missing");
      expect(message).toContain("clientId is missing: pass it or set CALIMATIC_CLIENT_ID");
      expect(message).toContain("clientSecret is missing: pass it or set CALIMATIC_CLIENT_SECRET");
    }
  });

  it.each([
    ["a relative address", { baseUrl: "/auth" }, "absolute URL"],
    ["another scheme", { baseUrl: "ftp://auth.example.com" }, "https:// or http://"],
    ["credentials in the address", { baseUrl: "https://jane:hunter2@auth.example.com" }, "user name or a password"],
    ["a query", { baseUrl: "https://auth.example.com?secret=hunter2" }, "query or a fragment"],
    ["a fragment", { baseUrl: "https://auth.example.com#hunter2" }, "query or a fragment"],
    ["the API's own path", { baseUrl: "https://auth.example.com/api/v1/auth/headless/" }, "the SDK adds it"],
    ["a broken address", { baseUrl: "https://jane:hunter2@:x" }, "absolute URL"],
    ["a line break in the secret", { clientSecret: "hunter2\r\nx-evil: 1" }, "clientSecret must be"],
    ["a placeholder in the id", { clientId: "hunter2…" }, "clientId must be"],
    ["a secret that is no string", { clientSecret: { hunter2: 1 } }, "clientSecret must be"],
    ["a time-out of 0", { timeoutMs: 0 }, "timeoutMs must be"],
    ["a time-out that no timer can hold", { timeoutMs: 2 ** 31 }, "timeoutMs must be"],
    ["a fraction of a millisecond", { timeoutMs: 0.5 }, "timeoutMs must be"],
    ["an onRefresh that is no function", { onRefresh: "hunter2" }, "onRefresh must be a function"],
    ["a fetch that is no function", { fetch: "hunter2" }, "fetch must be a function"],
  ])("refuses %s and does not repeat its value", (_name, change, expected) => {
    const message = refusal({ ...valid, ...change });
    expect(message).toContain(expected);
    expect(message).not.toContain("hunter2");
  });

  it("takes id and secret from the environment, but prefers the options", async () => {
    vi.stubEnv("CALIMATIC_CLIENT_ID", "cca_environment");
    vi.stubEnv("CALIMATIC_CLIENT_SECRET", "ccas_environment");
    const gateway = await startStubGateway();
    try {
      gateway.answerWith(json(200, lockoutStatus));
      const { baseUrl } = gateway;
      await new HeadlessAuthClient({ baseUrl }).security.unlock({ userId: "u" });
      await new HeadlessAuthClient({ baseUrl, clientId: "cca_option" }).security.unlock({ userId: "u" });
      const seen = gateway.received.map(({ headers }) => [headers["x-client-id"], headers["x-client-secret"]]);
      expect(seen).toEqual([
        ["cca_environment", "ccas_environment"],
        ["cca_option", "ccas_environment"],
      ]);
    } finally {
      await gateway.close();
    }
  });

  it.each([
    ["", "/api/v1/auth/headless/login"],
    ["/", "/api/v1/auth/headless/login"],
    ["/gateway", "/gateway/api/v1/auth/headless/login"],
    ["/gateway//", "/gateway/api/v1/auth/headless/login"],
  ])("puts the API below the base address with path %j", async (path, expected) => {
    const urls: string[] = [];
    const client = new HeadlessAuthClient({
      ...valid,
      baseUrl: `https://auth.example.com${path}`,
      fetch: (url) => {
        urls.push(url);
        return Response.json({ mfaRequired: true, mfaToken: "mfa_t", expiresIn: 300, methods: ["totp"], user: {} });
      },
    });
    await client.auth.login({ email: "jane@example.com", password: "p" });
    expect(urls).toEqual([`https://auth.example.com${expected}`]);
  });

  it("uses a global fetch that is installed later, as instrumentation does", async () => {
    const client = new HeadlessAuthClient(valid);
    const calls: unknown[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      calls.push(url);
      return Response.json(lockoutStatus);
    });
    try {
      await client.security.unlock({ userId: "u" });
    } finally {
      vi.unstubAllGlobals();
    }
    expect(calls).toHaveLength(1);
  });
});
