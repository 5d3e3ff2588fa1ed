import { connectRedis, type RedisConnection } from "./adapters/redis/connect.ts";
import { releaseMemory, systemClock, systemRandom } from "./adapters/system.ts";
import { type Command, parseCommand, usage } from "./cli/command.ts";
import { listMail, type MailCommandDeps, replayMail } from "./cli/mail.ts";
import { createOutbox, openAdapters, openMailer } from "./composition/adapters.ts";
import { composeGateway } from "./composition/gateway.ts";
import { readAppsFile, watchAppsFile } from "./config/apps-file.ts";
import { ConfigError, readConfig } from "./config/config.ts";
import { StoreUnavailable } from "./domain/ports/faults.ts";
import { startServer } from "./http/server.ts";
import { createLogger } from "./observability/log.ts";

/**
 * Checks the environment, then the apps file, then the mail settings. The apps file is looked at beside a bad variable too;
 * the mail settings only when every variable is good.
 *
 * @throws ConfigError with the problems of all of them
 */
function readAll() {
  const problems: string[] = [];
  function attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  }
  const config = attempt(() => readConfig(process.env));
  const appsFile = process.env["HEADGATE_APPS_FILE"];
  const apps = appsFile ? attempt(() => readAppsFile(appsFile)) : undefined;
  const mailer = config && attempt(() => openMailer(config));
  if (!config || !apps || !mailer) throw new ConfigError(problems);
  return { config, apps, mailer };
}

/** By then a start has left what it needed for itself only. */
const settledAfterMs = 1_000;

async function start(): Promise<void> {
  const { config, mailer } = readAll();
  const log = createLogger({ level: config.HEADGATE_LOG_LEVEL, atExit: (flush) => process.on("exit", flush) });
  const apps = watchAppsFile(config.HEADGATE_APPS_FILE, log);
  const adapters = await openAdapters(config, mailer, log);
  const { app, mailWorker } = composeGateway(config, apps, log, adapters);

  const { HEADGATE_HOST: host, HEADGATE_PORT: port } = config;
  const server = await startServer({ app, host, port, log, random: systemRandom }).catch(
    async (error: NodeJS.ErrnoException) => {
      apps.close();
      await adapters.close();
      const why = error.code ?? error.name;
      throw new ConfigError([`HEADGATE_HOST, HEADGATE_PORT: the address cannot be listened on (${why})`]);
    },
  );
  const stopMail = new AbortController();
  const mailStopped = mailWorker.run(stopMail.signal);
  log.info({ host: server.host, port: server.port, apps: apps.size }, "listening");
  setTimeout(releaseMemory, settledAfterMs).unref();

  let stopping = false;
  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    // Mails that are on their way end; what waits stays in the outbox.
    stopMail.abort();
    const [{ finished }] = await Promise.all([server.close(config.HEADGATE_SHUTDOWN_TIMEOUT_MS), mailStopped]);
    apps.close();
    await adapters.close();
    log.info({ finished }, "stopped");
    process.exit(finished ? 0 : 1);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, (received) => void stop(received));
}

function checkConfig(): void {
  const { apps, mailer } = readAll();
  mailer.close();
  process.stdout.write(`The configuration is valid; apps: ${[...apps.keys()].join(", ")}\n`);
}

/** Waits until a fresh connection is there, for three seconds. @throws StoreUnavailable */
async function answering(connection: RedisConnection): Promise<void> {
  for (const giveUpAt = systemClock.now() + 3_000; ; ) {
    try {
      return await connection.ping();
    } catch (error) {
      if (systemClock.now() > giveUpAt) throw error;
      await systemClock.sleep(50);
    }
  }
}

/** Runs a command on the outbox of the configured store. */
async function withMailQueue<T>(command: (deps: MailCommandDeps) => Promise<T>): Promise<T> {
  const config = readConfig(process.env);
  if (config.HEADGATE_REDIS_URL === "embedded") {
    throw new ConfigError([
      "HEADGATE_REDIS_URL: the embedded store belongs to its gateway's process; nobody else can look into it",
    ]);
  }
  let away: Error | undefined;
  const connection = connectRedis({
    url: config.HEADGATE_REDIS_URL,
    onAvailability: (_available, error) => {
      away = error;
    },
  });
  try {
    await answering(connection);
    const queue = createOutbox(config, connection);
    return await command({ queue, print: (text) => process.stdout.write(text), now: systemClock.now() });
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    // Of what Redis or the system says, the code alone: WRONGPASS, NOPERM, ECONNREFUSED.
    const [code] = /\b[A-Z]{4,20}\b/.exec(`${error.message} ${away?.message}`) ?? [];
    throw new ConfigError([`HEADGATE_REDIS_URL: the store does not answer${code === undefined ? "" : ` (${code})`}`]);
  } finally {
    await connection.close();
  }
}

async function run(command: Command): Promise<void> {
  switch (command.kind) {
    case "start":
      return start();
    case "check-config":
      return checkConfig();
    case "mail-list":
      return withMailQueue(listMail);
    case "mail-replay":
      if (!(await withMailQueue((deps) => replayMail(deps, command.id)))) process.exitCode = 1;
      return;
    case "help":
      process.stdout.write(usage);
      return;
    case "unknown":
      process.stderr.write(`${command.problem}\n\n${usage}`);
      process.exitCode = 2;
  }
}

try {
  await run(parseCommand(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`The configuration cannot be used:\n${error.problems.map((line) => `  ${line}\n`).join("")}`);
  process.exitCode = 1;
}
