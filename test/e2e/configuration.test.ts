import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { callApi } from "../support/api.ts";
import { gatewayEnv, runHeadgate, startGateway } from "../support/gateway.ts";
import { createUser, demoApp, secondApp } from "../support/keycloak.ts";
import { startRedis } from "../support/redis.ts";

const folder = mkdtempSync(join(tmpdir(), "headgate-config-"));
const env = (more: Record<string, string>) => gatewayEnv({ redisUrl: "embedded", env: more });

test("every bad name is printed, no value is, and nothing listens", async () => {
  const { code, output } = await runHeadgate(
    ["start"],
    env({
      HEADGATE_SECRET: "too-short-secret",
      HEADGATE_PORT: "99999",
      HEADGATE_KEYCLOAK_URL: "marked-value",
      HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET: "",
      HEADGATE_LIMIT_CLIENT: "many",
      HEADGATE_LOCKUOT_SECONDS: "600",
    }),
  );
  expect(code).toBe(1);
  for (const line of [
    "HEADGATE_SECRET must have 32 characters or more",
    "HEADGATE_PORT must be from 0 to 65535",
    "HEADGATE_KEYCLOAK_URL must be a URL with http:// or https://",
    "HEADGATE_KEYCLOAK_OTP_CLIENT_SECRET is missing",
    "HEADGATE_LIMIT_CLIENT must be requests/seconds, such as 600/60",
    "HEADGATE_LOCKUOT_SECONDS is not known",
  ]) {
    expect(output).toContain(line);
  }
  for (const value of ["too-short-secret", "99999", "marked-value", "many,", "listening"]) {
    expect(output).not.toContain(value);
  }
});

// Threat: a production gateway whose lockouts are forgotten at every restart and shared with no other instance.
test("the embedded store is refused in production", async () => {
  const { code, output } = await runHeadgate(["start"], env({ NODE_ENV: "production" }));
  expect(code).toBe(1);
  expect(output).toContain("HEADGATE_REDIS_URL must not be `embedded` when NODE_ENV is production");
});

test("check-config says what it found", async () => {
  const good = await runHeadgate(["check-config"], env({}));
  expect(good).toEqual({
    code: 0,
    output: "The configuration is valid; apps: cca_demo, cca_demo_two, cca_demo_licensed\n",
  });
  const appsFile = join(folder, "broken.json");
  writeFileSync(appsFile, JSON.stringify({ apps: [{ id: "cca_x", links: { resetPassword: "javascript:1" } }] }));
  const bad = await runHeadgate(["check-config"], env({ HEADGATE_APPS_FILE: appsFile }));
  expect(bad.code).toBe(1);
  expect(bad.output).toContain("HEADGATE_APPS_FILE: apps.0.links.resetPassword: must be an http or https URL");
});

test.each([[[]], [["fly"]], [["start", "now"]]])("the arguments %j are refused with the usage", async (args) => {
  const { code, output } = await runHeadgate(args, env({}));
  expect(code).toBe(2);
  expect(output).toContain("Usage: headgate <command>");
});

test.each([
  ["is away", "redis://127.0.0.1:1", "ECONNREFUSED"],
  ["wants another password", "redis://:wrong@127.0.0.1:PORT", "WRONGPASS"],
])("mail list says why, when the store %s", async (_what, url, reason) => {
  const redis = await startRedis({ args: ["--requirepass", "right"] });
  const { code, output } = await runHeadgate(
    ["mail", "list"],
    env({ HEADGATE_REDIS_URL: url.replace("PORT", `${redis.port}`) }),
  );
  await redis.stop();
  expect(code).toBe(1);
  expect(output).toContain(`HEADGATE_REDIS_URL: the store does not answer (${reason})`);
  expect(output).not.toContain("wrong");
});

test("the apps file is followed without a restart, and a broken one changes nothing", async () => {
  const appsFile = join(folder, "apps.json");
  const write = (...ids: string[]) => writeFileSync(appsFile, JSON.stringify({ apps: ids.map((id) => ({ id })) }));
  write(demoApp.id);
  const gateway = await startGateway({ redisUrl: "embedded", env: { HEADGATE_APPS_FILE: appsFile } });
  const user = await createUser();
  const login = async (app: typeof demoApp) =>
    (await callApi(gateway, "/login", { app, body: { email: user.email, password: user.password } })).status;
  const reloads = () => gateway.output().split("apps file").length - 1;
  const untilReloaded = async (times: number) => {
    while (reloads() < times) await sleep(100);
  };
  expect([await login(demoApp), await login(secondApp)]).toEqual([200, 401]);
  write(demoApp.id, secondApp.id);
  await untilReloaded(1);
  expect([await login(demoApp), await login(secondApp)]).toEqual([200, 200]);
  writeFileSync(appsFile, "{ not json");
  await untilReloaded(2);
  expect(gateway.output()).toContain("apps file not usable, the former one stays");
  expect([await login(demoApp), await login(secondApp)]).toEqual([200, 200]);
  await gateway.stop();
});
