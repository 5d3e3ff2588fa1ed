import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** What keycloak/ says of the demo: realm.json, with the placeholders filled from dev.env, and apps.json. */
export type DemoRealm = {
  realm: string;
  realmFile: string;
  appsFile: string;
  admin: { username: string; password: string };
  apps: DemoApp[];
  users: DemoUser[];
  /** dev.env as it stands. */
  variables: Record<string, string>;
};

/** An app client that may call the gateway. */
export type DemoApp = { id: string; name: string; secret: string; licensed: boolean };

/** A user who can log in; with a TOTP secret (base32) when a second factor is asked for. */
export type DemoUser = { email: string; password: string; totpSecret?: string };

type RealmFile = {
  realm: string;
  clients: { clientId: string; secret?: string }[];
  users: { email?: string; credentials?: { type: string; value?: string; secretData?: string }[] }[];
};

/**
 * Reads keycloak/.
 *
 * @param overrides variables that replace those of dev.env, as the environment of a process does
 * @throws Error for a placeholder that has no value
 */
export async function readDemoRealm(root: string, overrides: NodeJS.ProcessEnv = {}): Promise<DemoRealm> {
  const dir = join(root, "keycloak");
  const realmFile = join(dir, "realm.json");
  const appsFile = join(dir, "apps.json");
  const variables = { ...(parseEnv(await readFile(join(dir, "dev.env"), "utf8")) as Record<string, string>) };
  for (const name of Object.keys(variables)) variables[name] = overrides[name] ?? variables[name] ?? "";
  const realm: RealmFile = JSON.parse(await readFile(realmFile, "utf8"));
  const apps: { id: string; name: string; licensed?: boolean }[] = JSON.parse(await readFile(appsFile, "utf8")).apps;
  const fill = (text: string) =>
    text.replaceAll(/\$\{([A-Z][A-Z0-9_]*)\}/g, (_, name: string) => {
      const value = variables[name];
      if (value === undefined) throw new Error(`keycloak/realm.json asks for ${name}, which keycloak/dev.env lacks.`);
      return value;
    });
  const secretOf = (id: string) => fill(realm.clients.find((client) => client.clientId === id)?.secret ?? "");
  return {
    realm: realm.realm,
    realmFile,
    appsFile,
    admin: {
      username: variables["KC_BOOTSTRAP_ADMIN_USERNAME"] ?? "",
      password: variables["KC_BOOTSTRAP_ADMIN_PASSWORD"] ?? "",
    },
    apps: apps.map(({ id, name, licensed }) => ({ id, name, secret: secretOf(id), licensed: licensed === true })),
    users: realm.users.flatMap((user) => demoUser(user, fill) ?? []),
    variables,
  };
}

function demoUser(user: RealmFile["users"][number], fill: (text: string) => string): DemoUser | undefined {
  const password = user.credentials?.find((credential) => credential.type === "password")?.value;
  if (!user.email || !password) return undefined;
  const otp = user.credentials?.find((credential) => credential.type === "otp")?.secretData;
  const found = { email: user.email, password: fill(password) };
  return otp ? { ...found, totpSecret: JSON.parse(fill(otp)).value } : found;
}
