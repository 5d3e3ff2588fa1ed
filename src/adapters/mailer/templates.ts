import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mail, MailKind } from "../../domain/ports/mail.ts";
import { parseTemplate, type Template, type TemplateNames, type TemplateValues } from "./template.ts";
import { escapeHtml, presentableName, singleLine, spellDuration, wrapLines } from "./text.ts";

/** A mail in words. */
export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Turns mails into words, in one language. */
export interface MailTemplates {
  readonly language: string;
  /** @throws TypeError when the mail lacks the link that its kind is about, or has another than an http or https URL */
  render(mail: Mail): RenderedMail;
}

export interface MailTemplateOptions {
  /** A theme: `<language>/<file>` in this folder is used instead of the built-in file. */
  readonly dir?: string;
  /** The folder of templates that is used. Default `en`. */
  readonly language?: string;
}

const builtInDir = fileURLToPath(new URL("./templates/", import.meta.url));
const languagePattern = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

const withLink: Partial<Record<MailKind, boolean>> = { "verify-email": true, "reset-password": true };
const kinds = Object.keys({
  "verify-email": 0,
  "reset-password": 0,
  "password-changed": 0,
  "account-exists": 0,
  "mfa-enabled": 0,
  "mfa-disabled": 0,
  "backup-codes-renewed": 0,
  "account-locked": 0,
} satisfies Record<MailKind, 0>) as MailKind[];

const layoutNames: TemplateNames = {
  always: ["content", "subject", "appName"],
  sometimes: [],
  needed: ["content"],
};

function namesOf(kind: MailKind): TemplateNames {
  const always = ["appName", "email"];
  const sometimes = ["firstName", "duration"];
  return withLink[kind] ? { always: [...always, "link"], sometimes, needed: ["link"] } : { always, sometimes };
}

/**
 * Reads all templates of a language, those of the theme first.
 *
 * @throws TypeError that names the file, when one is missing, is not known, or has a placeholder that is not
 */
export function loadMailTemplates({ dir, language = "en" }: MailTemplateOptions = {}): MailTemplates {
  if (!languagePattern.test(language)) throw new TypeError("The language of mails must look like `en` or `pt-BR`.");
  const folders = [...(dir === undefined ? [] : [join(dir, language)]), join(builtInDir, language)];
  if (dir !== undefined && !existsSync(dir)) throw new TypeError("The folder of mail templates does not exist.");
  const files = new Set<string>();

  function read(name: string, names: TemplateNames, encode: (value: string) => string): Template {
    files.add(name);
    const path = folders.map((folder) => join(folder, name)).find(existsSync);
    if (path === undefined) throw new TypeError(`The mail template ${language}/${name} is missing.`);
    try {
      return parseTemplate(readFileSync(path, "utf8"), names, encode);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new TypeError(`The mail template ${language}/${name} cannot be used: ${error.message}.`);
    }
  }

  const asIs = (value: string) => value;
  // The layouts get values that were made fit for their place before.
  const textLayout = read("layout.txt", layoutNames, asIs);
  const htmlLayout = read("layout.html", layoutNames, asIs);
  const parts = new Map(
    kinds.map((kind) => {
      const names = namesOf(kind);
      const { needed: _, ...subjectNames } = names;
      return [
        kind,
        {
          subject: read(`${kind}.subject.txt`, subjectNames, asIs),
          text: read(`${kind}.txt`, names, asIs),
          html: read(`${kind}.html`, names, escapeHtml),
        },
      ] as const;
    }),
  );
  refuseStrangers(folders, files, language);

  return {
    language,
    render(mail) {
      const part = parts.get(mail.kind);
      if (part === undefined) throw new TypeError("There is no such kind of mail.");
      const values = valuesOf(mail, language);
      const subject = singleLine(part.subject(values));
      const appName = values["appName"] ?? "";
      return {
        subject,
        text: wrapLines(textLayout({ content: part.text(values).trimEnd(), subject, appName })),
        html: htmlLayout({
          content: part.html(values).trimEnd(),
          subject: escapeHtml(subject),
          appName: escapeHtml(appName),
        }),
      };
    },
  };
}

/** A misspelt file of a theme would silently not be used. */
function refuseStrangers(folders: readonly string[], files: ReadonlySet<string>, language: string): void {
  for (const folder of folders.filter(existsSync)) {
    const stranger = readdirSync(folder).find((name) => /\.(txt|html)$/.test(name) && !files.has(name));
    if (stranger !== undefined) throw new TypeError(`The mail template ${language}/${stranger} belongs to no mail.`);
  }
}

function valuesOf(mail: Mail, language: string): TemplateValues {
  const { kind, to, firstName, appName, link, minutes } = mail;
  if (withLink[kind]) {
    const protocol = link === undefined ? undefined : URL.parse(link)?.protocol;
    if (protocol !== "https:" && protocol !== "http:") throw new TypeError("The mail needs an http or https link.");
  }
  return {
    email: singleLine(to),
    firstName: presentableName(firstName),
    appName: singleLine(appName),
    link,
    duration: minutes === undefined ? undefined : spellDuration(minutes, language),
  };
}
