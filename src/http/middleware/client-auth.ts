import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import { addressSubject } from "../../limits/address-subject.ts";
import type { GatewayContext } from "../env.ts";
import { ownHeader } from "../own-header.ts";
import { peerAddress } from "./end-user.ts";

function presented(c: GatewayContext) {
  const peer = addressSubject(peerAddress(c));
  return { id: ownHeader(c, "x-client-id"), secret: ownHeader(c, "x-client-secret"), peer };
}

/**
 * Authenticates the app client by `x-client-id` and `x-client-secret`. A header that is sent twice arrives as one joined
 * value, which belongs to no client.
 */
export async function authenticateClient(c: GatewayContext, clients: ClientAuthenticator): Promise<void> {
  c.set("client", await clients.authenticate(presented(c)));
}

/** Does the same for calls that need no app client: headers that are there must be right, one of the two included. */
export async function authenticatePresentClient(c: GatewayContext, clients: ClientAuthenticator): Promise<void> {
  const headers = presented(c);
  if (headers.id !== undefined || headers.secret !== undefined) c.set("client", await clients.authenticate(headers));
}
