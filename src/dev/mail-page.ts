import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";

/** A mail that was caught. */
export type CaughtMail = {
  /** Also the name of its file, without `.eml`. */
  id: string;
  receivedAt: string;
  /** The addresses it was sent to, Bcc included. */
  recipients: string[];
  from: string;
  to: string;
  subject: string;
  text: string;
  html: string;
};

/** What the pages show. */
export type MailBox = { list(): readonly CaughtMail[]; source(id: string): Promise<Buffer> };

type Page = { type: string; body: string | Buffer; policy?: string };

const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";
// A mail is somebody else's HTML: it is shown, and may do nothing; not even fetch an image.
const MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/**
 * The pages of the mail catcher: `/` lists, `/messages` is the list as JSON, `/messages/ID` shows one, with `.json`,
 * `.html` and `.eml` behind it in that form.
 */
export function createMailPages(box: MailBox): Server {
  return createServer((request, response) => {
    answer(box, request)
      .then((page) => send(response, page))
      .catch(() => send(response, undefined));
  });
}

async function answer(box: MailBox, request: IncomingMessage): Promise<Page | undefined> {
  if (request.method !== "GET" || !isLocal(request.headers.host)) return undefined;
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  if (path === "/") return { type: "text/html", body: listPage(box.list()) };
  if (path === "/messages") return { type: "application/json", body: JSON.stringify(box.list()) };
  const [, id, form] = /^\/messages\/([\w-]+)(?:\.(json|html|eml))?$/.exec(path) ?? [];
  const mail = box.list().find((candidate) => candidate.id === id);
  if (!mail) return undefined;
  if (form === "json") return { type: "application/json", body: JSON.stringify(mail) };
  if (form === "html") return { type: "text/html", body: mail.html, policy: MAIL_POLICY };
  if (form === "eml") return { type: "text/plain", body: await box.source(mail.id) };
  return { type: "text/html", body: mailPage(mail) };
}

function send(response: ServerResponse, page: Page | undefined): void {
  const { type, body, policy } = page ?? { type: "text/plain", body: "There is nothing here.\n" };
  response.writeHead(page ? 200 : 404, {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": policy ?? PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  });
  response.end(body);
}

// A web page that gives its own name the address 127.0.0.1 must not read mails with tokens in them.
function isLocal(host = ""): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isIP(name) !== 0;
}

function listPage(mails: readonly CaughtMail[]): string {
  const rows = mails
    .toReversed()
    .map(
      ({ id, receivedAt, recipients, subject }) =>
        `<tr><td>${escapeHtml(receivedAt)}<td>${escapeHtml(recipients.join(", "))}<td><a href="/messages/${id}">${escapeHtml(subject || "(no subject)")}</a>`,
    );
  const none = "<p>No mail yet. Reload this page to look again.";
  return frame("Mails", rows.length > 0 ? `<table><tr><th>received<th>to<th>subject${rows.join("")}</table>` : none);
}

function mailPage(mail: CaughtMail): string {
  const links = [...new Set(mail.text.match(/https?:\/\/[^\s<>"')\]]+/g) ?? [])];
  return frame(
    mail.subject,
    `<p><a href="/">All mails</a> · <a href="/messages/${mail.id}.eml">source</a> · <a href="/messages/${mail.id}.json">JSON</a>
<p>From ${escapeHtml(mail.from)}<br>To ${escapeHtml(mail.recipients.join(", "))}<br>${escapeHtml(mail.receivedAt)}
${links.map((link) => `<p><a href="${escapeHtml(link)}" rel="noreferrer">${escapeHtml(link)}</a>`).join("")}
<pre>${escapeHtml(mail.text)}</pre>
${mail.html ? `<iframe sandbox src="/messages/${mail.id}.html" title="The mail as HTML"></iframe>` : ""}`,
  );
}

function frame(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
td,th{padding:.2rem 1rem .2rem 0;text-align:left}pre{white-space:pre-wrap}iframe{width:100%;height:30rem;border:1px solid;background:#fff}</style>
<h1>${escapeHtml(title)}</h1>${body}</html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
