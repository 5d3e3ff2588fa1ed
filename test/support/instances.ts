import type { ApiAnswer } from "./api.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { type Mailbox, startMailbox } from "./mailbox.ts";
import { startRedis, type TestRedis } from "./redis.ts";

/** Gateway processes that share a store and a mailbox. */
export interface Instances {
  readonly redis: TestRedis;
  readonly mailbox: Mailbox;
  /** By turns. */
  at(index: number): TestGateway;
  /** Makes calls at the same moment, by turns at the gateways. */
  race(count: number, call: (gateway: TestGateway, index: number) => Promise<ApiAnswer>): Promise<ApiAnswer[]>;
  /** Starts one more on the same store and mailbox, with settings over those of the others. */
  add(env: Readonly<Record<string, string>>): Promise<TestGateway>;
  /** Everything that all of them wrote so far. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts so many gateways. */
export async function startInstances(count: number, env: Readonly<Record<string, string>> = {}): Promise<Instances> {
  const [redis, mailbox] = await Promise.all([startRedis(), startMailbox()]);
  const started: TestGateway[] = [];
  const add: Instances["add"] = async (more) => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      env: { HEADGATE_SMTP_URL: mailbox.smtpUrl, ...env, ...more },
    });
    started.push(gateway);
    return gateway;
  };
  const stop = async () => {
    await Promise.all(started.map((gateway) => gateway.stop()));
    await mailbox.stop();
    await redis.stop();
  };
  let gateways: TestGateway[];
  try {
    gateways = await Promise.all(Array.from({ length: count }, () => add({})));
  } catch (error) {
    await stop();
    throw error;
  }
  const at = (index: number) => gateways[index % count] as TestGateway;
  return {
    redis,
    mailbox,
    at,
    race: (calls, call) => Promise.all(Array.from({ length: calls }, (_, index) => call(at(index), index))),
    add,
    output: () => started.map((gateway) => gateway.output()).join("\n"),
    stop,
  };
}
