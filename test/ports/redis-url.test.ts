import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "../../src/adapters/redis/redis-url.ts";

describe("a Redis URL", () => {
  test.each([
    ["redis://localhost", { cluster: false, tls: false, nodes: [{ host: "localhost", port: 6379 }], database: 0 }],
    ["redis://10.0.0.1:7000/3", { cluster: false, tls: false, nodes: [{ host: "10.0.0.1", port: 7000 }], database: 3 }],
    [
      "rediss://app:p%40ss%3A%2Fword@store.example.com:6380",
      {
        cluster: false,
        tls: true,
        nodes: [{ host: "store.example.com", port: 6380 }],
        username: "app",
        password: "p@ss:/word",
        database: 0,
      },
    ],
    [
      "redis+cluster://:secret@a:1,b,[::1]:65535",
      {
        cluster: true,
        tls: false,
        nodes: [
          { host: "a", port: 1 },
          { host: "b", port: 6379 },
          { host: "::1", port: 65_535 },
        ],
        password: "secret",
        database: 0,
      },
    ],
    ["rediss+cluster://a:1", { cluster: true, tls: true, nodes: [{ host: "a", port: 1 }], database: 0 }],
  ])("%s is read", (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  // Threat: a mistyped URL puts the store's password into a log.
  test.each([
    "http://:hunter2@localhost",
    "redis://",
    "redis://:hunter2@localhost:0",
    "redis://:hunter2@localhost:65536",
    "redis://:hunter2@a:1,b:2",
    "redis://:hunter2@localhost/x",
    "redis://:hunter2@localhost:port",
    "redis://hunter2@localhost",
    "redis://:%zzhunter2@localhost",
    "redis+cluster://:hunter2@a:1/1",
    "redis+cluster://a:1,,hunter2:x",
  ])("%s is refused without a word of it in the message", (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError);
    expect(() => parseRedisUrl(url)).not.toThrow(/hunter2/);
  });
});
