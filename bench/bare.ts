// A bare server: reads the body of each request and answers all alike, with the status and the body that it was given.
// PORT, BARE_STATUS, BARE_BODY.
import { answerHeaders, serveAtPort } from "./answering.ts";

const { BARE_STATUS = "200", BARE_BODY = "{}" } = process.env;
serveAtPort((incoming, outgoing) => {
  incoming.on("data", () => undefined);
  incoming.on("end", () => {
    outgoing.writeHead(incoming.method === "GET" ? 200 : Number(BARE_STATUS), {
      ...answerHeaders,
      "content-length": Buffer.byteLength(BARE_BODY),
    });
    outgoing.end(BARE_BODY);
  });
});
