import type { App } from "../ports/app-registry.ts";

/** Whether a user with these licences may use the app. */
export function isLicensed(app: App, licenses: readonly string[] | undefined): boolean {
  return !app.licensed || (licenses?.includes(app.id) ?? false);
}
