import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type {
  BackupCodeCount,
  BackupCodes,
  EmailVerified,
  LockoutStatus,
  MfaChallenge,
  MfaDisabled,
  MfaEnrollment,
  MfaEnrollmentConfirmed,
  MfaStatus,
  PasswordPolicy,
  SessionList,
  SessionsRevoked,
  SignupResult,
  TokenSet,
} from "../../src/contract/headless.ts";

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

const { userId, email, firstName, lastName } = tokenSet.user;
const backupCodes = ["k7wq-2mzp-9xfd", "h4tc-8rvn-3bjs"];

export const signupResult: SignupResult = {
  user: { userId, email, firstName, lastName },
  emailVerificationRequired: true,
};

export const mfaStatus: MfaStatus = { enabled: true, methods: ["totp", "backup_code"], backupCodesRemaining: 2 };

export const mfaEnrollment: MfaEnrollment = {
  secret: "JBSWY3DPEHPK3PXP",
  otpauthUri: "otpauth://totp/Headgate:jane%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Headgate",
  qrCode: "data:image/png;base64,iVBORw0KGgo=",
  expiresIn: 600,
};

export const mfaConfirmed: MfaEnrollmentConfirmed = { enabled: true, backupCodes };

export const mfaDisabled: MfaDisabled = { enabled: false };

export const backupCodeCount: BackupCodeCount = { remaining: 2, total: 10 };

export const newBackupCodes: BackupCodes = { backupCodes };

export const sessionList: SessionList = {
  sessions: [
    {
      id: "Zk3xT0mQ9aB7_-cD1eF2gH3i",
      application: "Demo app",
      ipAddress: "192.0.2.1",
      userAgent: "Agent/1.0",
      createdAt: "2026-03-25T02:15:00.000Z",
      lastActiveAt: "2026-03-25T02:30:00.000Z",
    },
  ],
};

export const sessionsRevoked: SessionsRevoked = { revoked: 3 };

export const emailVerified: EmailVerified = { userId, email, verified: true };

export const passwordPolicy: PasswordPolicy = {
  minLength: 12,
  maxLength: 128,
  minUppercase: 0,
  minLowercase: 0,
  minDigits: 1,
  minSpecial: 0,
  notEmail: true,
  notUsername: true,
  history: 3,
  blocklist: false,
};

/** What the gateway answers to an access token that has ended. */
export const invalidToken: Answer = json(401, { code: "INVALID_TOKEN", message: "INVALID_TOKEN.", requestId: "req_1" });

/** Answers like a gateway at which the access tokens of the set are good. */
export function bearerGateway(goodTokens: ReadonlySet<string>, answer: Answer): Answer {
  return (response, request) => {
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    (goodTokens.has(token) ? answer : invalidToken)(response, request);
  };
}

/** The error that a call rejects with; fails when it does not reject. */
export async function rejection(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    (value) => {
      throw new Error(`resolved to ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
