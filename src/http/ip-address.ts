import { isIP, SocketAddress } from "node:net";

/**
 * The canonical form of an IP address, so that one address has one name in limits and records; undefined when it is none.
 * IPv4 addresses mapped into IPv6 become plain IPv4. Addresses with a zone (`fe80::1%eth0`) mean nothing to another host and
 * are refused, as are ports, brackets and lists.
 *
 * @see RFC 5952 for the form, RFC 4291 section 2.5.5.2 for mapped addresses
 */
export function canonicalIpAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 0 || text.includes("%")) return undefined;
  if (family === 4) return text;
  const { address } = new SocketAddress({ address: text, family: "ipv6" });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1] ?? address;
}
