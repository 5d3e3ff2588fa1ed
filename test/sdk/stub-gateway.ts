import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { LockoutStatus, MfaChallenge, TokenSet } from "../../src/contract/headless.ts";

/** A request as it arrived. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (response: ServerResponse, request: Received) => void;

/** A server on the wire that answers what a test tells it to. */
export interface StubGateway {
  readonly baseUrl: string;
  readonly received: readonly Received[];
  /** Sets the answer to every request from now on and forgets the requests so far. */
  answerWith(answer: Answer): void;
  close(): Promise<void>;
}

export async function startStubGateway(): Promise<StubGateway> {
  const received: Received[] = [];
  let answer: Answer = json(200, {});
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "", url = "", headers } = request;
    const seen = { method, url, headers, body: Buffer.concat(chunks).toString("utf8") };
    received.push(seen);
    answer(response, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answerWith(next) {
      received.length = 0;
      answer = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An answer in JSON. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

export const credentials = { clientId: "cca_demo", clientSecret: "ccas_never-to-be-seen" } as const;

export const tokenSet: TokenSet = {
  accessToken: "access.token",
  refreshToken: "refresh.token",
  idToken: "id.token",
  expiresAt: "2026-03-25T02:30:00.000Z",
  user: {
    userId: "6f1f7d0a-3c1b-4d0e-9a53-0b8f6f0d2c11",
    email: "jane@example.com",
    firstName: "Jane",
    lastName: "Doe",
  },
};

export const mfaChallenge: MfaChallenge = {
  mfaRequired: true,
  mfaToken: "mfa_token",
  expiresIn: 300,
  methods: ["totp"],
  user: { userId: tokenSet.user.userId, email: "jane@example.com", firstName: "Jane" },
};

export const lockoutStatus: LockoutStatus = {
  locked: false,
  remainingLockoutSeconds: null,
  attemptsRemaining: 5,
  lockedUntil: null,
  maxAttempts: 5,
  lockoutDurationMinutes: 10,
};

/** The error that a call rejects with; fails when it does not reject. */
export async function rejection(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    (value) => {
      throw new Error(`resolved to ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
