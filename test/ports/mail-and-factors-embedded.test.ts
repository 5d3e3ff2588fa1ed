import { embeddedRedis } from "./engines.ts";
import { mailAndFactorSuites } from "./mail-and-factor-suites.ts";

mailAndFactorSuites("the embedded store", embeddedRedis);
