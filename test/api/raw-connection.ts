import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A TCP connection on which a test writes what it likes. */
export interface RawConnection {
  readonly socket: Socket;
  write(text: string): void;
  /** The answers so far. */
  answers(): RawAnswer[];
  /** Resolves when the server has closed the connection, with everything it sent. */
  closed(): Promise<RawAnswer[]>;
}

/** Connects to a server of this machine. */
export async function openConnection(gateway: { readonly server: { readonly port: number } }): Promise<RawConnection> {
  const socket = connect({ host: "127.0.0.1", port: gateway.server.port });
  const closed = Promise.withResolvers<void>();
  let received = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    received += text;
  });
  socket.on("error", () => undefined);
  socket.on("close", () => closed.resolve());
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const answers = () => parseAnswers(received);
  return {
    socket,
    write: (text) => void socket.write(text),
    answers,
    closed: () => closed.promise.then(answers),
  };
}

function parseAnswers(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) return answers;
    const [statusLine = "", ...fields] = rest.slice(0, end).split("\r\n");
    const headers = new Headers(fields.map((field) => field.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
    const status = Number(statusLine.split(" ")[1]);
    const length = Number(headers.get("content-length") ?? 0);
    const text = rest.slice(end + 4, end + 4 + length);
    if (text.length < length) return answers;
    rest = rest.slice(end + 4 + length);
    if (status >= 200) answers.push({ status, headers, body: text === "" ? {} : JSON.parse(text) });
  }
}
