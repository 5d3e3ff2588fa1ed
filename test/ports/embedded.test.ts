import { embeddedRedis } from "./engines.ts";
import { everySuite } from "./every-suite.ts";

everySuite("the embedded store", embeddedRedis);
