import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Mail } from "../../src/domain/ports/mail.ts";
import { selfSigned } from "./certificate.ts";

/** A mail as a server got it. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: Buffer;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  readonly user: string | undefined;
}

/** A server of a test's own. */
export interface TestSmtpServer {
  readonly port: number;
  readonly received: readonly ReceivedMail[];
  close(): Promise<void>;
}

export const verifyMail: Mail = {
  kind: "verify-email",
  to: "jane@example.com",
  firstName: "Jane",
  appName: "Demo app",
  link: "https://demo.example/verify?token=vXk3k8dJt2QmZf1xY0aPq7LrB5cN9eWsU4hGiOoT6Mw",
  minutes: 1440,
};

/** Starts a real SMTP server; without options it takes every mail in clear, without a login. */
export async function startSmtpServer(options: SMTPServerOptions = {}, port = 0): Promise<TestSmtpServer> {
  const received: ReceivedMail[] = [];
  const server = new SMTPServer({
    ...selfSigned,
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    hideSTARTTLS: true,
    onData(stream, session, done) {
      buffer(stream).then((source) => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          source,
          secure: session.secure,
          user: typeof session.user === "string" ? session.user : undefined,
        });
        done();
      }, done);
    },
    ...options,
  });
  server.on("error", () => undefined);
  const listening = server.listen(port, "127.0.0.1");
  await once(listening, "listening");
  return {
    port: (listening.address() as AddressInfo).port,
    received,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** An answer for a stage: refuse with a code, or say nothing for ever. */
export type Misbehaviour = { readonly code: number; readonly text: string } | "hang";

/** What a plain dialogue asks for. */
const stages = { connect: "", hello: "EHLO", sender: "MAIL", recipient: "RCPT", data: "DATA", body: "." } as const;
export type Stage = keyof typeof stages;

/** Starts a server that follows the protocol up to one stage, and there refuses or falls silent. */
export async function startBadServer(stage: Stage, misbehaviour: Misbehaviour): Promise<TestSmtpServer> {
  const sockets = new Set<Socket>();
  const replies: Record<string, string> = {
    EHLO: "250 localhost",
    MAIL: "250 OK",
    RCPT: "250 OK",
    DATA: "354 Go on",
    ".": "250 Queued",
    QUIT: "221 Bye",
  };

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    let inBody = false;
    const answer = (verb: string, reply: string) => {
      if (stages[stage] !== verb) socket.write(`${reply}\r\n`);
      else if (misbehaviour !== "hang") socket.write(`${misbehaviour.code} ${misbehaviour.text}\r\n`);
    };
    answer("", "220 localhost");
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const verb = inBody ? (line === "." ? "." : undefined) : line.slice(0, 4).toUpperCase();
        if (verb === undefined) continue;
        inBody = verb === "DATA" && stage !== "data";
        answer(verb, replies[verb] ?? "500 What?");
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received: [],
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A server that greets, and then sends one character of an endless answer at a time, so that it is never silent. */
export async function startDrippingServer(): Promise<TestSmtpServer> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.write("220 localhost\r\n");
    socket.once("data", () => timers.add(setInterval(() => socket.write("2"), 20)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    received: [],
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
