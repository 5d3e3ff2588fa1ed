// Sends requests over and over, on many connections, until the process is told to end; then prints how often each status came.
// Usage: node flood-process.ts JSON of { port, connections, request }, where `########` in the request is a number of its own each
// time.
import { connect } from "node:net";

const { port, connections, request } = JSON.parse(process.argv[2] ?? "") as {
  port: number;
  connections: number;
  request: string;
};
const counts: Record<string, number> = {};
const startedAt = performance.now();

let sent = 0;

function flood(): void {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  const send = () => socket.write(request.replace("########", String(sent++).padStart(8, "0")));
  socket.on("connect", send);
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const bodyAt = received.indexOf("\r\n\r\n") + 4;
    if (bodyAt === 3) return;
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1]);
    if (received.length < bodyAt + length) return;
    const status = received.slice(9, 12);
    counts[status] = (counts[status] ?? 0) + 1;
    received = "";
    send();
  });
  socket.on("error", () => {
    counts["lost"] = (counts["lost"] ?? 0) + 1;
  });
}

for (let index = 0; index < connections; index++) flood();
process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - startedAt) / 1000, counts })}\n`, () =>
    process.exit(0),
  );
});
