import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MailCatcher, startMailCatcher } from "../../src/dev/mail-catcher.ts";
import type { CaughtMail } from "../../src/dev/mail-page.ts";

let dir: string;
let catcher: MailCatcher;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "headgate-mail-"));
  catcher = await startMailCatcher(join(dir, "mail"));
  const transport = createTransport(catcher.smtp.url);
  await transport.sendMail({
    from: { name: "Straße & Söhne", address: "no-reply@example.com" },
    to: "jane@example.com",
    bcc: "hidden@example.com",
    subject: `Grüße – a subject that is long enough to be folded over more than one line <script>alert(1)</script>`,
    text: `Straße = “quoted”\nhttps://app.example.com/verify?token=${"a".repeat(90)}&x=1\n.leading dot`,
    html: "<p>Straße</p><script>top.location='https://evil.example.com'</script><img src='https://evil.example.com/x'>",
  });
  await transport.sendMail({
    from: "a@example.com",
    to: "b@example.com",
    subject: "Second",
    text: "ünï",
    encoding: "base64",
  });
  transport.close();
});
afterAll(async () => {
  await catcher.stop();
  await rm(dir, { recursive: true });
});

const get = (path: string) => fetch(`${catcher.url}${path}`);

describe("the mail catcher", () => {
  test("keeps every mail as a file", async () => {
    expect(await readdir(catcher.dir)).toEqual(["00001.eml", "00002.eml"]);
    const source = await readFile(join(catcher.dir, "00001.eml"), "utf8");
    expect(source).toMatch(/^From: .*no-reply@example.com/m);
    expect(source).not.toContain("hidden@example.com");
  });

  test("lists mails as JSON, decoded", async () => {
    const mails = (await (await get("/messages")).json()) as CaughtMail[];
    expect(mails).toHaveLength(2);
    expect(mails[0]).toMatchObject({
      id: "00001",
      recipients: ["jane@example.com", "hidden@example.com"],
      from: expect.stringContaining("Straße & Söhne"),
      to: "jane@example.com",
      subject: "Grüße – a subject that is long enough to be folded over more than one line <script>alert(1)</script>",
      text: `Straße = “quoted”\r\nhttps://app.example.com/verify?token=${"a".repeat(90)}&x=1\r\n.leading dot`,
      html: expect.stringContaining("<p>Straße</p>"),
    });
    expect(mails[1]?.text).toBe("ünï");
    expect(await (await get("/messages/00002.json")).json()).toEqual(mails[1]);
    expect(await (await get("/messages/00001.eml")).text()).toBe(
      await readFile(join(catcher.dir, "00001.eml"), "utf8"),
    );
  });

  // Threat: a mail is somebody else's text. It must not run a script in the reader's browser, nor fetch anything.
  test("shows mails without running what is in them", async () => {
    for (const path of ["/", "/messages/00001"]) {
      const page = await get(path);
      expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(await page.text()).not.toContain("<script");
    }
    const page = await (await get("/messages/00001")).text();
    expect(page).toContain(`token=${"a".repeat(90)}&#38;x=1" rel="noreferrer"`);
    expect(page).toContain('<iframe sandbox src="/messages/00001.html"');
    const html = await get("/messages/00001.html");
    expect(html.headers.get("content-security-policy")).toMatch(/^sandbox; default-src 'none';/);
    expect(html.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await get("/messages/00001.eml")).headers.get("content-type")).toBe("text/plain; charset=utf-8");
  });

  // Threat: a web page that lets its own name point to 127.0.0.1 (DNS rebinding) reads reset tokens out of the mails.
  test("answers nobody who calls it by a foreign name", async () => {
    const status = await new Promise((resolve, reject) => {
      const call = request(`${catcher.url}/messages`, { headers: { host: "rebound.example.com" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on("error", reject).end();
    });
    expect(status).toBe(404);
  });

  test.each(["/messages/00003", "/messages/..%2f..%2fetc%2fpasswd", "/messages/00001.exe", "/nothing"])(
    "has nothing at %s",
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  test("takes another port when the wished one is taken, and starts with an empty folder", async () => {
    const other = join(dir, "other");
    await mkdir(other);
    await writeFile(join(other, "00009.eml"), "of the last start");
    const wished = { smtp: catcher.smtp.port, http: Number(new URL(catcher.url).port) };
    const second = await startMailCatcher(other, wished);
    expect(second.smtp.port).not.toBe(wished.smtp);
    expect(second.url).not.toBe(catcher.url);
    expect(await readdir(other)).toEqual([]);
    await second.stop();
  });
});
