/** Sizes that callers may rely on. Lengths of strings are in Unicode code points unless the name says otherwise. */
export const limits = {
  emailMaxLength: 254,
  passwordMaxLength: 128,
  nameMaxLength: 100,
  tokenMaxLength: 4096,
  userAgentMaxLength: 512,
  bodyMaxBytes: 16 * 1024,
  mfaChallengeTtlSeconds: 300,
  mfaChallengeMaxWrongCodes: 5,
  refreshReplaySeconds: 10,
  verificationTokenTtlSeconds: 24 * 60 * 60,
  resetTokenTtlSeconds: 30 * 60,
  enrolmentTtlSeconds: 600,
  enrolmentMaxWrongCodes: 5,
  backupCodes: 10,
} as const;
