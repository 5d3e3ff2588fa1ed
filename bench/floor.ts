// The floor: the smallest honest server of the gateway's job for a login and a refresh. It does the same input and output and
// nothing else: body in, the job, the tokens and the user out, one line of log. What it leaves out: the check of the app
// client, schemas of request and response, the protocol checks of the token answer, the end user's headers, errors,
// time-outs, the sealing of what is left for a repeated refresh, health, limits in headers, a graceful stop.
// PORT: where to listen. FLOOR_REDIS: the store. The rest: floor-job.ts.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Redis, type Result } from "ioredis";
import { answerHeaders, serveAtPort } from "./answering.ts";
import { openJob } from "./floor-job.ts";

const { FLOOR_REDIS = "" } = process.env;
const redis = new Redis(FLOOR_REDIS);

declare module "ioredis" {
  interface RedisCommander<Context> {
    floorEnter(...args: string[]): Result<string[], Context>;
    floorSettle(...args: string[]): Result<string[], Context>;
  }
}
// As many keys, arguments and answers as the gateway's scripts have.
redis.defineCommand("floorEnter", {
  numberOfKeys: 5,
  lua: `local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], 60000)
for key = 3, 5 do redis.call('SET', KEYS[key], ARGV[1], 'PX', 60000) end
return { 'granted', tostring(count), '0', '1', '2', '3', '4', '5', '6' }`,
});
redis.defineCommand("floorSettle", {
  numberOfKeys: 2,
  lua: `redis.call('DEL', KEYS[1])
if ARGV[7] then redis.call('SET', KEYS[2], ARGV[7], 'PX', 10000) end
return { '0', '0' }`,
});

const gate = (subject: string) => [`{${subject}}:s`, `{${subject}}:q`];
const budget = ["5", "600000"];
const job = openJob({
  enter(subject) {
    const keys = [...gate(subject), "b:client", "b:address", `b:{${subject}}`];
    return redis.floorEnter(...keys, subject, "15000", "360000", "channel", "10000", "64", "password", ...budget, "-");
  },
  settle: (subject, left) =>
    redis.floorSettle(...gate(subject), "15000", "360000", subject, "complete", ...budget, ...left),
});

async function serve({ headers, url }: IncomingMessage, outgoing: ServerResponse, body: string): Promise<void> {
  const startedAt = performance.now();
  const tokenSet = await job(JSON.parse(body), String(headers["x-client-id"]), String(headers["x-client-secret"]));
  if (tokenSet === undefined) {
    outgoing.writeHead(401, { "content-type": "application/json", "content-length": 2 }).end("{}");
    return;
  }
  const shown = JSON.stringify(tokenSet);
  outgoing.writeHead(200, { ...answerHeaders, "content-length": Buffer.byteLength(shown) });
  outgoing.end(shown);
  const durationMs = performance.now() - startedAt;
  process.stdout.write(`${JSON.stringify({ time: Date.now(), route: url, status: 200, durationMs })}\n`);
}

serveAtPort((incoming, outgoing) => {
  if (incoming.method === "GET") return void outgoing.writeHead(200, { "content-length": 2 }).end("{}");
  let body = "";
  incoming.on("data", (chunk: Buffer) => (body += chunk));
  incoming.on("end", () => serve(incoming, outgoing, body).catch(() => outgoing.writeHead(500).end()));
});
