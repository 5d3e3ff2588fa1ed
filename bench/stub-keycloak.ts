// A Keycloak that does no work: canned answers of the real size, at once or after a delay, or as slowly as hashing makes them.
// PORT: where to listen. STUB_HOST: the host name of its issuer. STUB_DELAY_MS: before each answer of the token endpoint.
// STUB_WORKERS, STUB_HASH_MS: so many password grants at a time, each for so long; the others wait. GET /stub tells how often each
// kind of call came.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { stubOtpPrefix, stubRealm, stubUserId, stubWrongPassword, stubWrongSecret } from "./stub-facts.ts";

const port = Number(process.env["PORT"]);
const issuer = `http://${process.env["STUB_HOST"]}:${port}/realms/${stubRealm}`;
let delayMs = Number(process.env["STUB_DELAY_MS"] ?? 0);
const workers = Number(process.env["STUB_WORKERS"] ?? 0);
const hashMs = Number(process.env["STUB_HASH_MS"] ?? 0);

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const kid = "9ngcymUVXC-lf3cto0PaPXfZmkNfcaPTmGfeSuQeofg";
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const profile = {
  email_verified: true,
  amr: ["pwd"],
  name: "Jane Doe",
  preferred_username: "jane@example.com",
  given_name: "Jane",
  family_name: "Doe",
  email: "jane@example.com",
};

function jwt(claims: object, alg: "RS256" | "HS512"): string {
  const content = `${encode({ alg, typ: "JWT", kid })}.${encode(claims)}`;
  // Nobody but the issuer can check the signature of a refresh token: random bytes are as good.
  const signature = alg === "RS256" ? sign("sha256", Buffer.from(content), privateKey) : randomBytes(64);
  return `${content}.${signature.toString("base64url")}`;
}

/** The token answer of a client, made once; it is good for a day. */
function tokenAnswer(clientId: string): string {
  const now = Math.floor(Date.now() / 1000);
  const session = {
    sub: stubUserId,
    sid: "pq4JAWmDpn9Wya2nzUReikjv",
    azp: clientId,
    iat: now,
    exp: now + 86_400,
    iss: issuer,
  };
  const jti = "onrtro:0d473cc8-0abb-df1a-42ce-745a5d1a8c3c";
  return JSON.stringify({
    access_token: jwt(
      { ...session, jti, typ: "Bearer", acr: "1", scope: "openid organization profile email", ...profile },
      "RS256",
    ),
    expires_in: 86_400,
    refresh_expires_in: 604_800,
    refresh_token: jwt(
      {
        ...session,
        jti,
        aud: issuer,
        typ: "Refresh",
        scope: "openid organization profile headless basic acr roles email",
        reuse_id: "0653a341-99fa-4ecc-adf2-90944b28eb56",
      },
      "HS512",
    ),
    token_type: "Bearer",
    id_token: jwt(
      { ...session, jti, aud: clientId, typ: "ID", at_hash: "P-7cw-Y74ij5wFHGA0tDnQ", acr: "1", ...profile },
      "RS256",
    ),
    "not-before-policy": 0,
    session_state: session.sid,
    scope: "openid organization profile email",
  });
}

const answers = new Map<string, string>();
function answerFor(clientId: string): string {
  const known = answers.get(clientId);
  if (known !== undefined) return known;
  const made = tokenAnswer(clientId);
  answers.set(clientId, made);
  return made;
}

const user = {
  id: stubUserId,
  username: "jane@example.com",
  firstName: "Jane",
  lastName: "Doe",
  emailVerified: true,
  enabled: true,
  totp: true,
  requiredActions: [],
  attributes: {},
};
const sessions = JSON.stringify(
  [1, 2, 3].map((index) => ({
    id: `pq4JAWmDpn9Wya2nzUReik${index}j`,
    username: user.username,
    userId: user.id,
    ipAddress: "192.0.2.7",
    start: 1_795_695_884_000 + index,
    lastAccess: 1_795_695_884_000 + index,
    clients: { "0276e08d-07af-41d4-a9e0-6ab41e516c6f": "cca_demo" },
  })),
);
const certs = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }] });

let hashing = 0;
const queue: (() => void)[] = [];

/** Takes a worker's time, or waits for one, first come first served. */
async function hash(): Promise<void> {
  if (workers === 0) return;
  if (hashing >= workers) await new Promise<void>((resolve) => queue.push(resolve));
  else hashing += 1;
  await sleep(hashMs);
  const next = queue.shift();
  if (next === undefined) hashing -= 1;
  else next();
}

const counts = new Map<string, number>();
const note = (kind: string) => counts.set(kind, (counts.get(kind) ?? 0) + 1);

function send(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  outgoing.end(body);
}

async function token(outgoing: ServerResponse, form: URLSearchParams): Promise<void> {
  const grant = form.get("grant_type") ?? "";
  note(grant === "password" && form.has("totp") ? "otp" : grant);
  if (delayMs > 0) await sleep(delayMs);
  const username = form.get("username") ?? "";
  if (grant === "password" && form.has("password")) {
    await hash();
    if (form.get("password") === stubWrongPassword)
      return send(outgoing, 400, '{"error":"invalid_grant","error_description":"Invalid user credentials"}');
    if (username.startsWith(stubOtpPrefix)) return send(outgoing, 401, '{"error":"mfa_required"}');
  }
  send(outgoing, 200, answerFor(form.get("client_id") ?? ""));
}

const server = createServer((incoming, outgoing) => {
  const url = incoming.url ?? "";
  let body = "";
  incoming.on("data", (chunk: Buffer) => (body += chunk));
  incoming.on("end", () => {
    if (url.endsWith("/token")) return void token(outgoing, new URLSearchParams(body));
    if (url.startsWith("/stub")) {
      const wanted = new URL(url, issuer).searchParams.get("delayMs");
      if (wanted !== null) delayMs = Number(wanted);
      const seen = JSON.stringify(Object.fromEntries(counts));
      counts.clear();
      return send(outgoing, 200, seen);
    }
    if (url.endsWith("/introspect")) {
      note("introspection");
      // As for an app with another secret.
      if (new URLSearchParams(body).get("client_secret") === stubWrongSecret)
        return send(
          outgoing,
          401,
          '{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}',
        );
      return send(outgoing, 200, '{"active":false}');
    }
    if (url.endsWith("/certs")) {
      note("certs");
      return send(outgoing, 200, certs);
    }
    if (url.endsWith("/userinfo")) {
      note("userinfo");
      return send(outgoing, 200, JSON.stringify({ sub: stubUserId, ...profile }));
    }
    if (url.endsWith("/sessions")) {
      note("sessions");
      return send(outgoing, 200, sessions);
    }
    if (url.includes("/users")) {
      note("user");
      const email = new URL(url, issuer).searchParams.get("email");
      const shown = { ...user, email: email ?? profile.email };
      return send(outgoing, 200, JSON.stringify(email === null ? shown : [shown]));
    }
    if (url === `/realms/${stubRealm}`) return send(outgoing, 200, JSON.stringify({ realm: stubRealm }));
    note("other");
    send(outgoing, 404, '{"error":"not found"}');
  });
});
server.keepAliveTimeout = 120_000;
server.listen(port, "127.0.0.1");
