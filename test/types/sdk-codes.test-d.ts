// Checked by the compiler, never run: a code that the contract gains or loses must do so in the SDK as well.
import type { ErrorCode } from "../../src/contract/errors.ts";
import type { AuthErrorCodeValue } from "../../src/sdk/index.ts";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
export const complete: Same<AuthErrorCodeValue, ErrorCode | "MFA_REQUIRED" | "UNKNOWN"> = true;
