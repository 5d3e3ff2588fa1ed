import { join } from "node:path";
import { type DemoRealm, readDemoRealm } from "./demo-realm.ts";
import { DevError } from "./dev-error.ts";
import { gatewaySettings, startGateway } from "./gateway.ts";
import { findJava } from "./java.ts";
import { ensureKeycloakDist } from "./keycloak-dist.ts";
import { startKeycloak } from "./keycloak-server.ts";
import { startMailCatcher } from "./mail-catcher.ts";
import type { DevOptions } from "./options.ts";
import { requireFreePort } from "./ports.ts";
import type { Child, Processes } from "./processes.ts";
import { statusOf } from "./ready.ts";
import type { DevState, StateDir } from "./state.ts";
import type { Steps } from "./steps.ts";
import { requireRedis, startStore } from "./store.ts";

/** Where the mail catcher listens, if these ports are free. */
export const MAIL_PORTS = { smtp: 1025, http: 8025 };

/** What a start needs besides its options. */
export type Surroundings = {
  root: string;
  cache: string;
  env: NodeJS.ProcessEnv;
  state: StateDir;
  processes: Processes;
  steps: Steps;
  /** Aborted when the start is to be given up. */
  signal: AbortSignal;
  /** Takes note of how to stop what was just started; the last comes first at the stop. */
  onStop(stop: () => Promise<void>): void;
};

/**
 * Starts Keycloak, a store, a mail catcher and a gateway, as far as the options do not name existing ones.
 *
 * @throws DevError with what to do
 */
export async function startEnvironment(
  options: DevOptions,
  around: Surroundings,
): Promise<{ state: DevState; children: Child[] }> {
  const { root, env, state, processes, steps, onStop } = around;
  const demo = await readDemoRealm(root, env);
  // Before anything is started, so that nothing has to be stopped for it.
  await requireFreePort(options.port, "the gateway", "--port");
  if (!options.keycloak)
    await requireFreePort(
      options.keycloakPort,
      "Keycloak",
      "--keycloak-port",
      await hintAtKeycloak(options.keycloakPort, demo.realm),
    );
  const mail = await steps.run(
    "Mail catcher",
    () => startMailCatcher(state.mail, MAIL_PORTS),
    ({ url }) => url,
  );
  onStop(mail.stop);
  const store = await steps.run(
    "Store",
    () =>
      options.redis
        ? requireRedis(options.redis)
        : startStore({ dir: join(state.run, "redis"), env, processes, ...(options.store && { kind: options.store }) }),
    ({ description }) => description,
  );
  onStop(store.stop);
  const keycloak = options.keycloak
    ? await existingKeycloak(options.keycloak, demo, steps)
    : await ownKeycloak(options.keycloakPort, demo, mail.smtp, around);
  const settings = gatewaySettings(demo, env, {
    port: options.port,
    keycloakUrl: keycloak.url,
    redisUrl: store.url,
    smtpUrl: mail.smtp.url,
  });
  const gateway = await steps.run(
    "Gateway",
    () => startGateway(root, settings, env, processes),
    ({ url }) => url,
  );
  onStop(gateway.stop);
  return {
    state: {
      gateway: { url: gateway.url },
      keycloak: { url: keycloak.url, realm: demo.realm, admin: demo.admin },
      mail: { url: mail.url, dir: mail.dir },
      apps: demo.apps.map(({ id, secret, licensed }) => ({ id, secret, licensed })),
      users: demo.users,
      store: { url: store.url },
      pid: process.pid,
      env: settings,
    },
    children: [gateway.child, keycloak.child, store.child].filter((child) => child !== undefined),
  };
}

async function existingKeycloak(
  url: string,
  { realm }: DemoRealm,
  steps: Steps,
): Promise<{ url: string; child?: Child }> {
  await steps.run(
    "Keycloak",
    async () => {
      const status = await statusOf(`${url}/realms/${realm}`, 10_000);
      if (status === 200) return;
      throw new DevError(
        status === undefined
          ? `Nobody answers at ${url}. Start that Keycloak, or leave --keycloak away to have one started.`
          : `The Keycloak at ${url} has no realm "${realm}" (it answers ${status}). Import keycloak/realm.json there, with the\n` +
              "variables of keycloak/dev.env in its environment, or leave --keycloak away to have one started.",
      );
    },
    () => url,
  );
  return { url };
}

async function ownKeycloak(
  port: number,
  demo: DemoRealm,
  smtp: { host: string; port: number },
  { cache, env, state, processes, steps, signal, onStop }: Surroundings,
): Promise<{ url: string; child?: Child }> {
  const java = await steps.run(
    "Java",
    () => findJava(env),
    ({ version }) => version,
  );
  const dist = await ensureKeycloakDist({ cache, env, java, processes, steps, signal });
  const server = await steps.run(
    "Keycloak",
    () =>
      startKeycloak({
        dist,
        home: join(state.run, "keycloak"),
        realmFile: demo.realmFile,
        realm: demo.realm,
        port,
        java,
        env,
        variables: { ...demo.variables, REALM_SMTP_HOST: smtp.host, REALM_SMTP_PORT: String(smtp.port) },
        processes,
      }),
    ({ url }) => url,
  );
  onStop(server.stop);
  return server;
}

async function hintAtKeycloak(port: number, realm: string): Promise<string> {
  const url = `http://localhost:${port}`;
  if ((await statusOf(`${url}/realms/${realm}`)) !== 200) return "";
  return `\nIt is a Keycloak with this realm. To use it as it is: npm run dev -- --keycloak ${url}`;
}
