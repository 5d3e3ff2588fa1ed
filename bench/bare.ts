// A bare server: reads the body of each request and answers all alike, with the status and the body that it was given.
// PORT, BARE_STATUS, BARE_BODY.
import { createServer } from "node:http";

const { PORT = "0", BARE_STATUS = "200", BARE_BODY = "{}" } = process.env;
const server = createServer((incoming, outgoing) => {
  incoming.on("data", () => undefined);
  incoming.on("end", () => {
    outgoing.writeHead(incoming.method === "GET" ? 200 : Number(BARE_STATUS), {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(BARE_BODY),
      "cache-control": "no-store",
      "x-request-id": "req_vZ3yq0mB0m5uYpQ4X1nTfA",
    });
    outgoing.end(BARE_BODY);
  });
});
server.keepAliveTimeout = 65_000;
server.listen(Number(PORT), "127.0.0.1");
