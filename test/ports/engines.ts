import { startEmbeddedRedis } from "../../src/adapters/redis/embedded.ts";
import { startRedis, startRedisCluster } from "../support/redis.ts";

/** A running store to run a port suite on. */
export interface Engine {
  readonly url: string;
  /** Loopback ports of all its nodes, for a look at the raw data. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export type StartEngine = () => Promise<Engine>;

export const realRedis: StartEngine = async () => {
  const { url, port, stop } = await startRedis();
  return { url, ports: [port], stop };
};

export const redisCluster: StartEngine = async () => {
  const { url, nodes, stop } = await startRedisCluster();
  return { url, ports: nodes.map(({ port }) => port), stop };
};

export const embeddedRedis: StartEngine = async () => {
  const { url, close } = await startEmbeddedRedis();
  return { url, ports: [Number(new URL(url).port)], stop: close };
};
