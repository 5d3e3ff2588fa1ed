import type { Socket } from "node:net";
import { getConnInfo } from "@hono/node-server/conninfo";
import { type ValidationIssue, validationError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { GatewayContext } from "../env.ts";
import { canonicalIpAddress } from "../ip-address.ts";
import { ownHeader } from "../own-header.ts";

const addressHeader = "x-end-user-ip";
const agentHeader = "x-end-user-agent";

/**
 * Finds out for whom the app client calls: what its end-user headers say, else the peer's address. `X-Forwarded-For` and its
 * kin are never believed: whoever sends the request writes them. Runs after client authentication, because only an
 * authenticated client is believed: without one the headers are ignored.
 *
 * What is wrong with the headers is kept for {@link requireValidEndUser}: the limits must be charged first, and then to the
 * peer's address.
 */
export function resolveEndUser(c: GatewayContext): void {
  const peer = peerAddress(c);
  const issues: ValidationIssue[] = [];
  const believed = c.get("client") !== undefined;

  const claimed = believed ? ownHeader(c, addressHeader) : undefined;
  const address = claimed === undefined ? peer : canonicalIpAddress(claimed);
  if (address === undefined) issues.push({ path: addressHeader, message: "must be one IPv4 or IPv6 address" });

  const userAgent = (believed && ownHeader(c, agentHeader)) || "";
  if (userAgent.length > limits.userAgentMaxLength) {
    issues.push({ path: agentHeader, message: `must be at most ${limits.userAgentMaxLength} characters long` });
  }

  c.set("endUser", { ipAddress: address ?? peer, ...(userAgent === "" ? {} : { userAgent }) });
  c.set("endUserIssues", issues);
}

/** Refuses end-user headers that say nothing usable: silently taking the peer instead would blame the app's own address. */
export function requireValidEndUser(c: GatewayContext): void {
  const issues = c.get("endUserIssues");
  if (issues.length > 0) throw validationError(issues);
}

/** Of open connections: looking at an address costs more than remembering it. */
const peers = new WeakMap<Socket, string>();

/** The address of the other end of the connection. */
export function peerAddress(c: GatewayContext): string {
  const { socket } = c.env.incoming;
  let peer = peers.get(socket);
  if (peer === undefined) {
    peer = readPeerAddress(c);
    peers.set(socket, peer);
  }
  return peer;
}

function readPeerAddress(c: GatewayContext): string {
  const { address = "" } = getConnInfo(c).remote;
  // A link-local peer's zone names an interface of this machine.
  const canonical = canonicalIpAddress(address.replace(/%.*$/, ""));
  if (canonical === undefined) throw new Error("the peer has closed its connection, it has no address any more");
  return canonical;
}
