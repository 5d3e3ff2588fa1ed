import { generateSync } from "otplib";
import { describe, expect, test } from "vitest";
import { isCurrentCode, newTotpSecret, otpauthUri, totpCode } from "../../../../src/domain/mfa/totp.ts";
import { createGatewayWorld } from "../../../fakes/gateway-world.ts";

/** The seed of RFC 6238's test vectors, in base32. */
const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const code = (epoch: number) => generateSync({ secret, epoch });

test("a secret has 160 random bits, in base32 without padding", () => {
  const { random } = createGatewayWorld();
  const secrets = [newTotpSecret(random), newTotpSecret(random)];
  for (const one of secrets) expect(one).toMatch(/^[A-Z2-7]{32}$/);
  expect(secrets[0]).not.toBe(secrets[1]);
});

test("codes are those of RFC 6238, with six digits", () => {
  expect(isCurrentCode(secret, "287082", 59_000)).toBe(true);
  expect(isCurrentCode(secret, "081804", 1_111_111_109_000)).toBe(true);
  expect(isCurrentCode(secret, "279037", 2_000_000_000_000)).toBe(true);
});

// Threat: a window that is too wide makes every guess count several times.
test("a code is good for its own step and the two beside it, to the millisecond", () => {
  const step = 1_800_000_000;
  const accepted = (offsetMs: number) => isCurrentCode(secret, code(step), step * 1000 + offsetMs);
  expect([-30_001, -30_000, 0, 59_999, 60_000].map(accepted)).toEqual([false, true, true, true, false]);
});

test.each(["12345", "1234567", "12345678", ""])("%j is not a code of six digits", (typed) => {
  expect(isCurrentCode(secret, typed, 59_000)).toBe(false);
});

describe("what is typed", () => {
  test.each([
    ["123456", "123456"],
    [" 123 456 ", "123456"],
    ["12345678", "12345678"],
    ["12345", undefined],
    ["123456789", undefined],
    ["12345a", undefined],
    ["-12345", undefined],
    ["１２３４５６", undefined],
    ["123456\u0000", undefined],
    ["", undefined],
  ])("%j is read as %j", (typed, read) => {
    expect(totpCode(typed)).toBe(read);
  });
});

test("the URI names issuer and account, and neither can move the border between them", () => {
  expect(otpauthUri(secret, "Headgate", "jane@example.com")).toBe(
    `otpauth://totp/Headgate:jane%40example.com?secret=${secret}&issuer=Headgate`,
  );
  const uri = new URL(otpauthUri(secret, "Acme: login", "a:b&secret=x@example.com"));
  expect(uri.searchParams.get("secret")).toBe(secret);
  expect(uri.searchParams.get("issuer")).toBe("Acme  login");
  expect(decodeURIComponent(uri.pathname).split(":")).toHaveLength(2);
});
