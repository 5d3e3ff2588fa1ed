import { AuthError } from "../../contract/errors.ts";
import type { App, AppRegistry } from "../ports/app-registry.ts";
import type { Clock } from "../ports/clock.ts";
import type { ClientCredentials, IdentityProvider } from "../ports/identity-provider.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";

/** An app client whose secret was checked. */
export interface AuthenticatedClient {
  readonly app: App;
  readonly credentials: ClientCredentials;
}

export interface ClientAuthenticator {
  /**
   * Checks an app client's credentials, as a rule without a call upstream.
   *
   * @throws AuthError INVALID_CLIENT: missing, unknown or not matching, told apart by nothing
   * @throws AuthError RATE_LIMITED: more new secrets were tried for this client than may be checked
   */
  authenticate(presented: {
    readonly id: string | undefined;
    readonly secret: string | undefined;
    /** From where it came, IPv6 by /64: new secrets are tried at a bounded rate per peer. */
    readonly peer?: string;
  }): Promise<AuthenticatedClient>;
  /** Drops what is remembered of credentials that the identity provider has just refused. */
  forget(credentials: ClientCredentials): void;
}

/** How long an answer of the identity provider is believed, in milliseconds. */
const goodForMs = 60_000;
const badForMs = 30_000;
/** Entries kept; the oldest goes first. */
const rememberedMax = 10_000;
/** Never-seen secrets that one peer may try for one client id: at once, and per second after that. */
const newSecretsBurst = 20;
const newSecretsPerSecond = 2;
/** Allowances kept; the one that was idle longest goes first. */
const allowancesMax = 10_000;
const secretMaxLength = 512;
const idMaxLength = 128;

interface Remembered {
  readonly good: boolean;
  /** Whether the apps file listed the client. */
  readonly listed: boolean;
  readonly checkedAt: number;
}

/**
 * Remembers checked credentials in this process, under a keyed hash. Wrong ones are remembered too, and new ones are checked
 * upstream at a bounded rate per client and peer, so that a flood of wrong secrets costs the identity provider next to nothing.
 * Credentials that were right before are checked again without regard to that rate: a flood cannot push an honest app out. A
 * client id that is not known goes the same way, short of the call upstream.
 */
export function createClientAuthenticator(deps: {
  readonly identityProvider: IdentityProvider;
  readonly apps: AppRegistry;
  readonly hash: KeyedHash;
  readonly clock: Clock;
}): ClientAuthenticator {
  const { identityProvider, apps, hash, clock } = deps;
  const remembered = new Map<string, Remembered>();
  const inFlight = new Map<string, Promise<boolean>>();
  const allowances = new Map<string, { tokens: number; at: number }>();

  const nameOf = (credentials: ClientCredentials) => hash("client-secret", `${credentials.id}\n${credentials.secret}`);

  function remember(name: string, good: boolean, listed: boolean): void {
    remembered.delete(name);
    if (remembered.size >= rememberedMax) remembered.delete(oldestToDrop());
    remembered.set(name, { good, listed, checkedAt: clock.now() });
  }

  const isListed = (clientId: string) => apps.find(clientId) !== undefined;

  /** An answer from the future is none: the clock was set back since. */
  function isFresh({ good, checkedAt }: Remembered): boolean {
    const age = clock.now() - checkedAt;
    return age >= 0 && age < (good ? goodForMs : badForMs);
  }

  /** Wrong secrets make room for each other before a right one goes. */
  function oldestToDrop(): string {
    for (const [name, { good }] of remembered) if (!good) return name;
    return remembered.keys().next().value as string;
  }

  function takeAllowance(clientId: string, peer: string): void {
    const name = `${peer}\n${clientId}`;
    const now = clock.now();
    const former = allowances.get(name) ?? { tokens: newSecretsBurst, at: now };
    // A clock that was set back refills nothing.
    const refill = (Math.max(0, now - former.at) / 1000) * newSecretsPerSecond;
    const tokens = Math.min(newSecretsBurst, former.tokens + refill);
    allowances.delete(name);
    if (allowances.size >= allowancesMax) allowances.delete(allowances.keys().next().value as string);
    allowances.set(name, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    if (tokens < 1) throw new AuthError("RATE_LIMITED", { retryAfterSeconds: 1 });
  }

  function check(name: string, credentials: ClientCredentials, peer: string | undefined): Promise<boolean> {
    const running = inFlight.get(name);
    if (running !== undefined) return running;
    if (peer !== undefined) takeAllowance(credentials.id, peer);
    // What is forgotten during its check is no longer in flight: the answer may be older than the refusal.
    const isCurrent = () => inFlight.get(name) === started;
    const listed = isListed(credentials.id);
    const started = (listed ? identityProvider.checkClient(credentials) : Promise.resolve(false))
      .then((good) => {
        if (isCurrent()) remember(name, good, listed);
        return good;
      })
      .finally(() => {
        if (isCurrent()) inFlight.delete(name);
      });
    inFlight.set(name, started);
    return started;
  }

  return {
    async authenticate({ id, secret, peer = "" }) {
      if (!id || !secret || id.length > idMaxLength || secret.length > secretMaxLength) {
        throw new AuthError("INVALID_CLIENT");
      }
      const credentials = { id, secret };
      const name = nameOf(credentials);
      const known = remembered.get(name);
      const fresh = known !== undefined && known.listed === isListed(id) && isFresh(known);
      const good = fresh ? known.good : await check(name, credentials, known?.good === true ? undefined : peer);
      // Looked up now: the app may have left the file, or have come into it, since its secret was checked.
      const app = apps.find(id);
      if (!good || app === undefined) throw new AuthError("INVALID_CLIENT");
      return { app, credentials };
    },
    forget(credentials) {
      const name = nameOf(credentials);
      remembered.delete(name);
      inFlight.delete(name);
    },
  };
}
