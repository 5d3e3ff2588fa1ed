import { Redis } from "ioredis";

/** A key as it lies in a store. */
export interface StoredKey {
  readonly key: string;
  /** Milliseconds left; negative when it stays for ever. */
  readonly ttlMs: number;
  /** Its value as text. */
  readonly text: string;
}

/** Every key of the given loopback nodes. */
export async function readNodes(ports: readonly number[]): Promise<StoredKey[]> {
  const found = await Promise.all(ports.map(readNode));
  return found.flat();
}

/** Every key and value of the given loopback nodes, a line each. */
export async function dumpNodes(ports: readonly number[]): Promise<string> {
  const found = await readNodes(ports);
  return found.map(({ key, text }) => `${key} ${text}`).join("\n");
}

async function readNode(port: number): Promise<StoredKey[]> {
  const client = new Redis(port);
  try {
    const found: StoredKey[] = [];
    let cursor = "0";
    do {
      const [next, names] = await client.scan(cursor, "COUNT", 1000);
      cursor = next;
      for (const key of names) {
        const text = await readValue(client, key);
        const ttlMs = await client.pttl(key);
        // -2: it went away between the two.
        if (ttlMs !== -2) found.push({ key, ttlMs, text });
      }
    } while (cursor !== "0");
    return found;
  } finally {
    client.disconnect();
  }
}

async function readValue(client: Redis, key: string): Promise<string> {
  const type = await client.type(key);
  if (type === "hash") return JSON.stringify(await client.hgetall(key));
  if (type === "zset") return JSON.stringify(await client.zrange(key, "0", "-1"));
  if (type === "list") return JSON.stringify(await client.lrange(key, 0, -1));
  return (await client.get(key)) ?? "";
}
