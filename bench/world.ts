import { join } from "node:path";
import { Redis } from "ioredis";
import { readDemoRealm } from "../src/dev/demo-realm.ts";
import { startRedis } from "../test/support/redis.ts";
import { createHttpClient, rawRequest } from "./http-client.ts";
import { type BenchProcess, startProcess } from "./processes.ts";

const root = join(import.meta.dirname, "..");

/** Where Keycloak is, or what stands in for it. */
export interface Upstream {
  readonly url: string;
  readonly realm: string;
}

/** The servers that benchmarks start, each in a process of its own; all end with `close`. */
export interface World {
  readonly redis: Redis;
  readonly redisUrl: string;
  /** The stub of Keycloak. */
  readonly stub: BenchProcess & Upstream;
  /** How often each kind of call came to the stub since the last time. */
  stubCalls(): Promise<Readonly<Record<string, number>>>;
  /** Before each answer of the stub's token endpoint. */
  delayStub(milliseconds: number): Promise<void>;
  /** Under the given host name, which is its issuer's. */
  startStub(env: Readonly<Record<string, string>>, host?: string): Promise<BenchProcess & Upstream>;
  /** A gateway with the production command and settings, rate limits out of the way. */
  startGateway(upstream: Upstream, env?: Readonly<Record<string, string>>): Promise<BenchProcess>;
  /** `sealing`: what a refresh leaves is sealed as the gateway seals it. `onFramework`: with the gateway's framework and scripts. */
  startFloor(upstream: Upstream, kind?: "plain" | "sealing" | "onFramework"): Promise<BenchProcess>;
  /**
   * A server that answers everything alike: on `node:http` alone, through the framework as well, or with the least besides that
   * a refusal takes.
   */
  startBare(status: number, body: string, kind?: "bare" | "framework" | "leastRefusal"): Promise<BenchProcess>;
  close(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const server = await startRedis();
  const redis = new Redis(server.url);
  const demo = await readDemoRealm(root);
  const started: BenchProcess[] = [];
  const keep = (process: BenchProcess): BenchProcess => {
    started.push(process);
    return process;
  };

  async function startStub(env: Readonly<Record<string, string>>, host = "127.0.0.1") {
    const stub = keep(
      await startProcess({
        entry: "bench/stub-keycloak.ts",
        env: { ...env, STUB_HOST: host },
        probe: "/realms/headgate",
      }),
    );
    return { ...stub, url: `http://${host}:${stub.port}`, realm: demo.realm };
  }
  const stub = await startStub({});
  const control = createHttpClient(stub.port);
  const askStub = async (query: string) => {
    const { body } = await control.send(rawRequest({ method: "GET", path: `/stub${query}` }));
    return JSON.parse(body) as Record<string, number>;
  };

  const settings = Object.entries(demo.variables).filter(([name]) => name.startsWith("HEADGATE_"));
  return {
    redis,
    redisUrl: server.url,
    stub,
    stubCalls: () => askStub(""),
    async delayStub(milliseconds) {
      await askStub(`?delayMs=${milliseconds}`);
    },
    startStub,
    startGateway: async (upstream, env = {}) =>
      keep(
        await startProcess({
          entry: "bin/headgate.mjs",
          args: ["start"],
          portVariable: "HEADGATE_PORT",
          probe: "/livez",
          // For a profile: BENCH_NODE_ARGS=--cpu-prof.
          nodeArgs: process.env["BENCH_NODE_ARGS"]?.split(" ") ?? [],
          env: {
            ...Object.fromEntries(settings),
            NODE_ENV: "production",
            HEADGATE_APPS_FILE: join(root, "keycloak", "apps.json"),
            HEADGATE_KEYCLOAK_URL: upstream.url,
            HEADGATE_KEYCLOAK_REALM: upstream.realm,
            HEADGATE_REDIS_URL: server.url,
            HEADGATE_SMTP_URL: "smtp://127.0.0.1:1",
            HEADGATE_LIMIT_CLIENT: "999999/1",
            HEADGATE_LIMIT_ADDRESS: "999999/1",
            HEADGATE_LIMIT_ACCOUNT: "999999/1",
            ...env,
          },
        }),
      ),
    startFloor: async ({ url, realm }, kind = "plain") =>
      keep(
        await startProcess({
          entry: kind === "onFramework" ? "bench/floor-on-framework.ts" : "bench/floor.ts",
          env: {
            FLOOR_KEYCLOAK: url,
            FLOOR_REALM: realm,
            FLOOR_REDIS: server.url,
            FLOOR_SEALING: kind === "sealing" ? "1" : "",
          },
          probe: "/",
        }),
      ),
    startBare: async (status, body, kind = "bare") =>
      keep(
        await startProcess({
          entry: kind === "bare" ? "bench/bare.ts" : "bench/framework.ts",
          env: {
            BARE_STATUS: String(status),
            BARE_BODY: body,
            FRAMEWORK_REDIS: kind === "leastRefusal" ? server.url : "",
          },
          probe: "/",
        }),
      ),
    async close() {
      control.close();
      await Promise.all(started.map((process) => process.stop()));
      redis.disconnect();
      await server.stop();
    },
  };
}
