import { describe, expect, test } from "vitest";
import { createRedisSessionNotes } from "../../src/adapters/redis/session-notes.ts";
import { createKeyedHash } from "../../src/adapters/system.ts";
import { until } from "../support/redis.ts";
import type { StartEngine } from "./engines.ts";
import { freshName, useEngine } from "./harness.ts";

const hash = createKeyedHash("a secret of at least thirty-two characters");
const agent = "Mozilla/5.0 (X11; Linux x86_64) \u00fcnusual/1.0";

/** The notes on sessions. */
export function sessionNotesSuite(engine: string, start: StartEngine): void {
  describe(`the session notes on ${engine}`, () => {
    const harness = useEngine(start);
    const open = async () => createRedisSessionNotes({ connection: (await harness.instance()).connection, hash });

    test("are read in the order of the ids, with gaps where nothing is known", async () => {
      const notes = await open();
      const ids = Array.from({ length: 30 }, freshName);
      for (const [index, id] of ids.entries()) if (index % 3 !== 0) await notes.put(id, `${agent} ${index}`, 600);
      expect(await notes.get(ids)).toEqual(ids.map((_, index) => (index % 3 === 0 ? undefined : `${agent} ${index}`)));
      expect(await notes.get([])).toEqual([]);
      expect(await (await open()).get([ids[1] as string])).toEqual([`${agent} 1`]);
    });

    test("are replaced by newer ones and forgotten in time", async () => {
      const notes = await open();
      const id = freshName();
      await notes.put(id, "first", 600);
      await notes.put(id, agent, 1);
      expect(await notes.get([id])).toEqual([agent]);
      await until(async () => (await notes.get([id]))[0] === undefined);
    });

    // Threat: a session id of Keycloak in the store is a handle on a live session.
    test("hold no session id, and nothing for ever", async () => {
      const notes = await open();
      const id = freshName();
      await notes.put(id, agent, 600);
      const stored = await harness.stored();
      expect(stored.filter(({ ttlMs }) => ttlMs <= 0)).toEqual([]);
      expect(stored.map(({ key, text }) => `${key} ${text}`).join("\n")).not.toContain(id);
    });
  });
}
