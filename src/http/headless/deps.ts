import type { SignupService } from "../../domain/accounts/signup-service.ts";
import type { EmailService } from "../../domain/email/email-service.ts";
import type { LockoutService } from "../../domain/lockout/lockout-service.ts";
import type { LoginService } from "../../domain/login/login-service.ts";
import type { EnrolmentService } from "../../domain/mfa/enrolment-service.ts";
import type { MfaService } from "../../domain/mfa/mfa-service.ts";
import type { PasswordService } from "../../domain/password/password-service.ts";
import type { SessionListService } from "../../domain/sessions/session-list-service.ts";
import type { SessionService } from "../../domain/sessions/session-service.ts";
import type { Responder } from "../respond.ts";

/** What the operations of the headless front call. */
export interface HeadlessDeps {
  readonly services: {
    readonly signup: SignupService;
    readonly login: LoginService;
    readonly mfa: MfaService;
    readonly enrolment: EnrolmentService;
    readonly sessions: SessionService;
    readonly sessionList: SessionListService;
    readonly email: EmailService;
    readonly password: PasswordService;
    readonly lockout: LockoutService;
  };
  readonly respond: Responder;
}
