import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The names under which applications import the package, by way of npm aliases. */
export const importNames = ["@calimatic/auth/headless", "@calimatic/auth-sdk"] as const;
export type ImportName = (typeof importNames)[number];

export const formats = ["esm", "cjs"] as const;
export type Format = (typeof formats)[number];

/** The two usages that the contract documents, word for word. */
const loginSample = `
import { HeadlessAuthClient, CalimaticAuthError, AuthErrorCode } from "@calimatic/auth/headless";
const client = new HeadlessAuthClient({ baseUrl: "http://localhost:8787", clientId: "cca_…", clientSecret: "ccas_…" });
const result = await client.auth.login({ email, password });
if ("mfaRequired" in result) useChallenge(result.mfaToken);          // narrowed to MfaChallengeResponse
else useTokens(result.accessToken, result.user.email);              // narrowed to the token set
`.trim();
const errorSample = `
try { await client.auth.login({ email, password }); }
catch (err) {
  if (err instanceof CalimaticAuthError)
    switch (err.code) { case AuthErrorCode.INVALID_CREDENTIALS: … case AuthErrorCode.ACCOUNT_LOCKED: … case AuthErrorCode.RATE_LIMITED: … default: report(err.status, err.code, err.message); }
}
`.trim();

/** Supplies the samples' free names; what they are called with becomes the program's output. */
const freeNames = `
const { SAMPLE_BASE_URL = "", SAMPLE_CLIENT_ID = "", SAMPLE_CLIENT_SECRET = "" } = process.env;
const { SAMPLE_EMAIL: email = "", SAMPLE_PASSWORD: password = "" } = process.env;
const say = (value: object): void => console.log(JSON.stringify(value));
const useChallenge = (mfaToken: string): void => say({ kind: "challenge", mfaToken });
const useTokens = (accessToken: string, email: string): void => say({ kind: "tokens", accessToken, email });
const handle = (code: string): void => say({ kind: "handled", code });
const report = (status: number, code: string, message: string): void => say({ kind: "reported", status, code, message });
`;

/** What a sample is run with. */
export interface SampleInput {
  readonly importName: ImportName;
  readonly format: Format;
  /** Origin of a gateway, or of anything that speaks its wire format. */
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly email: string;
  readonly password: string;
  /** What to run on; default: this Node. */
  readonly runtime?: Runtime;
}

/** A JavaScript runtime: a program and the arguments before the file. */
export interface Runtime {
  readonly program: string;
  readonly args: readonly string[];
}

const thisNode: Runtime = { program: process.execPath, args: [] };

/** Which of its free names the login sample called. */
export type LoginSampleOutput =
  | { readonly kind: "challenge"; readonly mfaToken: string }
  | { readonly kind: "tokens"; readonly accessToken: string; readonly email: string };

/** Which branch the error sample took; undefined when the login succeeded. */
export type ErrorSampleOutput =
  | { readonly kind: "handled"; readonly code: string }
  | { readonly kind: "reported"; readonly status: number; readonly code: string; readonly message: string }
  | undefined;

/** An application in a folder of its own that has the packed SDK installed under both names. */
export interface SdkConsumer {
  readonly directory: string;
  /** Runs the contract's first sample. */
  runLogin(input: SampleInput): Promise<LoginSampleOutput>;
  /** Runs the contract's second sample. */
  runError(input: SampleInput): Promise<ErrorSampleOutput>;
  /** Runs a program of the folder; resolves to its standard output. */
  runProgram(file: string, options?: { env?: Record<string, string>; runtime?: Runtime }): Promise<string>;
  /**
   * Type-checks files of the folder, strictly and with the SDK's declarations included.
   *
   * @throws Error with the compiler's messages.
   */
  typeCheck(files: readonly string[], compilerOptions: Readonly<Record<string, unknown>>): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Packs the SDK as `npm publish` would, installs the tarball under both names without a registry, and compiles the samples.
 * Works in temporary folders only, so that any number of test files can do it at once.
 *
 * @throws Error with the compiler's messages when a sample does not compile.
 */
export async function createSdkConsumer(): Promise<SdkConsumer> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "headgate-sdk-")));
  try {
    const tarball = await packSdk(base);
    const directory = join(base, "app");
    await mkdir(directory);
    await writeFile(join(directory, "package.json"), JSON.stringify({ name: "app", private: true }));
    const specs = ["@calimatic/auth", "@calimatic/auth-sdk"].map((name) => `${name}@file:${tarball}`);
    await npm(directory, ["install", "--offline", "--ignore-scripts", ...specs, ...ownCache(base)]);
    const consumer = consumerIn(base, directory);
    await compileSamples(consumer);
    return consumer;
  } catch (error) {
    await rm(base, { recursive: true, force: true });
    throw error;
  }
}

async function packSdk(base: string): Promise<string> {
  // A copy, because building in the checkout would pull the files from under another pack of the same moment.
  const checkout = join(base, "checkout");
  for (const path of ["package.json", ".npmrc", "tsconfig.json", "src/contract", "src/sdk"]) {
    await cp(join(root, path), join(checkout, path), {
      recursive: true,
      filter: (source) => !/[\\/]dist$/.test(source),
    });
  }
  await symlink(join(root, "node_modules"), join(checkout, "node_modules"), "junction");
  // Built first: npm runs no script by itself here (.npmrc).
  await npm(join(checkout, "src/sdk"), ["run", "build"]);
  await npm(join(checkout, "src/sdk"), ["pack", "--pack-destination", base, ...ownCache(base)]);
  const tarball = (await readdir(base)).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no tarball");
  return join(base, tarball);
}

function consumerIn(base: string, directory: string): SdkConsumer {
  const runProgram: SdkConsumer["runProgram"] = async (file, { env = {}, runtime = thisNode } = {}) => {
    const args = [...runtime.args, join(directory, file)];
    const { stdout } = await run(runtime.program, args, { cwd: directory, env: { ...outerEnv(), ...env } });
    return stdout;
  };
  const runSample = async (sample: string, input: SampleInput) => {
    const env = {
      SAMPLE_BASE_URL: input.baseUrl,
      SAMPLE_CLIENT_ID: input.clientId,
      SAMPLE_CLIENT_SECRET: input.clientSecret,
      SAMPLE_EMAIL: input.email,
      SAMPLE_PASSWORD: input.password,
    };
    const file = `out/${programName(sample, input.importName)}.${input.format === "esm" ? "mjs" : "cjs"}`;
    const output = await runProgram(file, { env, runtime: input.runtime ?? thisNode });
    return output === "" ? undefined : JSON.parse(output);
  };
  return {
    directory,
    runLogin: (input) => runSample("login", input),
    runError: (input) => runSample("error", input),
    runProgram,
    typeCheck: async (files, compilerOptions) => {
      const options = {
        target: "ES2022",
        strict: true,
        exactOptionalPropertyTypes: true,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
        noEmit: true,
        ...compilerOptions,
      };
      const project = join(await mkdtemp(join(directory, "check-")), "tsconfig.json");
      const paths = files.map((file) => join(directory, file));
      await writeFile(project, JSON.stringify({ compilerOptions: options, files: paths }));
      const compiler = join(root, "node_modules/typescript/bin/tsc");
      await run(process.execPath, [compiler, "-p", project]).catch((error: { stdout?: string }) => {
        throw new Error(`${project} with ${JSON.stringify(compilerOptions)}:\n${error.stdout}`, { cause: error });
      });
    },
    remove: () => rm(base, { recursive: true, force: true }),
  };
}

/** The files that {@link createSdkConsumer} wrote and compiled, ESM (`.mts`) or CommonJS (`.cts`). */
export function sampleSources(format: Format): string[] {
  const extension = format === "esm" ? "mts" : "cts";
  return importNames.flatMap((name) => ["login", "error"].map((sample) => `${programName(sample, name)}.${extension}`));
}

async function compileSamples(consumer: SdkConsumer): Promise<void> {
  for (const importName of importNames) {
    const [importLine = "", clientLine = "", ...loginLines] = fill(loginSample)
      .replace("@calimatic/auth/headless", importName)
      .split("\n");
    const bodies = { login: [clientLine, ...loginLines], error: [clientLine, fill(errorSample)] };
    for (const [sample, body] of Object.entries(bodies)) {
      const name = programName(sample, importName);
      const esm = [importLine, freeNames, ...body];
      // CommonJS has no await outside of a function.
      const cjs = [importLine, freeNames, "void (async () => {", ...body, "})();"];
      await writeFile(join(consumer.directory, `${name}.mts`), esm.join("\n"));
      await writeFile(join(consumer.directory, `${name}.cts`), cjs.join("\n"));
    }
  }
  await consumer.typeCheck([...sampleSources("esm"), ...sampleSources("cjs")], {
    module: "NodeNext",
    noEmit: false,
    rootDir: consumer.directory,
    outDir: join(consumer.directory, "out"),
  });
}

/** Replaces what is a placeholder in the contract's text. */
function fill(sample: string): string {
  return sample
    .replace('"http://localhost:8787"', "SAMPLE_BASE_URL")
    .replace('"cca_…"', "SAMPLE_CLIENT_ID")
    .replace('"ccas_…"', "SAMPLE_CLIENT_SECRET")
    .replaceAll("…", "handle(err.code); break;");
}

function programName(sample: string, importName: ImportName): string {
  return `${sample}-${importName.replaceAll(/[^a-z]+/g, "-").slice(1)}`;
}

/** Keeps npm from finding anything that another installation left in the user's cache. */
function ownCache(base: string): string[] {
  return ["--cache", join(base, "npm-cache")];
}

/**
 * Runs npm, the one that runs this test if any, free of that one's settings.
 *
 * @throws Error with what npm said.
 */
export async function npm(cwd: string, args: readonly string[]): Promise<void> {
  const script = process.env["npm_execpath"];
  const isNpm = script?.endsWith("npm-cli.js") === true;
  const command = isNpm ? process.execPath : "npm";
  const all = [...(isNpm ? [script] : []), ...args, "--no-audit", "--no-fund"];
  await run(command, all, { cwd, env: outerEnv(), shell: !isNpm && process.platform === "win32" });
}

function outerEnv(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => /^(npm_|CALIMATIC_|NODE_OPTIONS$|INIT_CWD$)/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)));
}

/** Reads a file of the installed package. */
export async function readInstalled(consumer: SdkConsumer, path: string): Promise<string> {
  return await readFile(join(consumer.directory, "node_modules/@calimatic/auth", path), "utf8");
}
