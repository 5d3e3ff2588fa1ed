import { createHttpClient, type HttpClient } from "./http-client.ts";
import { saturate } from "./load.ts";
import type { BenchProcess } from "./processes.ts";
import type { Effort } from "./scenario.ts";

/** Something that a server is asked to do over and over. */
export interface Subject {
  readonly process: BenchProcess;
  /** One request or some that belong together. @throws on a wrong answer */
  readonly work: (client: HttpClient, index: number) => Promise<unknown>;
}

/** One block of requests at the highest rate. */
export interface Block {
  readonly cpuMicros: number;
  readonly perSecond: number;
}

/** So many at once that no server sleeps in between: a process that wakes up for each request costs more. */
export const atOnce = 16;

/**
 * Measures subjects by turns, `repeats` times after a warm-up: processor time a request of the server's process, and the rate.
 * The n-th blocks of two subjects are neighbours in time, and may be compared.
 */
export async function measureInTurn(subjects: readonly Subject[], effort: Effort): Promise<readonly Block[][]> {
  const clients = subjects.map(({ process }) => createHttpClient(process.port));
  let index = 0;
  const run = async (subject: number, count: number): Promise<Block> => {
    const { process, work } = subjects[subject] as Subject;
    const before = process.cpuMicros();
    const perSecond = await saturate(() => work(clients[subject] as HttpClient, index++), { atOnce, count });
    return { cpuMicros: (process.cpuMicros() - before) / count, perSecond };
  };
  for (const subject of subjects.keys()) await run(subject, effort.warmUp);
  const blocks: Block[][] = subjects.map(() => []);
  for (let repeat = 0; repeat < effort.repeats; repeat++) {
    for (const subject of subjects.keys()) blocks[subject]?.push(await run(subject, effort.count));
  }
  for (const client of clients) client.close();
  return blocks;
}
