import { redisCluster } from "./engines.ts";
import { mailAndFactorSuites } from "./mail-and-factor-suites.ts";

mailAndFactorSuites("a Redis cluster", redisCluster);
