import type { Redis } from "ioredis";

/**
 * Makes commands of one turn of the event loop go out in one system call: call the returned function before each of them.
 * Under load a call for each command is the largest part of what the store costs, here and at the server (docs/performance.md);
 * one command alone waits for nothing but the end of the turn.
 */
export function gatherWrites(client: Redis): () => void {
  let gathering: Redis["stream"] | undefined;
  return () => {
    const { stream } = client;
    // Not connected yet: the command will fail by itself.
    if (stream === undefined || stream === gathering) return;
    gathering = stream;
    stream.cork();
    setImmediate(() => {
      gathering = undefined;
      stream.uncork();
    });
  };
}
