import type { LockoutView } from "../../src/domain/lockout/lockout-service.ts";
import type { BucketState } from "../../src/domain/ports/admission.ts";
import type { App } from "../../src/domain/ports/app-registry.ts";
import type { IssuedTokens } from "../../src/domain/ports/identity-provider.ts";

export const base = "/api/v1/auth/headless";
export const client = { id: "cca_demo", secret: "ccas_demo-secret" };
export const userId = "0f8fad5b-d9cb-469f-a165-70867728950e";
export const accessToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_";

export const demoApp: App = { id: client.id, displayName: "Demo app", licensed: false, links: {} };

export const tokens: IssuedTokens = {
  sessionId: "mX2bQ9vT4kLs7RfHcGdAuIxO",
  accessToken: "access-1",
  refreshToken: "refresh-1",
  idToken: "id-1",
  accessTokenExpiresAt: Date.UTC(2026, 2, 25, 2, 30),
  user: { userId, email: "jane@example.com", firstName: "Jane", lastName: "Doe" },
};

export const wireTokens = {
  accessToken: "access-1",
  refreshToken: "refresh-1",
  idToken: "id-1",
  expiresAt: "2026-03-25T02:30:00.000Z",
  user: { userId, email: "jane@example.com", firstName: "Jane", lastName: "Doe" },
};

export const unlocked: LockoutView = {
  locked: false,
  lockedUntil: undefined,
  remainingSeconds: undefined,
  attemptsRemaining: 5,
  maxAttempts: 5,
  lockSeconds: 600,
};

export const bucketStates: readonly BucketState[] = [
  { policy: "client", limit: 6000, windowSeconds: 60, remaining: 5999, resetSeconds: 1 },
  { policy: "address", limit: 600, windowSeconds: 60, remaining: 599, resetSeconds: 1 },
  { policy: "account", limit: 120, windowSeconds: 60, remaining: 119, resetSeconds: 1 },
];
