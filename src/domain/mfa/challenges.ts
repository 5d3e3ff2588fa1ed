import type { MfaMethod } from "../../contract/headless.ts";
import { limits } from "../../contract/limits.ts";
import type { Challenge, ChallengeStore } from "../ports/challenge-store.ts";
import type { KeyedHash } from "../ports/keyed-hash.ts";
import type { Random } from "../ports/random.ts";

/** A challenge about to be handed out; `store` must succeed first. */
export interface OpenedChallenge {
  /** `mfa_` and 256 random bits in base64url. */
  readonly mfaToken: string;
  readonly expiresInSeconds: number;
  readonly methods: readonly MfaMethod[];
  readonly store: () => Promise<void>;
}

/** Open MFA challenges by their token, which the store never sees. */
export interface Challenges {
  open(challenge: Omit<Challenge, "wrongCodes">): OpenedChallenge;
  get(mfaToken: string): Promise<Challenge | undefined>;
  /** Makes the caller the only holder of the challenge, until it is kept or dropped. */
  take(mfaToken: string): Promise<TakenChallenge | undefined>;
}

export interface TakenChallenge {
  readonly challenge: Challenge;
  /** Puts the challenge back as it was. */
  readonly keep: () => Promise<void>;
  /** Counts a wrong code and puts the challenge back; the last one that it allows ends it. */
  readonly countWrongCode: () => Promise<void>;
}

export function createChallenges(deps: {
  readonly store: ChallengeStore;
  readonly hash: KeyedHash;
  readonly random: Random;
}): Challenges {
  const { store, hash, random } = deps;
  const nameOf = (mfaToken: string) => hash("mfa-challenge", mfaToken);

  return {
    open(challenge) {
      const mfaToken = `mfa_${random.token(32)}`;
      return {
        mfaToken,
        expiresInSeconds: limits.mfaChallengeTtlSeconds,
        methods: challenge.methods,
        store: () => store.put(nameOf(mfaToken), { ...challenge, wrongCodes: 0 }, limits.mfaChallengeTtlSeconds),
      };
    },
    get: (mfaToken) => store.get(nameOf(mfaToken)),
    async take(mfaToken) {
      const name = nameOf(mfaToken);
      const taken = await store.take(name);
      if (taken === undefined) return undefined;
      const { challenge, remainingMs } = taken;
      return {
        challenge,
        keep: () => store.restore(name, challenge, remainingMs),
        countWrongCode: async () => {
          const wrongCodes = challenge.wrongCodes + 1;
          if (wrongCodes < limits.mfaChallengeMaxWrongCodes) {
            await store.restore(name, { ...challenge, wrongCodes }, remainingMs);
          }
        },
      };
    },
  };
}
