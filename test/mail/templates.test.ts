import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { loadMailTemplates } from "../../src/adapters/mailer/templates.ts";
import type { Mail, MailKind } from "../../src/domain/ports/mail.ts";
import { verifyMail } from "./smtp-servers.ts";

const kinds = {
  "verify-email": "Confirm your e-mail address for Demo app",
  "reset-password": "Reset your password for Demo app",
  "password-changed": "Your password for Demo app was changed",
  "account-exists": "You already have an account for Demo app",
  "mfa-enabled": "Two-factor sign-in for Demo app is on",
  "mfa-disabled": "Two-factor sign-in for Demo app is off",
  "backup-codes-renewed": "New backup codes for Demo app",
  "account-locked": "Your account for Demo app is locked for a while",
} satisfies Record<MailKind, string>;

const all = Object.entries(kinds) as [MailKind, string][];
const mailOf = (kind: MailKind): Mail => {
  const { link, minutes, ...rest } = verifyMail;
  return kind === "verify-email" || kind === "reset-password" ? { ...verifyMail, kind } : { ...rest, kind };
};

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A theme with the given files, by their paths. */
function theme(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), "headgate-theme-"));
  folders.push(dir);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  return dir;
}

describe("the built-in mails", () => {
  const templates = loadMailTemplates();

  test.each(all)("%s says what happened, in text and in HTML", (kind, subject) => {
    const mail = templates.render(mailOf(kind));
    expect(mail.subject).toBe(subject);
    for (const body of [mail.text, mail.html]) {
      expect(body).toContain("Hello Jane,");
      expect(body).toContain("jane@example.com");
      expect(body).toContain("Demo app");
      expect(body).not.toMatch(/\{\{|\}\}|undefined/);
    }
    expect(mail.html).toContain(`<title>${subject}</title>`);
    for (const line of mail.text.split("\n")) if (!line.includes("://")) expect(line.length).toBeLessThanOrEqual(76);
  });

  test.each(all)("%s says the same in HTML as in text", (kind) => {
    const words = (text: string) =>
      text
        .replace(/["\u201c\u201d]/g, "")
        .split(/\s+/)
        .filter(Boolean)
        .join(" ");
    const mail = templates.render(mailOf(kind));
    const html = mail.html
      .replace(/<head>.*<\/head>/s, "")
      .replace(/<[^>]+>|&[lr]dquo;/g, (tag) => (tag[0] === "<" ? " " : ""));
    const said = words(html);
    const [body = "", footer] = mail.text.split("\n\nDemo app\n");
    const paragraphs = body
      .split("\n\n")
      .map((paragraph) => words(paragraph).replace(" To do so, open this link:", ""));
    expect(paragraphs.length).toBeGreaterThan(3);
    for (const paragraph of paragraphs) expect(said).toContain(paragraph);
    expect(said.endsWith(words(footer ?? "-"))).toBe(true);
  });

  // Threat: opening a mail tells someone that, when and where it was read.
  test.each(all)("%s loads nothing from anywhere", (kind) => {
    const { html } = templates.render(mailOf(kind));
    expect(html).not.toMatch(
      /<(img|link|script|iframe|object|form|base)\b|@import|@font-face|url\(|\bsrc=|http-equiv/i,
    );
    const hrefs = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
    expect(new Set(hrefs)).toEqual(new Set(mailOf(kind).link === undefined ? [] : [verifyMail.link]));
  });

  test("spell times in the unit that a person would use, or leave the sentence out", () => {
    const said = (minutes: number) => templates.render({ ...verifyMail, minutes }).text;
    expect(said(1440)).toContain("within 24 hours.");
    expect(said(60)).toContain("within 1 hour.");
    expect(said(30)).toContain("within 30 minutes.");
    expect(said(90)).toContain("within 90 minutes.");
    expect(said(2880)).toContain("within 2 days.");
    expect(said(0.2)).toContain("within 1 minute.");
    const { minutes: _, ...timeless } = verifyMail;
    expect(templates.render(timeless).text).not.toContain("within");
    expect(templates.render({ ...mailOf("account-locked"), minutes: 10 }).text).toContain("The lock lasts 10 minutes");
  });

  test("keep a link whole on a line of its own in the text, and escape it in HTML", () => {
    const link = `https://demo.example/v?a=1&token=${"x".repeat(200)}`;
    const mail = templates.render({ ...verifyMail, link });
    expect(mail.text.split("\n")).toContain(link);
    expect(mail.html).toContain(`href="${link.replace("&", "&amp;")}"`);
  });

  // Threat: a name is chosen so that the mail to a stranger becomes someone else's message.
  test("greet by name only what reads like one, and escape the rest", () => {
    for (const firstName of [
      "Jos\u00e9",
      "Anne-Marie",
      "O'Neil",
      "J. R.",
      "\u0645\u062d\u0645\u062f",
      "\u5c0f\u660e",
    ]) {
      expect(templates.render({ ...verifyMail, firstName }).text).toContain(`Hello ${firstName},`);
    }
    for (const firstName of [
      "",
      "  ",
      "<b>Jane</b>",
      "https://evil.example",
      "evil.example",
      "www.evil.example/win",
      "call +1 555 0100",
      "me@evil.example",
      "x".repeat(61),
      "Win $100",
    ]) {
      const mail = templates.render({ ...verifyMail, firstName });
      expect(mail.text, firstName).toContain("Hello,");
      expect(mail.html).toContain("Hello,");
    }
    const tricky = templates.render({ ...verifyMail, appName: "<i>A&B</i>\r\n\u202e\"'", firstName: "Ja\r\nne" });
    expect(tricky.html).toContain("&lt;i&gt;A&amp;B&lt;/i&gt; &quot;&#39;");
    expect(tricky.html).not.toContain("<i>");
    expect(tricky.subject).toBe("Confirm your e-mail address for <i>A&B</i> \"'");
    expect(tricky.text).toContain("Hello Ja ne,");
  });

  test("are not made without the link that they are about, or with a dangerous one", () => {
    const { link: _, ...linkless } = verifyMail;
    expect(() => templates.render(linkless)).toThrow(TypeError);
    for (const link of ["javascript:alert(1)", "data:text/html,x", "/relative", "mailto:x@example.com"]) {
      expect(() => templates.render({ ...verifyMail, link })).toThrow(TypeError);
    }
  });
});

describe("a theme", () => {
  test("replaces the files that it has and leaves the others", () => {
    const dir = theme({
      "en/layout.html": "<main>{{content}}</main><small>{{appName}}: {{subject}}</small>",
      "en/password-changed.subject.txt": "Changed: {{appName}}\n",
    });
    const templates = loadMailTemplates({ dir });
    const mail = templates.render({ ...mailOf("password-changed"), appName: "A<B" });
    expect(mail.subject).toBe("Changed: A<B");
    expect(mail.html).toMatch(/^<main><p>Hello Jane,<\/p>/);
    expect(mail.html).toContain("<small>A&lt;B: Changed: A&lt;B</small>");
    expect(templates.render(verifyMail).subject).toBe(kinds["verify-email"]);
  });

  test.each<[string, string, string]>([
    ["an unknown placeholder", "en/verify-email.txt", "{{link}} {{fristName}}"],
    ["a placeholder of another kind", "en/mfa-enabled.txt", "{{link}}"],
    ["a layout's placeholder in a mail", "en/mfa-enabled.html", "{{content}}"],
    ["no link where one is needed", "en/reset-password.html", "<p>{{appName}}</p>"],
    ["a link only in a section", "en/reset-password.txt", "{{#duration}}{{link}}{{/duration}}"],
    ["a layout without content", "en/layout.txt", "{{appName}}"],
    ["an optional placeholder without its section", "en/verify-email.txt", "{{firstName}} {{link}}"],
    ["a section that does not end", "en/verify-email.txt", "{{link}} {{#firstName}}x"],
    ["an end without a section", "en/verify-email.txt", "{{link}} {{/firstName}}"],
    ["sections in each other", "en/verify-email.txt", "{{link}}{{#firstName}}{{#duration}}{{/duration}}{{/firstName}}"],
    ["a broken placeholder", "en/verify-email.txt", "{{link}} {{ appName }}"],
    ["a misspelt file", "en/verfy-email.txt", "{{link}}"],
  ])("with %s is refused at the start, and the file is named", (_, path, content) => {
    const dir = theme({ [path]: content });
    expect(() => loadMailTemplates({ dir })).toThrow(TypeError);
    expect(() => loadMailTemplates({ dir })).toThrow(path);
  });

  test("that does not exist, or a language that is no name of one, is refused", () => {
    expect(() => loadMailTemplates({ dir: join(tmpdir(), "headgate-no-such-theme") })).toThrow(TypeError);
    for (const language of ["", "../en", "en/..", "EN"]) {
      expect(() => loadMailTemplates({ language }), language).toThrow(TypeError);
    }
  });

  test("can bring a whole language; an incomplete one is refused instead of mixed with English", () => {
    const builtIn = new URL("../../src/adapters/mailer/templates/en/", import.meta.url);
    const files: Record<string, string> = {};
    for (const name of readdirSync(builtIn)) {
      const needed = name.startsWith("layout") ? "{{content}}" : "Hallo {{appName}}";
      const link = /^(verify-email|reset-password)\.(txt|html)$/.test(name)
        ? " {{link}} {{#duration}}{{duration}}{{/duration}}"
        : "";
      files[`de/${name}`] = `${needed}${link}`;
    }
    const templates = loadMailTemplates({ dir: theme(files), language: "de" });
    expect(templates.render(verifyMail)).toEqual({
      subject: "Hallo Demo app",
      text: `Hallo Demo app\n${verifyMail.link}\n24 Stunden`,
      html: `Hallo Demo app ${verifyMail.link} 24 Stunden`,
    });
    delete files["de/account-locked.html"];
    expect(() => loadMailTemplates({ dir: theme(files), language: "de" })).toThrow("de/account-locked.html is missing");
  });
});
