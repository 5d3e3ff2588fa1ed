import { type CountingProxy, startCountingProxy } from "./counting-proxy.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { issuer, keycloakUrl } from "./keycloak.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** A gateway whose way to Keycloak can be spoiled. */
export interface FaultStack {
  readonly redis: TestRedis;
  readonly proxy: CountingProxy;
  readonly gateway: TestGateway;
  stop(): Promise<void>;
}

/** The environment of a gateway that reaches the tests' Keycloak through a proxy. */
export const through = (proxy: { readonly url: string }): Record<string, string> => ({
  HEADGATE_KEYCLOAK_URL: proxy.url,
  HEADGATE_KEYCLOAK_ISSUER: issuer,
});

/** Starts a store, a proxy before Keycloak, and a gateway on both. */
export async function startFaultStack(env: Readonly<Record<string, string>> = {}): Promise<FaultStack> {
  const redis = await startRedis();
  const proxy = await startCountingProxy(keycloakUrl);
  const gateway = await startGateway({ redisUrl: redis.url, env: { ...through(proxy), ...env } });
  return {
    redis,
    proxy,
    gateway,
    async stop() {
      await gateway.stop("SIGKILL");
      await proxy.close();
      await redis.stop();
    },
  };
}
