import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { readAppsFile, watchAppsFile } from "../../../src/config/apps-file.ts";
import { ConfigError } from "../../../src/config/config.ts";

const folder = mkdtempSync(join(tmpdir(), "headgate-apps-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function fileWith(content: unknown): string {
  files += 1;
  const path = join(folder, `apps-${files}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function problemsOf(content: unknown): readonly string[] {
  try {
    readAppsFile(fileWith(content));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("reading", () => {
  test("an app is an id, and what is not said has a default", () => {
    expect([...readAppsFile(fileWith({ apps: [{ id: "cca_demo" }] })).values()]).toEqual([
      { id: "cca_demo", displayName: "cca_demo", licensed: false, links: {} },
    ]);
  });

  test("everything can be said", () => {
    const links = { verifyEmail: "https://app.example.com/verify", resetPassword: "http://localhost:3000/reset" };
    const apps = readAppsFile(
      fileWith({ apps: [{ id: "cca_a", name: "App A", licensed: true, links }, { id: "cca_b" }] }),
    );
    expect([...apps.keys()]).toEqual(["cca_a", "cca_b"]);
    expect(apps.get("cca_a")).toEqual({ id: "cca_a", displayName: "App A", licensed: true, links });
    expect(Object.isFrozen(apps.get("cca_a"))).toBe(true);
  });

  test.each<[string, unknown, RegExp]>([
    ["not JSON", "{ apps", /^HEADGATE_APPS_FILE: the file is not JSON$/],
    ["not an object", [], /^HEADGATE_APPS_FILE: the file: /],
    ["no apps", {}, /^HEADGATE_APPS_FILE: apps: /],
    ["an empty list", { apps: [] }, /^HEADGATE_APPS_FILE: apps: must name one app or more$/],
    ["no id", { apps: [{}] }, /^HEADGATE_APPS_FILE: apps\.0\.id: /],
    ["an id with a blank", { apps: [{ id: "cca demo" }] }, /apps\.0\.id: must be a client id of letters/],
    ["an id with a line break", { apps: [{ id: "cca_demo\n" }] }, /apps\.0\.id: must be a client id of letters/],
    ["an id that is too long", { apps: [{ id: "c".repeat(129) }] }, /apps\.0\.id: must be a client id of letters/],
    ["an empty name", { apps: [{ id: "a", name: "" }] }, /apps\.0\.name: /],
    ["licensed that is no boolean", { apps: [{ id: "a", licensed: "no" }] }, /apps\.0\.licensed: /],
    ["a misspelt field", { apps: [{ id: "a", licenced: true }] }, /apps\.0: .*licenced/],
    ["a misspelt link", { apps: [{ id: "a", links: { reset: "https://a" } }] }, /apps\.0\.links: .*reset/],
    ["a field beside the apps", { apps: [{ id: "a" }], app: [] }, /the file: .*app/],
    ["an id twice", { apps: [{ id: "a" }, { id: "b" }, { id: "a" }] }, /must not name an id twice$/],
  ])("%s is refused", (_name, content, problem) => {
    const found = problemsOf(content);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(problem);
  });

  // Threat: a link in a mail leads to a script, or the token is put where it does not belong.
  test.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "/verify",
    "app.example.com",
    "https://a.example.com/?next=x",
    "https://a.example.com/#x",
  ])("the link %s is refused", (link) => {
    expect(problemsOf({ apps: [{ id: "a", links: { verifyEmail: link } }] })).toEqual([
      "HEADGATE_APPS_FILE: apps.0.links.verifyEmail: must be an http or https URL without query and fragment",
    ]);
  });

  test("all problems are told at once", () => {
    expect(problemsOf({ apps: [{ id: "" }, { id: "b", licensed: 1 }] })).toHaveLength(2);
  });

  test("a file that is not there is a problem of the variable", () => {
    expect(() => readAppsFile(join(folder, "missing.json"))).toThrow(
      new ConfigError(["HEADGATE_APPS_FILE: the file cannot be read (ENOENT)"]),
    );
  });

  // Threat: somebody puts an app's secret into the file, and the gateway prints it.
  test("no problem tells a value", () => {
    const found = problemsOf({ apps: [{ id: "hunter2 hunter2", secret: "hunter2", name: 7, links: "hunter2" }] });
    expect(found.length).toBeGreaterThan(0);
    expect(found.join("\n")).not.toContain("hunter2");
    expect(problemsOf('{"apps": hunter2}').join("\n")).not.toContain("hunter2");
  });
});

describe("following", () => {
  /** Follows a file and lets the test wait for what is reported of it. */
  function follow(path: string) {
    const reports: { level: string; fields: object; message: string }[] = [];
    let tell: () => void = () => undefined;
    const report = (level: string) => (fields: object, message: string) => {
      reports.push({ level, fields, message });
      tell();
    };
    const apps = watchAppsFile(path, { info: report("info"), error: report("error") });
    onTestFinished(() => apps.close());
    async function reported(count: number) {
      while (reports.length < count) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
      return reports[count - 1];
    }
    return { apps, reported };
  }

  test("a change is in force without a restart, also when the file is replaced by another", async () => {
    const path = fileWith({ apps: [{ id: "cca_a" }] });
    const { apps, reported } = follow(path);
    expect([apps.size, apps.find("cca_a")?.displayName, apps.find("cca_b")]).toEqual([1, "cca_a", undefined]);

    writeFileSync(path, JSON.stringify({ apps: [{ id: "cca_a", name: "App A" }, { id: "cca_b" }] }));
    expect(await reported(1)).toEqual({ level: "info", fields: { apps: 2 }, message: "apps file reloaded" });
    expect([apps.size, apps.find("cca_a")?.displayName, apps.find("cca_b")?.id]).toEqual([2, "App A", "cca_b"]);

    renameSync(fileWith({ apps: [{ id: "cca_c" }] }), path);
    await reported(2);
    expect([apps.size, apps.find("cca_a"), apps.find("cca_c")?.id]).toEqual([1, undefined, "cca_c"]);
  });

  test("what cannot be used is reported, and what was read before stays", async () => {
    const path = fileWith({ apps: [{ id: "cca_a" }] });
    const { apps, reported } = follow(path);
    writeFileSync(path, '{"apps": []}');
    expect(await reported(1)).toEqual({
      level: "error",
      fields: { problems: ["HEADGATE_APPS_FILE: apps: must name one app or more"] },
      message: "apps file not usable, the former one stays",
    });
    rmSync(path);
    expect(await reported(2)).toMatchObject({
      level: "error",
      fields: { problems: ["HEADGATE_APPS_FILE: the file cannot be read (ENOENT)"] },
    });
    expect(apps.find("cca_a")?.id).toBe("cca_a");
  });

  test("a file that is no good at the start is refused", () => {
    const log = { info: () => undefined, error: () => undefined };
    expect(() => watchAppsFile(fileWith("{}"), log)).toThrow(ConfigError);
  });
});
