import { realRedis } from "./engines.ts";
import { mailAndFactorSuites } from "./mail-and-factor-suites.ts";

mailAndFactorSuites("Redis", realRedis);
