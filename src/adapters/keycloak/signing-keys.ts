import { type CryptoKey, importJWK, type JWK } from "jose";
import type { Clock } from "../../domain/ports/clock.ts";
import { UpstreamUnavailable } from "../../domain/ports/faults.ts";
import { type KeycloakHttp, parseJson } from "./http.ts";
import { fieldsOf, text } from "./json.ts";

const keepMs = 5 * 60_000;
const refetchForUnknownKeyMs = 10_000;

/** Asymmetric ones only: no token can be signed with what is published. */
export const signingAlgorithms: readonly string[] = ["RS256", "PS256", "ES256", "EdDSA"];

/** The realm's public key with this id, if it is one for this algorithm. */
export type SigningKeys = (kid: string, algorithm: string) => Promise<CryptoKey | undefined>;

interface SigningKey {
  readonly algorithm: string;
  readonly key: CryptoKey;
}

/**
 * The keys that the realm publishes, and no others: kept for five minutes, read again when a token names an unknown one,
 * but then at most once in ten seconds, so that tokens with invented key ids cost Keycloak nothing. One read at a time.
 */
export function createSigningKeys(deps: {
  readonly http: KeycloakHttp;
  /** Path of the realm, `/realms/…`. */
  readonly realmPath: string;
  readonly clock: Pick<Clock, "now">;
}): SigningKeys {
  const { http, realmPath, clock } = deps;
  let kept: { readonly keys: ReadonlyMap<string, SigningKey>; readonly readAt: number } | undefined;
  let reading: Promise<ReadonlyMap<string, SigningKey>> | undefined;

  async function read(): Promise<ReadonlyMap<string, SigningKey>> {
    const readAt = clock.now();
    const answer = await http.send({ method: "GET", path: `${realmPath}/protocol/openid-connect/certs` });
    const published = answer.status === 200 ? fieldsOf(parseJson(answer))["keys"] : undefined;
    if (!Array.isArray(published)) throw new UpstreamUnavailable("Keycloak's keys cannot be read", "noVerdict");
    const keys = new Map<string, SigningKey>();
    for (const jwk of published.map(fieldsOf)) {
      const kid = text(jwk["kid"]);
      const algorithm = text(jwk["alg"]);
      if (kid === "" || jwk["use"] !== "sig" || !signingAlgorithms.includes(algorithm)) continue;
      const key = await importPublicKey(jwk, algorithm);
      if (key) keys.set(kid, { algorithm, key });
    }
    kept = { keys, readAt };
    return keys;
  }

  function readOnce(): Promise<ReadonlyMap<string, SigningKey>> {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return async (kid, algorithm) => {
    const age = kept ? clock.now() - kept.readAt : 0;
    // A clock that was set back must not keep old keys alive.
    const isYoungerThan = (milliseconds: number) => age >= 0 && age < milliseconds;
    const isGoodEnough = kept && isYoungerThan(kept.keys.has(kid) ? keepMs : refetchForUnknownKeyMs);
    const found = (kept && isGoodEnough ? kept.keys : await readOnce()).get(kid);
    return found?.algorithm === algorithm ? found.key : undefined;
  };
}

/** Undefined for what cannot be used here, such as a curve that Node does not know; the other keys still count. */
async function importPublicKey(
  jwk: Readonly<Record<string, unknown>>,
  algorithm: string,
): Promise<CryptoKey | undefined> {
  try {
    const key = await importJWK(jwk as JWK, algorithm);
    return !(key instanceof Uint8Array) && key.type === "public" ? key : undefined;
  } catch {
    return undefined;
  }
}
