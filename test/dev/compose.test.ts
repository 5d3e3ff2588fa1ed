// Fault: the containers drift away from the local start, and what works in one fails in the other.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readDemoRealm } from "../../src/dev/demo-realm.ts";
import { MAIL_PORTS } from "../../src/dev/environment.ts";
import { gatewaySettings } from "../../src/dev/gateway.ts";
import { KEYCLOAK_VERSION } from "../../src/dev/keycloak-archive.ts";
import { KEYCLOAK_BUILD_OPTIONS, keycloakStartOptions } from "../../src/dev/keycloak-server.ts";
import { parseOptions } from "../../src/dev/options.ts";

const root = join(import.meta.dirname, "..", "..");
const { services } = parse(await readFile(join(root, "docker-compose.yml"), "utf8"));
const { port, keycloakPort } = parseOptions([]);
const demo = await readDemoRealm(root);

test("Keycloak is the same release with the same options, realm and variables", () => {
  const { image, command, env_file, environment, volumes } = services.keycloak;
  expect(image).toBe(`quay.io/keycloak/keycloak:${KEYCLOAK_VERSION}`);
  expect(command).toEqual(["start", ...KEYCLOAK_BUILD_OPTIONS, ...keycloakStartOptions(keycloakPort)]);
  expect(env_file).toBe("keycloak/dev.env");
  expect(environment).toEqual({ REALM_SMTP_HOST: "mail", REALM_SMTP_PORT: String(MAIL_PORTS.smtp) });
  expect(Object.keys(demo.variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
  expect(volumes).toEqual(["./keycloak/realm.json:/opt/keycloak/data/import/realm.json:ro"]);
  expect(services.keycloak.healthcheck.test.at(-1)).toContain(`/realms/${demo.realm} `);
});

test("the gateway has the same settings but for the addresses", () => {
  const { env_file, environment } = services.gateway;
  expect(env_file).toBe("keycloak/dev.env");
  const addresses = {
    port,
    keycloakUrl: "http://keycloak:8180",
    redisUrl: "redis://redis:6379",
    smtpUrl: "smtp://mail:1025",
  };
  const local = gatewaySettings({ ...demo, appsFile: "/app/keycloak/apps.json" }, {}, addresses);
  const { HEADGATE_HOST, HEADGATE_KEYCLOAK_ISSUER, ...shared } = environment;
  const own = Object.fromEntries(Object.entries(demo.variables).filter(([name]) => name.startsWith("HEADGATE_")));
  expect({ ...own, ...shared }).toEqual(local);
  expect(HEADGATE_HOST, "published by Docker, which reaches no loopback address").toBe("0.0.0.0");
  const [hostname] = keycloakStartOptions(keycloakPort);
  expect(`--hostname=${HEADGATE_KEYCLOAK_ISSUER}`).toBe(`${hostname}/realms/${demo.realm}`);
});

test("the ports are the same, and only this machine reaches them", () => {
  const published = Object.fromEntries(
    Object.entries<{ ports?: string[] }>(services).map(([name, { ports }]) => [name, ports]),
  );
  const loopback = (number: number) => `127.0.0.1:${number}:${number}`;
  expect(published).toEqual({
    keycloak: [loopback(keycloakPort)],
    redis: undefined,
    mail: [loopback(MAIL_PORTS.http), loopback(MAIL_PORTS.smtp)],
    gateway: [loopback(port)],
  });
});
