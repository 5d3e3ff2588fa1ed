import type { LockoutService } from "../../domain/lockout/lockout-service.ts";
import type { LoginService } from "../../domain/login/login-service.ts";
import type { MfaService } from "../../domain/mfa/mfa-service.ts";
import type { SessionService } from "../../domain/sessions/session-service.ts";
import type { Responder } from "../respond.ts";

/** What the operations of the headless front call. */
export interface HeadlessDeps {
  readonly services: {
    readonly login: LoginService;
    readonly mfa: MfaService;
    readonly sessions: SessionService;
    readonly lockout: LockoutService;
  };
  readonly respond: Responder;
}
