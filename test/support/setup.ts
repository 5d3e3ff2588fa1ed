import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDir } from "../../bin/lib/cache-dir.mjs";
import { readDemoRealm } from "../../src/dev/demo-realm.ts";
import { findJava } from "../../src/dev/java.ts";
import { ensureKeycloakDist } from "../../src/dev/keycloak-dist.ts";
import { startKeycloak } from "../../src/dev/keycloak-server.ts";
import { startMailCatcher } from "../../src/dev/mail-catcher.ts";
import { freePort } from "../../src/dev/ports.ts";
import { createProcesses } from "../../src/dev/processes.ts";
import { createSteps } from "../../src/dev/steps.ts";

const root = join(import.meta.dirname, "..", "..");

/**
 * Starts one Keycloak and one mail catcher for all tests that need them, as {@link startTestKeycloak} does. Where
 * `HEADGATE_TEST_KEYCLOAK_URL` is set already, that Keycloak is used.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const { env } = process;
  if (!env["HEADGATE_TEST_KEYCLOAK_URL"]) return startTestKeycloak(await freePort());
  env["HEADGATE_TEST_KEYCLOAK_ADMIN"] ??= adminOf(await readDemoRealm(root));
  return undefined;
}

const adminOf = ({ admin }: Awaited<ReturnType<typeof readDemoRealm>>) => `${admin.username}:${admin.password}`;

/**
 * Starts a Keycloak with the realm of keycloak/, and a mail catcher for it. The tests find them in
 * `HEADGATE_TEST_KEYCLOAK_URL`, `HEADGATE_TEST_KEYCLOAK_ADMIN` (`user:password`), `HEADGATE_TEST_SMTP_URL` and
 * `HEADGATE_TEST_MAIL_URL`. Returns what stops both.
 */
export async function startTestKeycloak(port: number): Promise<() => Promise<void>> {
  const { env } = process;
  const demo = await readDemoRealm(root);
  env["HEADGATE_TEST_KEYCLOAK_ADMIN"] ??= adminOf(demo);
  const steps = createSteps(process.stdout);
  const dir = await mkdtemp(join(tmpdir(), "headgate-test-"));
  const processes = createProcesses(join(dir, "logs"));
  processes.guard.removeAtDeath(dir);
  const mail = await startMailCatcher(join(dir, "mail"));
  const stop = async () => {
    await processes.close();
    await mail.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const java = await findJava(env);
    const abort = new AbortController();
    const dist = await ensureKeycloakDist({ cache: cacheDir(), env, java, processes, steps, signal: abort.signal });
    const keycloak = await steps.run(
      "Keycloak for the tests",
      () =>
        startKeycloak({
          dist,
          home: join(dir, "keycloak"),
          realmFile: demo.realmFile,
          realm: demo.realm,
          port,
          java,
          env,
          variables: { ...demo.variables, REALM_SMTP_HOST: mail.smtp.host, REALM_SMTP_PORT: String(mail.smtp.port) },
          processes,
        }),
      ({ url }) => url,
    );
    env["HEADGATE_TEST_KEYCLOAK_URL"] = keycloak.url;
    env["HEADGATE_TEST_SMTP_URL"] = mail.smtp.url;
    env["HEADGATE_TEST_MAIL_URL"] = mail.url;
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
