import { connect } from "node:net";

/** An answer, as far as a benchmark reads it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A request as it is written to the connection. */
export function rawRequest(request: {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}): string {
  const { method, path, headers = {}, body } = request;
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: "localhost", ...headers, ...length }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
}

/** Keep-alive connections to one port of this machine. */
export interface HttpClient {
  /** Sends on an idle connection, or on a new one. */
  send(request: string): Promise<Answer>;
  close(): void;
}

/**
 * A client that costs the benchmark's own process as little as can be: requests are written as they are, answers are read by
 * their Content-Length.
 */
export function createHttpClient(port: number): HttpClient {
  const idle: Connection[] = [];
  const all: Connection[] = [];

  function open(): Connection {
    const connection = createConnection(port);
    all.push(connection);
    return connection;
  }
  return {
    async send(request) {
      let connection = idle.pop();
      // A server ends connections that were idle for long.
      while (connection?.ended) connection = idle.pop();
      connection ??= open();
      const answer = await connection.send(request);
      idle.push(connection);
      return answer;
    },
    close() {
      for (const connection of all) connection.close();
    },
  };
}

interface Connection extends HttpClient {
  /** Whether it can send no more. */
  readonly ended: boolean;
}

const headEnd = "\r\n\r\n";

/** One connection; one request at a time. */
function createConnection(port: number): Connection {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received: Buffer[] = [];
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  socket.on("data", (chunk) => {
    received.push(chunk);
    const bytes = received.length === 1 ? chunk : Buffer.concat(received);
    const end = bytes.indexOf(headEnd);
    if (end === -1) return;
    const head = bytes.toString("latin1", 0, end);
    const bodyAt = end + headEnd.length;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (bytes.length < bodyAt + length) return;
    received = [];
    const { resolve } = waiting ?? {};
    waiting = undefined;
    resolve?.({ status: Number(head.slice(9, 12)), body: bytes.toString("utf8", bodyAt, bodyAt + length) });
  });
  socket.on("error", (error) => waiting?.reject(error));
  socket.on("close", () => waiting?.reject(new Error("The connection was closed")));

  return {
    get ended() {
      return socket.destroyed || socket.readableEnded;
    },
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close() {
      waiting = undefined;
      socket.destroy();
    },
  };
}
