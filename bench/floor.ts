// The floor: the smallest honest server of the gateway's job for a login and a refresh. It does the same input and output and
// nothing else: body in, one script at the store, one form to Keycloak, one script at the store, the tokens and the user out,
// one line of log. What it leaves out: the check of the app client, schemas of request and response, the protocol checks of
// the token answer, the end user's headers, errors, time-outs, the sealing of what is left for a repeated refresh, health,
// metrics of limits in headers, a graceful stop.
// PORT: where to listen. FLOOR_KEYCLOAK, FLOOR_REALM, FLOOR_REDIS: the servers behind. FLOOR_SEALING: not empty, and what a
// refresh leaves is sealed like the gateway's.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Redis, type Result } from "ioredis";
import { Pool } from "undici";
import { sealTokens } from "../src/domain/sessions/replay-seal.ts";

const { PORT = "0", FLOOR_KEYCLOAK = "", FLOOR_REALM = "", FLOOR_REDIS = "", FLOOR_SEALING = "" } = process.env;
const pool = new Pool(FLOOR_KEYCLOAK, { connections: 128 });
const redis = new Redis(FLOOR_REDIS);
const tokenPath = `/realms/${FLOOR_REALM}/protocol/openid-connect/token`;

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

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
const nameOf = (text: string) => createHash("sha256").update(text).digest("base64url");

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, body: string): Promise<void> {
  const startedAt = performance.now();
  const { email, password, refreshToken } = JSON.parse(body);
  const subject = nameOf(email ?? refreshToken);
  const keys = [`{${subject}}:s`, `{${subject}}:q`, "b:client", "b:address", `b:{${subject}}`];
  const budget = ["5", "600000"];
  await redis.floorEnter(...keys, subject, "15000", "360000", "channel", "10000", "64", "password", ...budget, "-");
  const credentials = {
    client_id: String(incoming.headers["x-client-id"]),
    client_secret: String(incoming.headers["x-client-secret"]),
    scope: "openid organization",
  };
  const form = new URLSearchParams(
    email === undefined
      ? { grant_type: "refresh_token", refresh_token: refreshToken, ...credentials }
      : { grant_type: "password", username: email, password, ...credentials },
  );
  const answer = await pool.request({
    method: "POST",
    path: tokenPath,
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: form.toString(),
  });
  const text = await answer.body.text();
  // What was refreshed is left for a repetition.
  const left = email !== undefined ? [] : FLOOR_SEALING === "" ? [text] : [sealTokens(JSON.parse(text), refreshToken)];
  await redis.floorSettle(...keys.slice(0, 2), "15000", "360000", subject, "complete", ...budget, ...left);
  if (answer.statusCode !== 200) {
    outgoing.writeHead(401, { "content-type": "application/json", "content-length": 2 }).end("{}");
    return;
  }
  const tokens = JSON.parse(text);
  const claims = claimsOf(tokens.id_token);
  const shown = JSON.stringify({
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken: tokens.id_token,
    expiresAt: new Date(claimsOf(tokens.access_token).exp * 1000).toISOString(),
    user: { userId: claims.sub, email: claims.email, firstName: claims.given_name, lastName: claims.family_name },
  });
  outgoing.writeHead(200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(shown),
    "cache-control": "no-store",
    "x-request-id": "req_vZ3yq0mB0m5uYpQ4X1nTfA",
  });
  outgoing.end(shown);
  const durationMs = performance.now() - startedAt;
  process.stdout.write(`${JSON.stringify({ time: Date.now(), route: incoming.url, status: 200, durationMs })}\n`);
}

const server = createServer((incoming, outgoing) => {
  if (incoming.method === "GET") return void outgoing.writeHead(200, { "content-length": 2 }).end("{}");
  let body = "";
  incoming.on("data", (chunk: Buffer) => (body += chunk));
  incoming.on("end", () => serve(incoming, outgoing, body).catch(() => outgoing.writeHead(500).end()));
});
server.keepAliveTimeout = 65_000;
server.listen(Number(PORT), "127.0.0.1");
