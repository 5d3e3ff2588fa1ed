/** A defence, how to switch it off, and the test that must notice. */
export interface Defence {
  readonly name: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  /** What stands there when the defence is off. */
  readonly replacement: string;
  readonly test: {
    readonly file: string;
    /** A part of the titles of the test and what is around it, joined by blanks. */
    readonly title: string;
  };
}

/** The defences that `npm run test:defences` switches off, one at a time. */
export const defences: readonly Defence[] = [
  {
    name: "an attempt is counted before its password goes to Keycloak",
    file: "src/adapters/redis/scripts/holder.lua",
    find: "setCount(state, counter, (state[counter] or 0) + 1, now + waiter.lockMs)",
    replacement: "setCount(state, counter, state[counter] or 0, now + waiter.lockMs)",
    test: { file: "test/attack/a-lockout-and-limits.test.ts", title: "for a known address" },
  },
  {
    name: "a rate limit that the store's clock has left behind is put right",
    file: "src/adapters/redis/scripts/buckets.lua",
    find: "redis.call('SET', KEYS[key], whole(full), 'PX', whole(math.ceil(window / 1000)))",
    replacement: "",
    test: { file: "test/ports/real.test.ts", title: "refill within the policy's window" },
  },
  {
    name: "a lock that the store's clock has left behind is put right",
    file: "src/adapters/redis/scripts/state.lua",
    find: "state.lockedUntil = now + state.lockMs\n",
    replacement: "\n",
    test: { file: "test/ports/real.test.ts", title: "makes a lock begin again" },
  },
  {
    name: "a word that the store refuses does not undo what its script writes",
    file: "src/adapters/redis/scripts/waiters.lua",
    find: "redis.pcall('PUBLISH'",
    replacement: "redis.call('PUBLISH'",
    test: { file: "test/ports/faults.test.ts", title: "without the channels" },
  },
  {
    name: "a count clears only on a complete login",
    file: "src/adapters/redis/scripts/settle-account.lua",
    find: "  giveBack(state)\n  state.returns, ",
    replacement: "  clearLock(state)\n  state.returns, ",
    test: { file: "test/attack/a-lockout-and-limits.test.ts", title: "only a complete login" },
  },
  {
    name: "end-user headers are believed of an authenticated app only",
    file: "src/http/middleware/end-user.ts",
    find: 'const believed = c.get("client") !== undefined;',
    replacement: "const believed = true;",
    test: {
      file: "test/attack/a-lockout-and-limits.test.ts",
      title: "in x-end-user-ip without an authenticated client",
    },
  },
  {
    name: "an IPv6 address counts with its /64",
    file: "src/limits/address-subject.ts",
    find: 'if (!address.includes(":")) return address;',
    replacement: "return address;",
    test: { file: "test/attack/a-lockout-and-limits.test.ts", title: "per address" },
  },
  {
    name: "variants of one address share a counter",
    file: "src/domain/lockout/account-name.ts",
    find: 'return hash("account", foldEmail(email));',
    replacement: 'return hash("account", email.toLowerCase());',
    test: { file: "test/attack/a-lockout-and-limits.test.ts", title: "in case, blanks" },
  },
  {
    name: "new client secrets are tried at a bounded rate",
    file: "src/domain/clients/client-authenticator.ts",
    find: "newSecretsBurst = 20",
    replacement: "newSecretsBurst = 9_999",
    test: { file: "test/attack/a-lockout-and-limits.test.ts", title: "401 INVALID_CLIENT" },
  },
  {
    name: "an attempt waits for the replicas that are asked for",
    file: "src/adapters/redis/replicated-writes.ts",
    find: "Number(acknowledged) >= replicas",
    replacement: "Number(acknowledged) >= 0",
    test: { file: "test/faults/redis-failover.test.ts", title: "wins no guess where replicas are waited for" },
  },
  {
    name: "a wrong password takes whole steps of time",
    file: "src/domain/login/login-service.ts",
    find: "await untilWholeStep(clock, startedAt, refusalStepMs);",
    replacement: "",
    test: { file: "test/attack/b-telling-accounts-apart.test.ts", title: "one guess at a time" },
  },
  {
    name: "a disabled account's right password is refused as a wrong one",
    file: "src/domain/login/login-service.ts",
    find: 'outcome.kind === "disabled" ? ({ kind: "rejected" } as const) : outcome',
    replacement: 'outcome.kind === "disabled" ? ({ kind: "accountIncomplete" } as const) : outcome',
    test: { file: "test/attack/b-telling-accounts-apart.test.ts", title: "at a login" },
  },
  {
    name: "the code of an enrolment works once",
    file: "src/domain/mfa/factor-check.ts",
    find: "if (code === undefined || (await usedCodes.isUsed(userId, code))) return rejected;",
    replacement: "if (code === undefined) return rejected;",
    test: { file: "test/attack/c-second-factor.test.ts", title: "at the enrolment (step 1)" },
  },
  {
    name: "a challenge is good for the app that it was issued to",
    file: "src/domain/mfa/mfa-service.ts",
    find: "seen === undefined || seen.clientId !== client.app.id",
    replacement: "seen === undefined",
    test: { file: "test/attack/c-second-factor.test.ts", title: "to another app client" },
  },
  {
    name: "a backup code is spent",
    file: "src/domain/mfa/factor-check.ts",
    find: "await secondFactors.writeBackupCodes(userId, rest);",
    replacement: "",
    test: { file: "test/attack/c-second-factor.test.ts", title: "a backup code works once" },
  },
  {
    name: "a reset voids open challenges",
    file: "src/domain/password/password-service.ts",
    find: "await admission.invalidateChallenges(account);",
    replacement: "",
    test: { file: "test/attack/c-second-factor.test.ts", title: "a password reset keeps the second factor" },
  },
  {
    name: "a refresh is replayed only while its session lives",
    file: "src/domain/sessions/session-service.ts",
    find: "if (!(await accessTokens.isLive(tokens.accessToken))) throw",
    replacement: 'if (tokens.accessToken === "") throw',
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "are void after the disabling of the user" },
  },
  {
    name: "tokens that were issued beside the end of their session are not given out",
    file: "src/domain/sessions/session-endings.ts",
    find: 'if (seen === "none") return true;',
    replacement: 'if (seen !== "over") return true;',
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "refreshed while sessions end by logouts" },
  },
  {
    name: "what was ended is ended once more",
    file: "src/domain/sessions/session-endings.ts",
    find: "await endForGood(ended);\n        return value;",
    replacement: "return value;",
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "used and listed beside" },
  },
  {
    name: "unknown key ids are looked for at a bounded rate",
    file: "src/adapters/keycloak/signing-keys.ts",
    find: "refetchForUnknownKeyMs = 10_000",
    replacement: "refetchForUnknownKeyMs = 0",
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "a flood of unknown key ids" },
  },
  {
    name: "only a token of the type Bearer is an access token",
    file: "src/adapters/keycloak/access-tokens.ts",
    find: 'payload["typ"] === "Bearer" &&',
    replacement: "",
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "signed by the realm for something else" },
  },
  {
    name: "a session is ended for its own user only",
    file: "src/domain/sessions/session-list-service.ts",
    find: "if (!records.some((record) => record.id === sessionId)) {",
    replacement: 'if (sessionId === "") {',
    test: { file: "test/attack/d-tokens-and-sessions.test.ts", title: "session ids" },
  },
  {
    name: "a mail token is good for one purpose",
    file: "src/domain/email/mail-tokens.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source
    find: "`${purpose}\\n",
    replacement: "`",
    test: { file: "test/attack/e-mail-links.test.ts", title: "is good for its own purpose only" },
  },
  {
    name: "a mail token proves the address that it was sent to",
    file: "src/domain/password/password-service.ts",
    find: " || user.email.toLowerCase() !== email.toLowerCase()",
    replacement: "",
    test: { file: "test/attack/e-mail-links.test.ts", title: "proves nothing once" },
  },
  {
    name: "a password that is refused does not use the token up",
    file: "src/domain/password/password-service.ts",
    find: "await taken.restore().catch(() => undefined);",
    replacement: "",
    test: { file: "test/attack/e-mail-links.test.ts", title: "is not wasted on a password" },
  },
  {
    name: "texts are well-formed Unicode without control characters",
    file: "src/http/strings.ts",
    find: "(text) => text.isWellFormed()",
    replacement: "() => true",
    test: { file: "test/attack/f-input-and-http.test.ts", title: "control characters" },
  },
  {
    name: "a body is never decompressed",
    file: "src/http/middleware/body.ts",
    find: 'encoding !== undefined && encoding.toLowerCase() !== "identity"',
    replacement: 'encoding === "x"',
    test: { file: "test/attack/f-input-and-http.test.ts", title: "a compressed body" },
  },
  {
    name: "a body is counted as it comes",
    file: "src/http/middleware/body.ts",
    find: "size <= maxBytes",
    replacement: "size >= 0",
    test: { file: "test/attack/f-input-and-http.test.ts", title: "in chunks, at login" },
  },
  {
    name: "only one transfer coding is taken",
    file: "src/http/server.ts",
    find: 'codings.toLowerCase() !== "chunked"',
    replacement: 'codings === ""',
    test: { file: "test/attack/f-input-and-http.test.ts", title: "by a coding before the chunks" },
  },
  {
    name: "the log names routes, not what was sent",
    file: "src/http/middleware/frame.ts",
    find: 'c.get("operation")?.path ?? null',
    replacement: "c.req.url",
    test: { file: "test/attack/f-input-and-http.test.ts", title: "secrets in answers and logs" },
  },
];
