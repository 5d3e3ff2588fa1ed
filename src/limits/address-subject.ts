/** Hextets of an IPv6 address that name a network: /64 is what one customer commonly gets. */
const networkHextets = 4;

/**
 * What an address is counted as: an IPv4 address by itself, an IPv6 address by its /64 network.
 *
 * @param address canonical: RFC 5952 form, mapped IPv4 addresses as plain IPv4
 */
export function addressSubject(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const hextets = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    hextets.push(...Array<string>(Math.max(0, 8 - hextets.length - after.length)).fill("0"), ...after);
  }
  return `${hextets.slice(0, networkHextets).join(":")}::/64`;
}
