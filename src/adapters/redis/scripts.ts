import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A Lua script and the digest that the store knows it by. */
export interface Script {
  readonly source: string;
  readonly sha1: string;
  /** Sent as source each time, for a script that must do its work also when no answer comes in time. */
  readonly whole: boolean;
  /** Answered only when replicas have what it wrote, where the connection asks for any. */
  readonly replicated: boolean;
}

/** Reads the named files of `scripts/` as one script; the later ones use what the earlier ones define. */
function load(...names: readonly string[]): Script {
  const source = names
    .map((name) => readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), "utf8"))
    .join("\n");
  return { source, sha1: createHash("sha1").update(source).digest("hex"), whole: false, replicated: false };
}

/** The scripts of the marks of endings. */
export function loadEndingScripts() {
  return {
    begin: load("clock", "keep-endings", "begin-ending"),
    finish: load("clock", "keep-endings", "finish-ending"),
    look: load("clock", "endings", "look-ending"),
  };
}

/**
 * The scripts of admission. Each decides in one step on the store's clock. Replicated are those whose loss would win a guess,
 * and `leaveAccount`, which must not overtake the entry that it takes back.
 */
export function loadAdmissionScripts() {
  const gate = ["clock", "state", "holder", "waiters"];
  const settleAccount = load(...gate, "leave-gate", "settle-account");
  const leave = { ...load(...gate, "leave-gate", "leave"), whole: true };
  return {
    charge: load("clock", "buckets", "charge"),
    refund: load("clock", "buckets", "refund"),
    enterAccount: { ...load(...gate, "enter-gate", "buckets", "enter-account"), replicated: true },
    confirm: { ...load("clock", "state", "holder", "confirm"), replicated: true },
    enterFlight: load(...gate, "enter-gate", "buckets", "endings", "enter-flight"),
    settleAccount,
    settleWrong: { ...settleAccount, replicated: true },
    settleFlight: load(...gate, "leave-gate", "endings", "settle-flight"),
    leave,
    leaveAccount: { ...leave, replicated: true },
    poll: load(...gate, "poll"),
    lockoutState: load("clock", "state", "lockout-state"),
    unlock: load("clock", "state", "unlock"),
    invalidate: { ...load("clock", "state", "invalidate"), replicated: true },
  };
}

export type AdmissionScripts = ReturnType<typeof loadAdmissionScripts>;

/** The scripts of the challenge store. */
export function loadChallengeScripts() {
  return { take: load("take-challenge") };
}

/** The scripts of the mail outbox, one a verb. */
export function loadMailScripts() {
  const verb = (name: string) => load("clock", "mail-queue", `mail-${name}`);
  return {
    add: verb("add"),
    take: verb("take"),
    done: verb("done"),
    retry: verb("retry"),
    bury: verb("bury"),
    replay: verb("replay"),
    list: verb("list"),
    size: verb("size"),
  };
}

/** The script of stores whose values are taken once. */
export function loadTakeScript(): Script {
  return load("take-challenge");
}
