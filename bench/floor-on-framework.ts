// The floor with what is fixed about the gateway: Hono on its Node server, the request and the answer checked with zod, a line
// of pino, and the scripts that decide at the store. Still none of the gateway's own code around them: what is between this
// server and the floor is spent before the gateway has checked anything.
// PORT, FLOOR_REDIS; the rest: floor-job.ts.
import { getRequestListener } from "@hono/node-server";
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { Redis, type Result } from "ioredis";
import { loadAdmissionScripts } from "../src/adapters/redis/scripts.ts";
import { headlessBasePath } from "../src/contract/headless.ts";
import { tokenSetSchema } from "../src/http/headless/schemas.ts";
import { email, password } from "../src/http/strings.ts";
import { createLogger } from "../src/observability/log.ts";
import { answerHeaders, serveAtPort } from "./answering.ts";
import { openJob } from "./floor-job.ts";

const { FLOOR_REDIS = "" } = process.env;
const redis = new Redis(FLOOR_REDIS);
const log = createLogger({ level: "info", atExit: () => undefined });

declare module "ioredis" {
  interface RedisCommander<Context> {
    gatewayEnter(...args: string[]): Result<unknown, Context>;
    gatewaySettle(...args: string[]): Result<unknown, Context>;
  }
}
const { enterAccount, settleAccount } = loadAdmissionScripts();
redis.defineCommand("gatewayEnter", { numberOfKeys: 4, lua: enterAccount.source });
redis.defineCommand("gatewaySettle", { numberOfKeys: 1, lua: settleAccount.source });

const common = ["15000", "360000"];
const budget = ["5", "600000"];
const buckets = ["999999", "1000", "0", "999999", "1000", "0", "999999", "1000", "1"];
const gate = (subject: string) => `hg:{${subject}}:a`;
const job = openJob({
  enter(subject) {
    const keys = [gate(subject), "hg:{client}:b:client", "hg:{address}:b:address", `hg:{${subject}}:b:account`];
    const entry = [...common, subject, "channel", "10000", "64", "password", ...budget, "-"];
    return redis.gatewayEnter(...keys, ...entry, ...buckets);
  },
  settle: (subject) => redis.gatewaySettle(gate(subject), ...common, subject, "complete", ...budget),
});

const app = new OpenAPIHono();
app.use(async (c, next) => {
  const startedAt = performance.now();
  await next();
  log.info({ route: c.req.path, status: c.res.status, durationMs: performance.now() - startedAt }, "request");
});
const json = { "application/json": { schema: tokenSetSchema } };
const route = createRoute({
  method: "post",
  path: `${headlessBasePath}/login`,
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.object({ email: email(), password: password() }) } },
    },
  },
  responses: { 200: { description: "Tokens.", content: json } },
});
app.openapi(route, async (c) => {
  const { headers } = c.req.raw;
  const tokenSet = await job(
    c.req.valid("json"),
    String(headers.get("x-client-id")),
    String(headers.get("x-client-secret")),
  );
  return new Response(JSON.stringify(tokenSetSchema.parse(tokenSet)), { headers: answerHeaders }) as never;
});
app.get("*", (c) => c.body("{}"));
serveAtPort(getRequestListener(app.fetch));
