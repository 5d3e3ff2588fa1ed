import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findJava } from "../../src/dev/java.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-java-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** A `java` that says only its version, as all of them do on the error output. */
async function java(path: string, version: string): Promise<string> {
  const command = join(dir, path);
  await mkdir(dirname(command), { recursive: true });
  await writeFile(command, `#!/bin/sh\necho 'openjdk version "${version}" 2025-01-01' >&2\n`);
  await chmod(command, 0o755);
  return command;
}

test("that of JAVA_HOME comes first", async () => {
  const command = await java("home/bin/java", "21.0.4");
  await java("path/java", "17.0.15");
  const env = { JAVA_HOME: join(dir, "home"), PATH: join(dir, "path") };
  expect(await findJava(env)).toEqual({ command, version: "21.0.4" });
});

test("one on the PATH is taken when JAVA_HOME is too old", async () => {
  await java("home/bin/java", "1.8.0_402");
  await java("path/java", "17");
  const env = { JAVA_HOME: join(dir, "home"), PATH: join(dir, "path") };
  expect(await findJava(env)).toEqual({ command: "java", version: "17" });
});

test("without a new enough one the message says what was found and what to do", async () => {
  await java("path/java", "11.0.2");
  const attempt = findJava({ PATH: join(dir, "path") }, "linux");
  await expect(attempt).rejects.toMatchObject({ name: "DevError", message: expect.stringContaining("is Java 11.0.2") });
  await expect(findJava({ PATH: dir }, "linux")).rejects.toThrow(
    /Java 17 or newer. None was found.*docker compose up/s,
  );
});
