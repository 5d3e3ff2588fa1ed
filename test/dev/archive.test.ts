// Threat: a Keycloak that somebody has changed on its way, in a mirror or in a local repository, is run by developers.
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KEYCLOAK_SHA256 } from "../../src/dev/keycloak-archive.ts";
import { ensureKeycloakDist } from "../../src/dev/keycloak-dist.ts";
import { createProcesses, type Processes } from "../../src/dev/processes.ts";
import { createSteps } from "../../src/dev/steps.ts";
import { zipFile } from "./zip-file.ts";

let dir: string;
let cache: string;
let processes: Processes;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-archive-"));
  cache = join(dir, "cache");
  processes = createProcesses(join(dir, "logs"));
});
afterEach(async () => {
  await processes.close();
  await rm(dir, { recursive: true });
});

const changed = zipFile([{ name: "keycloak-26.7.5/bin/kc.sh", content: "#!/bin/sh\necho changed\n", mode: 0o100755 }]);

function ensure(env: NodeJS.ProcessEnv): Promise<string> {
  const java = { command: "java", version: "17" };
  const steps = createSteps({ write: () => true });
  return ensureKeycloakDist({ cache, env, java, processes, steps, signal: AbortSignal.timeout(60_000) });
}

test("a given archive with another checksum is not used", async () => {
  const archive = join(dir, "given.zip");
  await writeFile(archive, changed);
  const attempt = ensure({ ...process.env, HEADGATE_KEYCLOAK_ARCHIVE: archive });
  await expect(attempt).rejects.toMatchObject({ name: "DevError", message: expect.stringContaining(KEYCLOAK_SHA256) });
  expect(await readdir(cache), "nothing of it is left in the cache").toEqual([]);
});

test("an archive that Maven brings with another checksum is not used", async () => {
  const bin = await mkdtemp(join(dir, "bin-"));
  await writeFile(join(dir, "changed.zip"), changed);
  // It speaks the one sentence of Maven's that we use.
  const script = `#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) cp "${join(dir, "changed.zip")}" "\${word#*=}/";; esac; done\n`;
  await writeFile(join(bin, "mvn"), script);
  await chmod(join(bin, "mvn"), 0o755);
  const attempt = ensure({
    ...process.env,
    HEADGATE_KEYCLOAK_ARCHIVE: "",
    PATH: `${bin}${delimiter}${process.env["PATH"]}`,
  });
  await expect(attempt).rejects.toMatchObject({ name: "DevError", message: expect.stringContaining("checksum") });
  expect(await readdir(cache)).toEqual([]);
});

test("a given archive that is not there is named", async () => {
  const attempt = ensure({ ...process.env, HEADGATE_KEYCLOAK_ARCHIVE: "/nowhere/keycloak.zip" });
  await expect(attempt).rejects.toThrow("/nowhere/keycloak.zip");
});
