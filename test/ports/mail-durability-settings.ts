export const durabilitySecret = "a secret of at least thirty-two characters";
/** Long enough for the test to look at the job while the lease of the killed worker lasts. */
export const durabilityLeaseMs = 2_000;
