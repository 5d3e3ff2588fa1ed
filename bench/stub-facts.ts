/** What the stub of Keycloak and its callers agree on. */
export const stubRealm = "headgate";
export const stubUserId = "0276e08d-07af-41d4-a9e0-6ab41e516c6f";
/** User names that begin so have a second factor. */
export const stubOtpPrefix = "otp-";
/** The one password that is wrong. */
export const stubWrongPassword = "wrong";
/** The one client secret that is wrong. */
export const stubWrongSecret = "ccas_wrong";
