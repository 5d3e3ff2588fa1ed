// Threat: whoever reads the store finds the tokens of every session that was refreshed in the last ten seconds.
import fc from "fast-check";
import { expect, test } from "vitest";
import { sealTokens, unsealTokens } from "../../../../src/domain/sessions/replay-seal.ts";
import { tokensWith } from "../../../fakes/people.ts";

const tokens = tokensWith(["cca_open"]);

test("what was sealed comes back for the same refresh token, whatever is in it", () => {
  const text = fc.string({ unit: "binary" }).map((each) => each.toWellFormed());
  fc.assert(
    fc.property(text, text, (refreshToken, firstName) => {
      const each = { ...tokens, user: { ...tokens.user, firstName } };
      expect(unsealTokens(sealTokens(each, refreshToken), refreshToken)).toEqual(each);
    }),
  );
});

test("another refresh token opens nothing", () => {
  const sealed = sealTokens(tokens, "refresh-0");
  for (const other of ["refresh-1", "refresh-", "refresh-00", "REFRESH-0", ""]) {
    expect(() => unsealTokens(sealed, other)).toThrow();
  }
});

test("no token and no name can be read in it", () => {
  const sealed = sealTokens(tokens, "refresh-0");
  const bytes = Buffer.from(sealed, "base64url").toString("latin1");
  for (const secret of ["access-1", "refresh-1", "id-1", "jane", "refresh-0"]) {
    expect(sealed).not.toContain(secret);
    expect(bytes).not.toContain(secret);
  }
});

test("two seals of the same tokens have nothing in common", () => {
  expect(sealTokens(tokens, "refresh-0").slice(0, 16)).not.toBe(sealTokens(tokens, "refresh-0").slice(0, 16));
});

test("a seal that was changed anywhere does not open", () => {
  const bytes = Buffer.from(sealTokens(tokens, "refresh-0"), "base64url");
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] as number) ^ 1;
    expect(() => unsealTokens(changed.toString("base64url"), "refresh-0")).toThrow();
  }
});

// Threat: a tag that was cut to a few bytes can be guessed.
test("a seal that was cut does not open", () => {
  const bytes = Buffer.from(sealTokens(tokens, "refresh-0"), "base64url");
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => unsealTokens(bytes.subarray(0, length).toString("base64url"), "refresh-0")).toThrow();
  }
});
