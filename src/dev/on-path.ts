import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a program of this name is on the PATH of an environment. */
export function isOnPath(program: string, env: NodeJS.ProcessEnv): boolean {
  return (env["PATH"] ?? "").split(delimiter).some((dir) => dir !== "" && existsSync(join(dir, program)));
}
