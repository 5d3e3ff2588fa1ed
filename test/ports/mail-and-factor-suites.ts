import type { StartEngine } from "./engines.ts";
import { invalidationSuite } from "./invalidation-suite.ts";
import { mailOutboxSuite } from "./mail-outbox-suite.ts";
import { mailTokenSuite } from "./mail-token-suite.ts";
import { secondFactorSuite } from "./second-factor-suite.ts";
import { sessionNotesSuite } from "./session-notes-suite.ts";

/** What every store must do for mails, second factors and sessions. */
export function mailAndFactorSuites(engine: string, start: StartEngine): void {
  for (const suite of [mailOutboxSuite, mailTokenSuite, secondFactorSuite, sessionNotesSuite, invalidationSuite])
    suite(engine, start);
}
