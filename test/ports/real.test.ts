import { realRedis } from "./engines.ts";
import { everySuite } from "./every-suite.ts";

everySuite("Redis", realRedis);
