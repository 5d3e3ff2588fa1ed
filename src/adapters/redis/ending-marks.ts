import type { EndingMarks, EndingState } from "../../domain/ports/ending-marks.ts";
import type { Random } from "../../domain/ports/random.ts";
import type { RedisConnection } from "./connect.ts";
import { keys } from "./keys.ts";
import { loadEndingScripts } from "./scripts.ts";

/** Marks of endings in Redis, in the slot of the user's flights. */
export function createRedisEndingMarks(deps: {
  readonly connection: RedisConnection;
  readonly random: Random;
  /** How long a mark stays after its ending began, and after it was over: longer than an ending, and a refresh that began beside it. */
  readonly keepMs: number;
}): EndingMarks {
  const { connection, random, keepMs } = deps;
  const scripts = loadEndingScripts();

  return {
    async begin(user) {
      const id = random.token(15);
      await connection.run(scripts.begin, [keys.endings(user)], [keepMs, id]);
      return { id, user };
    },
    async finish({ id, user }) {
      await connection.run(scripts.finish, [keys.endings(user)], [keepMs, id]);
    },
    look: async (user) => (await connection.run(scripts.look, [keys.endings(user)], [])) as EndingState,
  };
}
