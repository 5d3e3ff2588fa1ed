import { describe, expect, test } from "vitest";
import { parseOptions, USAGE } from "../../src/dev/options.ts";

describe("the options of npm run dev", () => {
  test("have defaults", () => {
    expect(parseOptions([])).toEqual({ help: false, port: 8787, keycloakPort: 8180 });
  });

  test("are read", () => {
    const args = ["--port", "1", "--keycloak-port=65535", "--keycloak", "http://kc:8080/auth/", "--state-dir", "x"];
    expect(parseOptions([...args, "--redis", "rediss://user:word@host:1/2"])).toEqual({
      help: false,
      port: 1,
      keycloakPort: 65535,
      keycloak: "http://kc:8080/auth",
      stateDir: "x",
      redis: "rediss://user:word@host:1/2",
    });
    expect(parseOptions(["--store", "embedded"]).store).toBe("embedded");
  });

  test.each([["--prot", "8788"], ["-p"], ["start"]])("refuse %s and show the list", (...args) => {
    expect(() => parseOptions(args)).toThrow(USAGE);
    expect(() => parseOptions(args)).toThrow(args[0]);
  });

  test.each([
    [["--port", "0"], "from 1 to 65535"],
    [["--port", "65536"], "from 1 to 65535"],
    [["--port", "8787x"], "from 1 to 65535"],
    [["--port", ""], "from 1 to 65535"],
    [["--port"], "--port"],
    [["--keycloak", "localhost:8180"], "http://localhost:8180"],
    [["--keycloak", "file:///etc/passwd"], "http://localhost:8180"],
    [["--redis", "localhost"], "redis://localhost:6379"],
    [["--store", "memcached"], "embedded"],
    [["--redis", "redis://localhost", "--store", "embedded"], "exclude each other"],
  ])("refuse %j", (args, reason) => {
    expect(() => parseOptions(args)).toThrow(reason);
  });
});
