/** A Redis server inside this process; development and tests only. */
export interface EmbeddedRedis {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts js-redis-server on a free loopback port. It keeps everything in memory and forgets it at `close`.
 *
 * @throws Error that says what to do when the package, a development dependency, is not installed
 */
export async function startEmbeddedRedis(): Promise<EmbeddedRedis> {
  const server = await (await loadServer()).createRedisMock();
  return { url: server.url, close: () => server.close() };
}

async function loadServer(): Promise<typeof import("js-redis-server")> {
  try {
    return await import("js-redis-server");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new Error(
      "The embedded store needs the package js-redis-server. Install it (npm install --save-dev js-redis-server), or " +
        "point HEADGATE_REDIS_URL at a Redis server.",
      { cause: error },
    );
  }
}
