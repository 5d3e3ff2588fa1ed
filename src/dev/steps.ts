/** Says how far a step is, for example "43 %". On a terminal it is shown at once, in a log at most every ten seconds. */
export type Progress = (text: string) => void;

/** Prints what is done and how long it took. */
export type Steps = {
  /** Runs one step; `detail` of its result is shown behind the label. */
  run<T>(label: string, work: (progress: Progress) => Promise<T>, detail?: (result: T) => string): Promise<T>;
  /** Prints text on lines of its own, also while a step runs. */
  say(text: string): void;
};

type Output = { write(text: string): unknown; isTTY?: boolean };

const LABEL_WIDTH = 64;
const LOG_INTERVAL_MS = 10_000;

/** Steps on a stream: one line a step, rewritten while the step runs if the stream is a terminal. */
export function createSteps(output: Output): Steps {
  let live: string | undefined;

  function show(text: string): void {
    if (!output.isTTY) return;
    live = text;
    output.write(`\r\u001b[2K${text}`);
  }

  function print(text: string): void {
    const running = live;
    if (running !== undefined) output.write("\r\u001b[2K");
    output.write(`${text}\n`);
    if (running !== undefined) output.write(running);
  }

  async function run<T>(label: string, work: (progress: Progress) => Promise<T>, detail?: (result: T) => string) {
    const start = performance.now();
    let note = "";
    let logged = start;
    const tick = () => show(line(note ? `${label}: ${note}` : label, start));
    const progress: Progress = (text) => {
      if (text === note) return;
      note = text;
      tick();
      if (output.isTTY || performance.now() - logged < LOG_INTERVAL_MS) return;
      logged = performance.now();
      print(line(`${label}: ${note}`, start));
    };
    const ticker = setInterval(tick, 1000);
    tick();
    try {
      const result = await work(progress);
      finish();
      print(line(detail ? `${label}: ${detail(result)}` : label, start));
      return result;
    } catch (error) {
      finish();
      print(`  ${label}: failed`);
      throw error;
    }

    function finish(): void {
      clearInterval(ticker);
      if (live !== undefined) output.write("\r\u001b[2K");
      live = undefined;
    }
  }

  return { run, say: print };
}

function line(text: string, start: number): string {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  return `  ${text.padEnd(LABEL_WIDTH)} ${seconds.padStart(6)} s`;
}
