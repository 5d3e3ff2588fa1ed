// Threat: a room reaches past the one that guards it (a front asks Keycloak itself, a rule reads the clock of the machine), and
// nobody notices, because the lint rule that draws the arrow lets this way of writing it through.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const biome = createRequire(import.meta.url).resolve("@biomejs/biome/bin/biome");

const domain = (...names: readonly string[]) => names.map((name) => `domain/${name}`);
// Rooms that do not exist yet stand for those to come: a second front, another room of rules, folders within rooms.
const inside = [
  ...domain("login", "mfa", "mfa/deep", "sessions", "lockout", "clients", "ports"),
  ...domain("accounts", "password", "email", "other"),
];
const fronts = ["http/headless", "http/headless/deep", "http/other"];
const shared = ["http", "http/middleware"];
const store = ["adapters/redis/embedded"];
const adapters = ["adapters", "adapters/redis", "adapters/keycloak", ...store];

const belowMain = [
  ...fronts,
  ...shared,
  ...inside,
  ...adapters,
  "cli",
  "limits",
  "observability",
  "config",
  "contract",
];

/** Every room, and the rooms that it may import besides itself. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  main: ["composition", ...belowMain],
  composition: belowMain,
  http: [...fronts, ...shared, ...inside, "limits", "observability", "contract"],
  "http/middleware": [...shared, ...inside, "limits", "observability", "contract"],
  "http/headless": ["http/headless/deep", ...shared, ...inside, "limits", "observability", "contract"],
  "http/other": [...shared, ...inside, "limits", "observability", "contract"],
  "http/headless/deep": ["http/headless", ...shared, ...inside, "limits", "observability", "contract"],
  cli: [...inside, "limits", "observability", "contract"],
  adapters: [...adapters, ...domain("ports"), "observability", "contract"],
  "adapters/redis": [...adapters, ...domain("ports"), "observability", "contract"],
  "adapters/keycloak": [...adapters, ...domain("ports"), "observability", "contract"],
  "adapters/redis/embedded": [...adapters, ...domain("ports"), "observability", "contract"],
  limits: [...domain("ports"), "contract"],
  "domain/login": [...domain("mfa", "mfa/deep", "sessions", "lockout", "clients", "ports"), "contract"],
  "domain/mfa": [...domain("mfa/deep", "sessions", "lockout", "clients", "ports"), "contract"],
  "domain/mfa/deep": [...domain("mfa", "ports"), "contract"],
  "domain/accounts": [...domain("password", "email", "lockout", "clients", "ports"), "contract"],
  "domain/password": [...domain("email", "sessions", "lockout", "clients", "ports"), "contract"],
  "domain/email": [...domain("lockout", "clients", "ports"), "contract"],
  "domain/other": [...domain("sessions", "lockout", "clients", "ports"), "contract"],
  "domain/sessions": [...domain("lockout", "clients", "ports"), "contract"],
  "domain/lockout": [...domain("ports"), "contract"],
  "domain/clients": [...domain("ports"), "contract"],
  "domain/ports": ["contract"],
  config: ["contract"],
  observability: ["contract"],
  sdk: ["sdk/groups", "contract"],
  "sdk/groups": ["sdk", "contract"],
  dev: ["config", ...store, "contract"],
  contract: [],
};

/** Rooms that are files. */
const files: Readonly<Record<string, string>> = {
  main: "src/main.ts",
  "adapters/redis/embedded": "src/adapters/redis/embedded.ts",
};
const targetOf = (room: string) => files[room] ?? `src/${room}/target.ts`;

/** Every way to write an import that reaches another file. */
const forms: Readonly<Record<string, (specifier: string) => string>> = {
  value: (specifier) => `import { a } from "${specifier}";`,
  type: (specifier) => `import type { a } from "${specifier}";`,
  "inline type": (specifier) => `import { type a } from "${specifier}";`,
  namespace: (specifier) => `import * as a from "${specifier}";`,
  "side effect": (specifier) => `import "${specifier}";`,
  "re-export": (specifier) => `export { a } from "${specifier}";`,
  "re-export of a type": (specifier) => `export type { a } from "${specifier}";`,
  "re-export of everything": (specifier) => `export * from "${specifier}";`,
  dynamic: (specifier) => `export const a = await import("${specifier}");`,
};

/** What the rooms may live on, besides themselves. */
const packages: readonly (readonly [room: string, allowed: readonly string[], denied: readonly string[]])[] = [
  ["contract", [], ["zod", "node:crypto", "hono"]],
  [
    "domain/login",
    ["node:crypto"],
    [
      "node:fs",
      "node:fs/promises",
      "fs",
      "node:http",
      "node:net",
      "node:process",
      "node:timers",
      "node:timers/promises",
      "otplib",
    ],
  ],
  [
    "domain/mfa",
    ["node:crypto", "otplib"],
    ["hono", "hono/http-exception", "@hono/zod-openapi", "ioredis", "undici", "zod"],
  ],
  ["domain/ports", ["node:crypto"], ["pino", "nodemailer", "openid-client", "node:child_process", "node:os"]],
  ["limits", ["node:net"], ["node:fs", "ioredis", "hono"]],
  [
    "http",
    ["hono", "@hono/zod-openapi", "zod", "lean-qr", "node:net"],
    ["ioredis", "undici", "openid-client", "nodemailer"],
  ],
  [
    "http/headless",
    ["hono", "@hono/zod-openapi"],
    ["ioredis", "js-redis-server", "undici", "openid-client", "jose", "otplib"],
  ],
  ["http/headless/deep", ["hono"], ["ioredis", "undici"]],
  ["adapters/redis", ["ioredis", "js-redis-server", "node:fs"], ["hono", "hono/tiny", "@hono/node-server"]],
  ["sdk", [], ["zod", "undici", "node:crypto", "hono"]],
  ["sdk/groups", [], ["zod", "node:crypto"]],
];

/** Paths that lead through a room that may be imported into one that may not. */
const detours: readonly (readonly [room: string, specifier: string])[] = [
  ["adapters", "../domain/ports/../login/target.ts"],
  ["adapters/redis", "../../domain/ports/../login/target.ts"],
  ["limits", "../domain/ports/deep/../../login/target.ts"],
  ["adapters/redis", "../../domain/index.ts"],
  ["http/headless", "../middleware/../../adapters/redis/target.ts"],
];

/** What only main with the composition, adapters and dev may touch. */
const globals: readonly (readonly [code: string, denied: readonly string[], allowed: readonly string[]])[] = [
  [
    "process.env",
    ["domain/login", "limits", "http", "contract", "config", "observability", "cli"],
    ["main", "composition", "adapters", "dev"],
  ],
  ["fetch", ["domain/login", "limits", "http/headless", "contract", "config"], ["main", "adapters/keycloak", "sdk"]],
  ["Date.now()", ["domain/login", "limits", "http", "config", "observability", "cli"], ["main", "adapters", "dev"]],
  ["Math.random()", ["domain/login", "limits", "http", "config", "observability"], ["main", "adapters", "dev"]],
  ["new Date()", ["domain/login", "limits", "contract"], ["main", "http", "adapters"]],
  ["setTimeout", ["domain/lockout", "limits", "contract"], ["http", "adapters"]],
  ["performance.now()", ["domain/lockout", "limits"], ["main", "composition", "adapters"]],
];

interface Line {
  readonly file: string;
  readonly code: string;
  readonly allowed: boolean;
}

const specifierOf = (from: string, target: string) => {
  const path = relative(dirname(from), target);
  return path.startsWith(".") ? path : `./${path}`;
};

/** A file per room and kind of case, a line per case. */
const lines: Line[] = [];
function add(room: string, kind: string, code: string, allowed: boolean): void {
  // Only main.ts is main.
  const file = room === "main" && kind === "value" ? "src/main.ts" : `src/${room}/${kind.replaceAll(" ", "-")}.ts`;
  if (room !== "main" || file === "src/main.ts") lines.push({ file, code, allowed });
}
for (const [room, allowed] of Object.entries(arrows)) {
  for (const [kind, form] of Object.entries(forms)) {
    for (const target of Object.keys(arrows).filter((each) => each !== room)) {
      const from = room === "main" ? "src/main.ts" : `src/${room}/x.ts`;
      add(room, kind, form(specifierOf(from, targetOf(target))), allowed.includes(target));
    }
    if (room !== "main") add(room, kind, form("./neighbour.ts"), true);
  }
}
for (const [room, allowed, denied] of packages) {
  for (const name of allowed) add(room, "packages", forms["value"]?.(name) ?? "", true);
  for (const name of denied) add(room, "packages", forms["value"]?.(name) ?? "", false);
}
for (const [room, specifier] of detours) add(room, "detours", forms["value"]?.(specifier) ?? "", false);
for (const [code, denied, allowed] of globals) {
  for (const room of denied) add(room, "globals", `export const a = ${code};`, false);
  for (const room of allowed) add(room, room === "main" ? "value" : "globals", `export const a = ${code};`, true);
}

/** Files that import each other in a circle. One of types alone is none: it is gone when the code runs. */
const circles: Readonly<Record<string, string>> = {
  "src/domain/lockout/circle-a.ts": 'import { b } from "./circle-b.ts";\nexport const a = () => b;\n',
  "src/domain/lockout/circle-b.ts": 'import { a } from "./circle-a.ts";\nexport const b = () => a;\n',
  "src/limits/type-circle-a.ts": 'import type { B } from "./type-circle-b.ts";\nexport type A = B | 1;\n',
  "src/limits/type-circle-b.ts": 'import type { A } from "./type-circle-a.ts";\nexport type B = A | 2;\n',
};

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string; readonly start: { readonly line: number } };
}

const arrowRules = new Set([
  "lint/style/noRestrictedImports",
  "lint/style/noRestrictedGlobals",
  "lint/nursery/noJsRestrictedProperties",
]);

let folder: string;
let diagnostics: readonly Diagnostic[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "headgate-arrows-"));
  const config = JSON.parse(readFileSync(join(root, "biome.json"), "utf8")) as object;
  const write = (path: string, content: string) => {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  write("biome.json", JSON.stringify({ ...config, $schema: undefined, vcs: { enabled: false } }));
  for (const [file, each] of Map.groupBy(lines, ({ file }) => file)) {
    write(file, each.map(({ code }) => `${code}\n`).join(""));
  }
  for (const [file, content] of Object.entries(circles)) write(file, content);

  const args = [biome, "lint", "--reporter=json", "--max-diagnostics=none", "--colors=off", "src"];
  const output = await new Promise<string>((resolve) => {
    // It ends with a failure: most of the files break a rule on purpose.
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 28 }, (_failure, stdout) => resolve(stdout));
  });
  diagnostics = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The lines of a file that the rules refuse. */
const refusedLines = (file: string, rules: ReadonlySet<string>) =>
  new Set(
    diagnostics
      .filter(({ category, location }) => rules.has(category) && location.path === file)
      .map(({ location }) => location.start.line),
  );

describe("the linter's rules are the arrows", () => {
  test.each([...Map.groupBy(lines, ({ file }) => file)])("%s", (file, cases) => {
    const refused = refusedLines(file, arrowRules);
    const verdicts = cases.map(({ code }, index) => `${refused.has(index + 1) ? "refused" : "allowed"}: ${code}`);
    expect(verdicts).toEqual(cases.map(({ code, allowed }) => `${allowed ? "allowed" : "refused"}: ${code}`));
  });

  test.each(Object.keys(circles))("imports in a circle: %s", (file) => {
    const refused = refusedLines(file, new Set(["lint/suspicious/noImportCycles"]));
    expect(refused.size > 0).toBe(!file.includes("type-circle"));
  });
});

/** The sources, without comments. */
function sources(): readonly (readonly [path: string, code: string])[] {
  const paths = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return paths
    .filter((path) => path.endsWith(".ts") && !/(^|[\\/])(node_modules|dist)[\\/]/.test(path))
    .map((path) => [path, readFileSync(join(root, "src", path), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")]);
}

test("no source writes an import in a way that the linter does not see", () => {
  // Import types and template strings as specifiers; a package may be named so, a file not.
  const unseen = /\bimport\(\s*(?:`|(?<=(?:typeof\s+|[:<|&=]\s*)import\(\s*)["']\.)/;
  expect(unseen.test("type A = import('./a.ts').A")).toBe(true);
  expect(unseen.test("const a: typeof import('../a.ts')")).toBe(true);
  expect(unseen.test("await import(`./a.ts`)")).toBe(true);
  expect(unseen.test('await import("./a.ts")')).toBe(false);
  expect(
    sources()
      .filter(([, code]) => unseen.test(code))
      .map(([path]) => path),
  ).toEqual([]);
});

test("every room of the sources has its arrows in the table", () => {
  const rooms = new Set(sources().map(([path]) => path.split(/[\\/]/)[0]?.replace(/\.ts$/, "")));
  expect([...rooms].filter((room) => !Object.keys(arrows).some((each) => each.split("/")[0] === room))).toEqual([]);
});
