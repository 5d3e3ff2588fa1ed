import type { ClientAuthenticator } from "../../domain/clients/client-authenticator.ts";
import type { GatewayMiddleware } from "../env.ts";

/**
 * Authenticates the app client by `x-client-id` and `x-client-secret`. A header that is sent twice arrives as one joined
 * value, which belongs to no client.
 */
export function clientAuth(clients: ClientAuthenticator): GatewayMiddleware {
  return async (c, next) => {
    const id = c.req.header("x-client-id");
    const secret = c.req.header("x-client-secret");
    c.set("client", await clients.authenticate({ id, secret }));
    await next();
  };
}
