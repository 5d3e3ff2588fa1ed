import { join } from "node:path";
import type { DevState, StateDir } from "./state.ts";

/** What stands at the end of the start: where everything is, who can log in, and a line that does it. */
export function summary({ gateway, keycloak, mail, apps, users }: DevState, state: StateDir): string {
  const rows = (entries: [string, string][]) =>
    entries.map(([name, value]) => `  ${name.padEnd(11)} ${value}`).join("\n");
  const secondFactor = (secret?: string) => (secret ? `  TOTP secret ${secret}` : "");
  return `
${rows([
  ["Gateway", gateway.url],
  ["Keycloak", `${keycloak.url}/admin/  ${keycloak.admin.username} / ${keycloak.admin.password}`],
  ["Mails", mail.url],
  ["Logs", state.logs],
])}

  App clients
${apps.map(({ id, secret, licensed }) => `    ${id.padEnd(18)} ${secret}${licensed ? "  asks for a licence" : ""}`).join("\n")}

  Users
${users.map(({ email, password, totpSecret }) => `    ${email.padEnd(22)} ${password}${secondFactor(totpSecret)}`).join("\n")}

  Log in:

${loginLine(gateway.url, apps, users)}

  Another gateway beside this one:

(set -a; . ${quote(join(state.path, "dev.env"))}; HEADGATE_PORT=8788 node bin/headgate.mjs start)

Ctrl-C stops everything.
`;
}

/** A shell line that logs the first user without a second factor in at the first app. */
function loginLine(url: string, apps: DevState["apps"], users: DevState["users"]): string {
  const app = apps.find(({ licensed }) => !licensed);
  const user = users.find(({ totpSecret }) => !totpSecret);
  const body = JSON.stringify({ email: user?.email, password: user?.password });
  const headers = ["content-type: application/json", `x-client-id: ${app?.id}`, `x-client-secret: ${app?.secret}`];
  return `curl -sS ${url}/api/v1/auth/headless/login ${headers.map((header) => `-H '${header}'`).join(" ")} -d ${quote(body)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
