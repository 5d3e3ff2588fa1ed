// The framework alone: answers each request like bare.ts, through Hono and its Node server and nothing else. What a refusal of
// the gateway can cost at least, as long as it is made behind them.
// PORT, BARE_STATUS, BARE_BODY. FRAMEWORK_REDIS: a store; then a refusal also has a keyed hash, a line of log, and for all but a
// 401 one script there, which does nothing: the least that it takes to know of a refusal, and to tell the operator.
import { hash } from "node:crypto";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { Redis, type Result } from "ioredis";
import { gatherWrites } from "../src/adapters/redis/gathered-writes.ts";
import { createLogger } from "../src/observability/log.ts";
import { answerHeaders as headers, serveAtPort } from "./answering.ts";

const { BARE_STATUS = "200", BARE_BODY = "{}", FRAMEWORK_REDIS = "" } = process.env;
const status = Number(BARE_STATUS);

declare module "ioredis" {
  interface RedisCommander<Context> {
    refuse(key: string): Result<string, Context>;
  }
}

function whatARefusalTakes(store: string) {
  const redis = new Redis(store);
  redis.defineCommand("refuse", { numberOfKeys: 1, lua: "return 'limited'" });
  const gather = gatherWrites(redis);
  const log = createLogger({ level: "info", atExit: () => undefined });
  return async (subject: string) => {
    const key = hash("sha3-256", subject, "base64url");
    if (status !== 401) {
      gather();
      await redis.refuse(key);
    }
    log.info({ status }, "request");
  };
}
const refuse = FRAMEWORK_REDIS === "" ? undefined : whatARefusalTakes(FRAMEWORK_REDIS);

const app = new Hono();
app.get("*", () => new Response(BARE_BODY, { headers }));
app.post("*", async (c) => {
  await refuse?.(String(c.req.header("x-client-secret")));
  return new Response(BARE_BODY, { status, headers });
});
serveAtPort(getRequestListener(app.fetch));
