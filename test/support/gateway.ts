import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { devEnv, keycloakUrl, realm } from "./keycloak.ts";

const root = join(import.meta.dirname, "..", "..");

/** A gateway process, started from the sources with the production command. */
export interface TestGateway {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything it wrote so far. */
  output(): string;
  /** Ends it with a signal and resolves to its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface TestGatewayOptions {
  readonly redisUrl: string;
  /** Settings over the development ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether to wait until it is ready; else until it answers at all. */
  readonly waitForReady?: boolean;
}

/** The environment of a gateway on the tests' Keycloak. */
export function gatewayEnv(options: Pick<TestGatewayOptions, "redisUrl" | "env">): Record<string, string> {
  const settings = Object.entries(devEnv).filter(([name]) => name.startsWith("HEADGATE_"));
  return {
    PATH: process.env["PATH"] ?? "",
    NODE_ENV: "test",
    ...Object.fromEntries(settings),
    HEADGATE_PORT: "0",
    HEADGATE_APPS_FILE: join(root, "keycloak", "apps.json"),
    HEADGATE_KEYCLOAK_URL: keycloakUrl,
    HEADGATE_KEYCLOAK_REALM: realm,
    HEADGATE_REDIS_URL: options.redisUrl,
    HEADGATE_SMTP_URL: process.env["HEADGATE_TEST_SMTP_URL"] ?? "smtp://127.0.0.1:1",
    // Wrong passwords are answered at once: most tests make many. Whoever measures their time unsets it.
    HEADGATE_LOGIN_REFUSAL_STEP_MS: "0",
    ...options.env,
  };
}

/** Runs `headgate` with arguments and an environment until it ends. */
export async function runHeadgate(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(root, "src", "main.ts"), ...args], { env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

/** Starts a gateway and waits for it. */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const child = spawn(process.execPath, [join(root, "src", "main.ts"), "start"], { env: gatewayEnv(options) });
  let output = "";
  let url: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
      const port = /"port":(\d+),"apps":\d+,"msg":"listening"/.exec(output)?.[1];
      if (port !== undefined) url = `http://127.0.0.1:${port}`;
    });
  }
  const probe = options.waitForReady === false ? "/livez" : "/readyz";
  const deadline = Date.now() + 20_000;
  while (url === undefined || !(await answersOk(url + probe))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`The gateway did not get ready:\n${output}`);
    }
    await sleep(50);
  }
  return {
    url,
    process: child,
    output: () => output,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const closed = once(child, "close");
      child.kill(signal);
      await closed;
      return child.exitCode;
    },
  };
}

/** What `/readyz` says. */
export async function readyz({ url }: Pick<TestGateway, "url">): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: await response.json() };
}

async function answersOk(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ status }) => status === 200,
    () => false,
  );
}
