import { randomUUID } from "node:crypto";
import { type ApiAnswer, type ApiCall, callApi } from "../support/api.ts";
import { createUser, demoApp, type TestUser, totpCode } from "../support/keycloak.ts";

/** An answer that a journey did not foresee. */
export class UnexpectedAnswer extends Error {
  override readonly name = "UnexpectedAnswer";
}

/** What a user, an app or an attacker does, as some calls one after the other. */
export interface Journey {
  readonly name: string;
  /** How often it is made, beside the others. */
  readonly weight: number;
  /** @throws UnexpectedAnswer */
  run(gateway: { readonly url: string }): Promise<void>;
}

/** Gives its members in turn. */
function inTurn<T>(members: readonly T[]): () => T {
  let next = 0;
  return () => members[next++ % members.length] as T;
}

/** A code works once: a user comes again after the 30 s of one and the step of tolerance to both sides. */
const totpRestMs = 100_000;

async function call(gateway: { url: string }, path: string, wanted: number | string, options: ApiCall = {}) {
  const answer = await callApi(gateway, path, options);
  const matches = typeof wanted === "number" ? answer.status === wanted : answer.body.code === wanted;
  if (!matches) throw new UnexpectedAnswer(`${path}: ${answer.status} ${answer.body.code ?? ""}, wanted ${wanted}`);
  return answer;
}

/** Creates the users and gives the journeys that they make. */
export async function createJourneys(userCount: number): Promise<readonly Journey[]> {
  const plain: TestUser[] = [];
  const withTotp: TestUser[] = [];
  for (let count = 0; count < userCount; count++) plain.push(await createUser());
  for (let count = 0; count < userCount; count++) withTotp.push(await createUser({ totp: true }));
  const nextPlain = inTurn(plain);
  const nextWithTotp = inTurn(withTotp);
  const lastTotp = new Map<TestUser, number>();

  const login = ({ email, password }: TestUser) => ({ body: { email, password } });

  async function useSession(gateway: { url: string }, tokens: ApiAnswer["body"]): Promise<void> {
    const { userId } = tokens.user;
    const headers = { authorization: `Bearer ${tokens.accessToken}` };
    await call(gateway, "/mfa/status", 200, { app: null, headers });
    const { body } = await call(gateway, "/refresh", 200, { body: { refreshToken: tokens.refreshToken } });
    await call(gateway, `/sessions?userId=${userId}`, 200);
    await call(gateway, "/logout", 200, { body: { refreshToken: body.refreshToken } });
    await call(gateway, "/mfa/status", "INVALID_TOKEN", { app: null, headers });
  }

  return [
    {
      name: "log in, use the session, log out",
      weight: 6,
      async run(gateway) {
        const { body } = await call(gateway, "/login", 200, login(nextPlain()));
        await useSession(gateway, body);
      },
    },
    {
      name: "log in with a second factor",
      weight: 2,
      async run(gateway) {
        const user = nextWithTotp();
        const restedMs = Date.now() - (lastTotp.get(user) ?? 0);
        const { body: challenge } = await call(gateway, "/login", 200, login(user));
        // Whose last code is too fresh leaves the challenge open, as many do.
        if (restedMs < totpRestMs) return;
        lastTotp.set(user, Date.now());
        const code = totpCode(user.totpSecret);
        const { body } = await call(gateway, "/mfa/verify", 200, {
          body: { mfaToken: challenge.mfaToken, code, method: "totp" },
        });
        await call(gateway, "/logout", 200, { body: { refreshToken: body.refreshToken } });
      },
    },
    {
      name: "mistype the password once",
      weight: 2,
      async run(gateway) {
        const { email, password } = nextPlain();
        await call(gateway, "/login", "INVALID_CREDENTIALS", { body: { email, password: `${password}x` } });
        const { body } = await call(gateway, "/login", 200, { body: { email, password } });
        await call(gateway, "/logout", 200, { body: { refreshToken: body.refreshToken } });
      },
    },
    {
      name: "be refused",
      weight: 3,
      async run(gateway) {
        const email = `nobody-${randomUUID()}@example.com`;
        await call(gateway, "/login", "INVALID_CREDENTIALS", { body: { email, password: "guess" } });
        await call(gateway, "/login", "VALIDATION_ERROR", { body: { email: "no address", password: 1 } });
        const app = { ...demoApp, secret: "ccas_wrong" };
        await call(gateway, "/login", "INVALID_CLIENT", { app, body: { email, password: "guess" } });
        await call(gateway, "/refresh", "TOKEN_EXPIRED", { body: { refreshToken: "garbage" } });
        await call(gateway, "/nowhere", "NOT_FOUND");
      },
    },
    {
      name: "ask for a mail",
      weight: 1,
      async run(gateway) {
        await call(gateway, "/password/reset-send", 200, { body: { email: nextPlain().email } });
        await call(gateway, "/email/verify-send", 200, { body: { email: `nobody-${randomUUID()}@example.com` } });
      },
    },
  ];
}

/** The journeys in a repeating order in which each comes as often as its weight says, spread out. */
export function schedule(journeys: readonly Journey[]): () => Journey {
  const slots = journeys.flatMap((journey) =>
    Array.from({ length: journey.weight }, (_, index) => ({ journey, at: (index + 0.5) / journey.weight })),
  );
  return inTurn(slots.sort((a, b) => a.at - b.at).map(({ journey }) => journey));
}
