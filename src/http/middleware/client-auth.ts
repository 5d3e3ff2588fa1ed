import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import { addressSubject } from "../../limits/address-subject.ts";
import type { GatewayContext, GatewayMiddleware } from "../env.ts";
import { peerAddress } from "./end-user.ts";

function presented(c: GatewayContext) {
  const peer = addressSubject(peerAddress(c));
  return { id: c.req.header("x-client-id"), secret: c.req.header("x-client-secret"), peer };
}

/**
 * Authenticates the app client by `x-client-id` and `x-client-secret`. A header that is sent twice arrives as one joined
 * value, which belongs to no client.
 */
export function clientAuth(clients: ClientAuthenticator): GatewayMiddleware {
  return async (c, next) => {
    c.set("client", await clients.authenticate(presented(c)));
    await next();
  };
}

/** Does the same for calls that need no app client: headers that are there must be right, one of the two included. */
export function optionalClientAuth(clients: ClientAuthenticator): GatewayMiddleware {
  return async (c, next) => {
    const headers = presented(c);
    if (headers.id !== undefined || headers.secret !== undefined) c.set("client", await clients.authenticate(headers));
    await next();
  };
}
