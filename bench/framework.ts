// The framework alone: answers each request like bare.ts, through Hono and its Node server and nothing else. What a refusal of
// the gateway can cost at least, as long as it is made behind them.
// PORT, BARE_STATUS, BARE_BODY.
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";

const { PORT = "0", BARE_STATUS = "200", BARE_BODY = "{}" } = process.env;
const headers = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-request-id": "req_vZ3yq0mB0m5uYpQ4X1nTfA",
};
const app = new Hono();
app.get("*", () => new Response(BARE_BODY, { headers }));
app.post("*", async () => new Response(BARE_BODY, { status: Number(BARE_STATUS), headers }));
const server = createServer(getRequestListener(app.fetch));
server.keepAliveTimeout = 65_000;
server.listen(Number(PORT), "127.0.0.1");
