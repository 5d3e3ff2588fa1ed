import { Redis } from "ioredis";
import { startRedis, succeeds, type TestRedis, until } from "./redis.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

/** A master with one replica; the gateways reach whichever is the master by one address. */
export interface ReplicatedRedis {
  /** Leads to the master, after a failover to the new one. */
  readonly url: string;
  readonly masterPort: number;
  readonly replicaPort: number;
  /** Stops the traffic between master and replica; their connection stays. */
  pauseReplication(): void;
  resumeReplication(): void;
  /** Kills the master, makes the replica the new one, and leads the gateways there. Nothing replicates it then. */
  failOver(): Promise<void>;
  /** Gives the present master a new replica. */
  addReplica(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts both, with settings for each, and waits until the replica follows. */
export async function startReplicatedRedis(args: readonly string[] = []): Promise<ReplicatedRedis> {
  const settings = ["--repl-diskless-sync-delay", "0", ...args];
  const servers: TestRedis[] = [];
  const start = async (more: readonly string[] = []) => {
    const server = await startRedis({ args: [...settings, ...more] });
    servers.push(server);
    return server;
  };
  const followerOf = async (port: number) => {
    const follower = await start(["--replicaof", "127.0.0.1", String(port)]);
    await within(follower.port, (client) =>
      until(async () => /master_link_status:up/.test(await client.info("replication"))),
    );
    return follower;
  };

  const master = await start();
  const link = await startTcpProxy(master.port);
  const front = await startTcpProxy(master.port);
  const replica = await followerOf(link.port);
  let present = master;

  return {
    url: `redis://127.0.0.1:${front.port}`,
    masterPort: master.port,
    replicaPort: replica.port,
    pauseReplication: () => link.behave({ kind: "hang" }),
    resumeReplication: () => link.behave({ kind: "pass" }),
    async failOver() {
      await master.stop();
      await within(replica.port, (client) => client.replicaof("NO", "ONE"));
      present = replica;
      front.lead(replica.port);
    },
    async addReplica() {
      await followerOf(present.port);
    },
    async stop() {
      await Promise.all([link.close(), front.close()]);
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** Works with a client of its own. */
async function within<T>(port: number, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(port);
  try {
    await until(() => succeeds(client.ping()));
    return await work(client);
  } finally {
    client.disconnect();
  }
}
