/** A rate: `limit` requests at once, refilled evenly over `windowSeconds`. */
export interface Rate {
  readonly limit: number;
  readonly windowSeconds: number;
}

/**
 * The rate limit policies by whom they count for. `client` and `address` hold for every request of an app client, `account`
 * for passwords and codes, on top of the lockout.
 */
export interface RatePolicies {
  readonly client: Rate;
  /** The end user's address; IPv6 by /64. */
  readonly address: Rate;
  readonly account: Rate;
}

/** The policies unless configured otherwise. */
export const defaultRatePolicies: RatePolicies = {
  client: { limit: 6000, windowSeconds: 60 },
  address: { limit: 600, windowSeconds: 60 },
  account: { limit: 120, windowSeconds: 60 },
};
