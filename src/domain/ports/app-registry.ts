/** What the gateway knows of one app client, besides what Keycloak checks. */
export interface App {
  /** The OAuth client id at Keycloak, `cca_…`. */
  readonly id: string;
  readonly displayName: string;
  /** Whether users need this app's id among their licences. */
  readonly licensed: boolean;
  /** The app's own pages that links in mails lead to; the token is added as `?token=`. */
  readonly links: { readonly verifyEmail?: string | undefined; readonly resetPassword?: string | undefined };
}

/** The apps that this gateway serves. */
export interface AppRegistry {
  find(clientId: string): App | undefined;
}
