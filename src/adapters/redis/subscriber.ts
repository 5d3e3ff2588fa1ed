import type { Cluster, Redis } from "ioredis";

/** Messages of one channel at a time a listener; a lost connection loses messages, never the subscription. */
export interface RedisSubscriber {
  /** Hears the channel from the moment the server has confirmed it, and again after every reconnect. */
  listen(channel: string, onMessage: (message: string) => void): void;
  close(): void;
}

const retryMs = 1_000;

/** Subscribes on a connection of its own, opened at the first use. */
export function createSubscriber(open: () => Redis): RedisSubscriber {
  let connection: Redis | undefined;
  return {
    listen(channel, onMessage) {
      if (connection === undefined) {
        connection = open();
        connection.on("error", () => undefined);
      }
      const to = connection;
      to.on("message", (from: string, message: string) => {
        if (from === channel) onMessage(message);
      });
      // A lost connection becomes ready again and repeats it.
      const subscribe = () => {
        to.subscribe(channel).catch(() => undefined);
      };
      to.on("ready", subscribe);
      if (to.status === "ready") subscribe();
    },
    close: () => connection?.disconnect(),
  };
}

/** Subscribes with the cluster client's own subscriber connection, which moves on when its node goes away. */
export function createClusterSubscriber(cluster: Cluster): RedisSubscriber {
  const channels = new Map<string, NodeJS.Timeout | undefined>();
  let closed = false;

  function subscribe(channel: string): void {
    clearTimeout(channels.get(channel));
    channels.set(channel, undefined);
    cluster.subscribe(channel).catch(() => {
      if (!closed && cluster.status === "ready") channels.set(channel, setTimeout(subscribe, retryMs, channel));
    });
  }

  return {
    listen(channel, onMessage) {
      channels.set(channel, undefined);
      cluster.on("message", (from: string, message: string) => {
        if (!closed && from === channel) onMessage(message);
      });
      cluster.on("ready", () => subscribe(channel));
      if (cluster.status === "ready") subscribe(channel);
    },
    close() {
      closed = true;
      for (const [channel, timer] of channels) {
        clearTimeout(timer);
        cluster.unsubscribe(channel).catch(() => undefined);
      }
      channels.clear();
    },
  };
}
