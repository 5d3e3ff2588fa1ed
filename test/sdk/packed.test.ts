import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  createSdkConsumer,
  formats,
  importNames,
  readInstalled,
  type SdkConsumer,
  sampleSources,
} from "../support/sdk-consumer.ts";
import {
  type Answer,
  credentials,
  json,
  mfaChallenge,
  type StubGateway,
  startStubGateway,
  tokenSet,
} from "./stub-gateway.ts";

// Every test starts programs or compilers.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let consumer: SdkConsumer;
let gateway: StubGateway;
beforeAll(async () => {
  [consumer, gateway] = await Promise.all([createSdkConsumer(), startStubGateway()]);
});
afterAll(async () => {
  await Promise.all([consumer?.remove(), gateway?.close()]);
});

const variants = importNames.flatMap((importName) => formats.map((format) => ({ importName, format })));

/** Answers like a gateway with one user of each kind. */
const users: Answer = (response, request) => {
  const { email, password } = JSON.parse(request.body);
  const error = (status: number, code: string): Answer =>
    json(status, { code, message: `${code}.`, requestId: "req_1" });
  const answer =
    request.headers["x-client-secret"] !== credentials.clientSecret
      ? error(401, "INVALID_CLIENT")
      : email === "locked@example.com"
        ? error(423, "ACCOUNT_LOCKED")
        : password !== "right"
          ? error(401, "INVALID_CREDENTIALS")
          : json(200, email === "otp@example.com" ? mfaChallenge : tokenSet);
  answer(response, request);
};

describe.each(variants)("the contract's samples with $importName, $format", (variant) => {
  const input = (email: string, password: string, change: object = {}) => {
    gateway.answerWith(users);
    return { ...variant, ...credentials, baseUrl: gateway.baseUrl, email, password, ...change };
  };

  it("a login gives tokens", async () => {
    const { accessToken } = tokenSet;
    expect(await consumer.runLogin(input("jane@example.com", "right"))).toEqual({
      kind: "tokens",
      accessToken,
      email: "jane@example.com",
    });
  });

  it("a login with a second factor gives a challenge", async () => {
    const { mfaToken } = mfaChallenge;
    expect(await consumer.runLogin(input("otp@example.com", "right"))).toEqual({ kind: "challenge", mfaToken });
  });

  it("errors reach the branch of their code", async () => {
    const wrong = await consumer.runError(input("jane@example.com", "wrong"));
    expect(wrong).toEqual({ kind: "handled", code: "INVALID_CREDENTIALS" });
    const locked = await consumer.runError(input("locked@example.com", "right"));
    expect(locked).toEqual({ kind: "handled", code: "ACCOUNT_LOCKED" });
    expect(await consumer.runError(input("jane@example.com", "right", { clientSecret: "ccas_wrong" }))).toEqual({
      kind: "reported",
      status: 401,
      code: "INVALID_CLIENT",
      message: "INVALID_CLIENT.",
    });
    expect(await consumer.runError(input("jane@example.com", "right"))).toBeUndefined();
  });
});

describe("types of the installed package", () => {
  const esm = { module: "ESNext", moduleResolution: "Bundler" };
  it.each([
    ["NodeNext", [...sampleSources("esm"), ...sampleSources("cjs")], { module: "NodeNext" }],
    ["Node16", [...sampleSources("esm"), ...sampleSources("cjs")], { module: "Node16" }],
    ["Bundler", sampleSources("esm"), esm],
    ["Bundler without types of Node", ["browserless.ts"], { ...esm, types: [], lib: ["ES2022", "DOM"] }],
    ["Bundler, to CommonJS", sampleSources("cjs"), { module: "CommonJS", moduleResolution: "Bundler" }],
  ])("resolve and hold with %s", async (_name, files, options) => {
    const source =
      'import { HeadlessAuthClient } from "@calimatic/auth";\nnew HeadlessAuthClient({ baseUrl: "x", fetch });\n';
    await writeFile(join(consumer.directory, "browserless.ts"), source);
    await consumer.typeCheck(files, options);
  });

  it("are those of the sources: the type tests hold under both names", async () => {
    const tests = await readFile(fileURLToPath(new URL("../types/sdk.test-d.ts", import.meta.url)), "utf8");
    const files = await Promise.all(
      ["@calimatic/auth", ...importNames].flatMap((name, index) =>
        ["mts", "cts"].map(async (extension) => {
          const file = `types-${index}.${extension}`;
          const text = tests.replace("../../src/sdk/index.ts", name);
          await writeFile(join(consumer.directory, file), text);
          return file;
        }),
      ),
    );
    await consumer.typeCheck(files, { module: "NodeNext" });
  });

  it("a wrong use does not compile", async () => {
    const source = 'import { HeadlessAuthClient } from "@calimatic/auth/headless";\nnew HeadlessAuthClient({});\n';
    await writeFile(join(consumer.directory, "wrong.mts"), source);
    await expect(consumer.typeCheck(["wrong.mts"], { module: "NodeNext" })).rejects.toThrow("'baseUrl' is missing");
  });
});

describe("the installed package", () => {
  it("has no dependencies, no side effects, a licence, and carries neither tests nor sources", async () => {
    const manifest = JSON.parse(await readInstalled(consumer, "package.json"));
    expect(manifest).toMatchObject({ version: "0.1.0", license: "Apache-2.0", sideEffects: false });
    expect(manifest.engines).toEqual({ node: ">=18" });
    for (const field of ["dependencies", "peerDependencies", "optionalDependencies"])
      expect(manifest).not.toHaveProperty(field);
    expect(await readInstalled(consumer, "LICENSE")).toContain("Apache License");
    expect(await readInstalled(consumer, "README.md")).toContain("HeadlessAuthClient");
    await expect(readInstalled(consumer, "index.ts")).rejects.toThrow("ENOENT");
  });

  it("an error of one copy is an instance of the class of every other", async () => {
    const source = `
      import { createRequire } from "node:module";
      import * as a from "@calimatic/auth/headless";
      import * as b from "@calimatic/auth-sdk";
      const require = createRequire(import.meta.url);
      const copies = [a, b, require("@calimatic/auth/headless"), require("@calimatic/auth-sdk")];
      const classes = copies.map((copy) => copy.CalimaticAuthError);
      const init = { status: 401, code: "INVALID_CREDENTIALS", message: "m" };
      const matches = classes.map((one) => classes.every((other) => new one(init) instanceof other));
      console.log(JSON.stringify([new Set(classes).size, matches]));`;
    await writeFile(join(consumer.directory, "copies.mjs"), source);
    expect(JSON.parse(await consumer.runProgram("copies.mjs"))).toEqual([4, [true, true, true, true]]);
  });

  it("runs where there is no process", async () => {
    const source = `
      const { exit, stdout } = process;
      const { HeadlessAuthClient } = await import("@calimatic/auth/headless");
      delete globalThis.process;
      const messages = [{}, { clientId: "i", clientSecret: "s" }].map((change) => {
        try { return String(new HeadlessAuthClient({ baseUrl: "https://auth.example.com", ...change })); }
        catch (error) { return error.message; }
      });
      stdout.write(JSON.stringify(messages));`;
    await writeFile(join(consumer.directory, "no-process.mjs"), source);
    const [missing, complete] = JSON.parse(await consumer.runProgram("no-process.mjs"));
    expect(missing).toContain("clientId is missing");
    expect(complete).toBe("[object Object]");
  });

  it("the program ends after the last call: nothing keeps it alive", async () => {
    gateway.answerWith(users);
    const source = `
      import { HeadlessAuthClient } from "@calimatic/auth/headless";
      const client = new HeadlessAuthClient({ baseUrl: process.env.BASE_URL, clientId: "i", clientSecret: "s", timeoutMs: 2147483647 });
      await client.auth.login({ email: "jane@example.com", password: "right" }).catch((error) => console.log(error.code));`;
    await writeFile(join(consumer.directory, "ends.mjs"), source);
    const output = await consumer.runProgram("ends.mjs", { env: { BASE_URL: gateway.baseUrl } });
    expect(output.trim()).toBe("INVALID_CLIENT");
  });
});
