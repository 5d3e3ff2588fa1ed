// Builds dist/esm and dist/cjs with the TypeScript compiler alone.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

rmSync(join(here, "dist"), { recursive: true, force: true });
for (const project of ["tsconfig.esm.json", "tsconfig.cjs.json"]) {
  const { status } = spawnSync(process.execPath, [compiler, "-p", join(here, project)], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
// The package is "module"; its CommonJS half has to say otherwise.
writeFileSync(join(here, "dist", "cjs", "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
