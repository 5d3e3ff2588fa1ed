// What `npm run fuzz` runs: schemathesis over the served OpenAPI document, against a gateway on a real Keycloak, Redis and
// SMTP server. It fails on any 5xx and on any status, content type, header or body that the document does not declare.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDir } from "../../bin/lib/cache-dir.mjs";
import { setup } from "../support/setup.ts";

const version = "4.32.5";
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "response_headers_conformance",
];
const [seconds = "240"] = process.argv.slice(2);

/** Installs schemathesis once, in an environment of its own. */
function schemathesis(): string {
  const home = join(cacheDir(), `schemathesis-${version}`);
  const program = join(home, "bin", "schemathesis");
  if (existsSync(program)) return program;
  for (const [command, ...args] of [
    ["python3", "-m", "venv", home],
    [join(home, "bin", "pip"), "install", "--quiet", `schemathesis==${version}`],
  ] as [string, ...string[]][]) {
    if (spawnSync(command, args, { stdio: "inherit" }).status !== 0) {
      throw new Error("schemathesis could not be installed: it needs Python 3.10 or newer with venv (python3-venv).");
    }
  }
  return program;
}

const program = schemathesis();
const stopKeycloak = await setup();
// These read where Keycloak is when they are loaded.
const { callApi } = await import("../support/api.ts");
const { startGateway } = await import("../support/gateway.ts");
const { createUser, demoApp } = await import("../support/keycloak.ts");
const { startMailbox } = await import("../support/mailbox.ts");
const { startRedis } = await import("../support/redis.ts");

const dir = await mkdtemp(join(tmpdir(), "headgate-fuzz-"));
const [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
const gateway = await startGateway({
  redisUrl: redis.url,
  env: {
    HEADGATE_SMTP_URL: mailbox.smtpUrl,
    HEADGATE_LIMIT_CLIENT: "900000/60",
    HEADGATE_LIMIT_ADDRESS: "900000/60",
  },
});
try {
  const user = await createUser();
  const { body } = await callApi(gateway, "/login", { body: { email: user.email, password: user.password } });
  const headers = {
    "x-client-id": demoApp.id,
    "x-client-secret": demoApp.secret,
    authorization: `Bearer ${body.accessToken}`,
  };
  const config = join(dir, "schemathesis.toml");
  writeFileSync(config, "");
  const args = ["--config-file", config, "run", `${gateway.url}/openapi.json`, "--checks", checks.join(",")];
  for (const [name, value] of Object.entries(headers)) args.push("-H", `${name}: ${value}`);
  args.push("--continue-on-failure", "--max-time", seconds);
  // Not spawnSync: the mail server runs in this process.
  const [code] = (await once(spawn(program, args, { stdio: "inherit", cwd: dir }), "exit")) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await gateway.stop();
  await Promise.all([mailbox.stop(), redis.stop(), rm(dir, { recursive: true, force: true })]);
  await stopKeycloak?.();
}
