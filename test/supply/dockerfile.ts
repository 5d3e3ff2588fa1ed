/** One instruction of a Dockerfile, with its continued lines joined. */
export interface Instruction {
  readonly name: string;
  /** What follows the name, without its `--flag=value` words. */
  readonly text: string;
  readonly flags: Readonly<Record<string, string>>;
}

/** The instructions of one FROM, that one included. */
export interface Stage {
  readonly name: string | undefined;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

/** Reads as much of the language as our Dockerfile uses. @throws Error for what comes before the first FROM */
export function parseDockerfile(content: string): readonly Stage[] {
  const stages: { name: string | undefined; image: string; instructions: Instruction[] }[] = [];
  const lines = content.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  for (const line of lines.join("\n").replaceAll("\\\n", " ").split("\n")) {
    const [, word = "", rest = ""] = /^\s*(\w+)\s*(.*?)\s*$/.exec(line) ?? [];
    const flags: Record<string, string> = {};
    const text = rest.replace(/^(?:--([\w-]+)=(\S+)\s+)+/, (all) => {
      for (const [, flag = "", value = ""] of all.matchAll(/--([\w-]+)=(\S+)/g)) flags[flag] = value;
      return "";
    });
    const instruction = { name: word.toUpperCase(), text, flags };
    if (instruction.name === "FROM") {
      const [image = "", , name] = text.split(/\s+/);
      stages.push({ name, image, instructions: [] });
    }
    const stage = stages.at(-1);
    if (!stage) throw new Error(`${instruction.name} comes before FROM`);
    stage.instructions.push(instruction);
  }
  return stages;
}

/** The words of an instruction in exec form. @throws Error for the shell form */
export function execForm({ name, text }: Instruction): readonly string[] {
  const json = text.replace(/^CMD\s+/, "");
  if (!json.startsWith("[")) throw new Error(`${name} would run in a shell: ${text}`);
  return JSON.parse(json) as string[];
}

/** Whether a .dockerignore keeps a path of the repository from the builder: the last line that matches decides. */
export function isIgnored(dockerignore: string, path: string): boolean {
  const parts = path.split("/");
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  let ignored = false;
  for (const line of dockerignore.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const pattern = line.replace(/^!/, "");
    if (!/^[\w./-]+$|^\*$/.test(pattern)) throw new Error(`.dockerignore: ${line} is not understood here`);
    if (pattern === "*" || paths.includes(pattern)) ignored = !line.startsWith("!");
  }
  return ignored;
}
