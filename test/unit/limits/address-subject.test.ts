// Threat: who holds a /64 network has 2^64 addresses, and as many budgets if each counted for itself.
import { SocketAddress } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalIpAddress } from "../../../src/http/ip-address.ts";
import { addressSubject } from "../../../src/limits/address-subject.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8::3:4:5:6", "2001:db8:0:0::/64"],
  ["2001::2:3:4:5:6", "2001:0:0:2::/64"],
  ["1:0:0:2::", "1:0:0:2::/64"],
  ["::1:2:3:4:5", "0:0:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1", "fe80:0:0:0::/64"],
  ["::192.0.2.7", "0:0:0:0::/64"],
])("%s counts as %s", (address, subject) => {
  expect(addressSubject(address)).toBe(subject);
});

const hextet = fc.integer({ min: 0, max: 0xffff });
const network = fc.tuple(hextet, hextet, hextet, hextet);
const canonical = (hextets: readonly number[]) =>
  canonicalIpAddress(
    new SocketAddress({ address: hextets.map((each) => each.toString(16)).join(":"), family: "ipv6" }).address,
  ) as string;
const isIPv6 = (address: string) => address.includes(":");

test("all addresses of a /64 count as one", () => {
  fc.assert(
    fc.property(network, network, network, (prefix, first, second) => {
      const [one, other] = [canonical([...prefix, ...first]), canonical([...prefix, ...second])];
      fc.pre(isIPv6(one) && isIPv6(other));
      expect(addressSubject(one)).toBe(addressSubject(other));
    }),
  );
});

test("two networks never count as one, nor as an IPv4 address", () => {
  fc.assert(
    fc.property(network, network, network, fc.ipV4(), (one, other, host, ipv4) => {
      fc.pre(one.join() !== other.join());
      const subjects = [canonical([...one, ...host]), canonical([...other, ...host])]
        .filter(isIPv6)
        .map(addressSubject);
      expect(new Set([...subjects, addressSubject(ipv4)]).size).toBe(subjects.length + 1);
    }),
  );
});
