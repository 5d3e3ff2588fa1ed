import { execFile } from "node:child_process";
import { basename } from "node:path";

/** What the registry said to a question: nothing against the packages, something, or nothing that can be understood. */
export type RegistryAnswer =
  | { readonly kind: "clean" }
  | { readonly kind: "found"; readonly lines: readonly string[] }
  | { readonly kind: "noAnswer"; readonly reason: string };

interface Advisories {
  readonly vulnerabilities: Readonly<Record<string, { readonly severity: string; readonly via: readonly unknown[] }>>;
}

interface Signatures {
  readonly invalid: readonly { readonly name: string; readonly version: string }[];
  readonly missing: readonly { readonly name: string; readonly version: string }[];
}

const severities = ["info", "low", "moderate", "high", "critical"];

/**
 * Asks the registry for known vulnerabilities of what is locked.
 *
 * @param options.production whether to ask for what the gateway runs on alone
 * @param options.from the least severity that counts
 */
export async function askForAdvisories(
  root: string,
  options: { readonly production: boolean; readonly from: string },
): Promise<RegistryAnswer> {
  const answer = await npmJson<Advisories>(root, ["audit", ...(options.production ? ["--omit=dev"] : [])]);
  if (!answer.value?.vulnerabilities) return { kind: "noAnswer", reason: answer.reason };
  const counts = (severity: string) => severities.indexOf(severity) >= severities.indexOf(options.from);
  const found = Object.entries(answer.value.vulnerabilities).filter(([, { severity }]) => counts(severity));
  return verdict(found.map(([name, { severity, via }]) => `${name}: ${severity}${titles(via)}`));
}

/** Asks the registry for its signatures of what is installed, and compares. */
export async function askForSignatures(root: string): Promise<RegistryAnswer> {
  const answer = await npmJson<Signatures>(root, ["audit", "signatures"]);
  if (!answer.value?.invalid || !answer.value.missing) return { kind: "noAnswer", reason: answer.reason };
  const line = (what: string) => (each: { name: string; version: string }) => `${each.name} ${each.version}: ${what}`;
  return verdict([
    ...answer.value.invalid.map(line("its signature is wrong")),
    ...answer.value.missing.map(line("it has no signature")),
  ]);
}

function verdict(lines: readonly string[]): RegistryAnswer {
  return lines.length === 0 ? { kind: "clean" } : { kind: "found", lines };
}

function titles(via: readonly unknown[]): string {
  const named = via.filter((each) => typeof each === "object" && each !== null && "title" in each);
  return (named as { title: string; url?: string }[]).map(({ title, url = "" }) => `, ${title} ${url}`).join("");
}

/** Runs npm and reads what it prints; it ends with a failure both when it found something and when nobody answered. */
async function npmJson<T>(root: string, args: readonly string[]): Promise<{ value: T | undefined; reason: string }> {
  const npm = process.env["npm_execpath"] ?? "";
  const [command = "npm", ...first] = basename(npm) === "npm-cli.js" ? [process.execPath, npm] : ["npm"];
  // npm itself tries again and again for minutes.
  const options = { cwd: root, timeout: 90_000, maxBuffer: 2 ** 26 };
  return new Promise((resolve) => {
    execFile(command, [...first, ...args, "--json"], options, (error, stdout, stderr) => {
      const said = stderr.split("\n").find((line) => line !== "");
      const reason = error?.killed ? "no answer within 90 seconds" : (said ?? "an answer that cannot be understood");
      let value: T | undefined;
      try {
        value = JSON.parse(stdout) as T;
      } catch {
        value = undefined;
      }
      resolve({ value, reason: messageOf(value) ?? reason });
    });
  });
}

function messageOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("message" in value)) return undefined;
  return typeof value.message === "string" ? value.message : undefined;
}
