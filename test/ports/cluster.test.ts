import { redisCluster } from "./engines.ts";
import { everySuite } from "./every-suite.ts";

everySuite("a Redis cluster", redisCluster);
