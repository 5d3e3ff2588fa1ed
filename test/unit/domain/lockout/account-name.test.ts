// Threat: an attacker who spells one address in many ways gets a fresh budget of guesses for each spelling, while the identity
// provider and its database take them all for the same account.
import fc from "fast-check";
import { expect, test } from "vitest";
import { accountName, foldEmail } from "../../../../src/domain/lockout/account-name.ts";
import { readableHash } from "../../../fakes/system.ts";

/** The code points of the first two planes: everything that has case, accents or a plain form. */
const characters = Array.from({ length: 0x20000 }, (_, code) => String.fromCodePoint(code)).filter((text) =>
  text.isWellFormed(),
);

const plain = "abcdefghijklmnopqrstuvwxyz0123456789";
const name = fc.string({
  unit: fc.constantFrom(...plain, ..."._%+-", "é", "ı", "ſ", "ς", "ß", "ẞ", "İ", "ﬁ", "Å", "ø"),
});
const address = fc.tuple(name, name).map(([local, domain]) => `${local}@${domain}`);

const variants: Record<string, (text: string) => string> = {
  "lower case": (text) => text.toLowerCase(),
  "upper case": (text) => text.toUpperCase(),
  NFC: (text) => text.normalize("NFC"),
  NFD: (text) => text.normalize("NFD"),
  NFKC: (text) => text.normalize("NFKC"),
  NFKD: (text) => text.normalize("NFKD"),
  "the fold itself": foldEmail,
};

test.each(Object.entries(variants))("%s shares the fold of every address", (_name, variant) => {
  fc.assert(fc.property(address, (text) => foldEmail(variant(text)) === foldEmail(text)));
});

test("every form of every character shares one fold", () => {
  const apart: string[] = [];
  for (const text of characters) {
    // The iota subscript is left out: in upper case it is a letter of its own, which no collation takes for a mark.
    if (text.normalize("NFKD").includes("\u0345")) continue;
    const fold = foldEmail(text);
    for (const [name, variant] of Object.entries(variants)) {
      const form = variant(text);
      if (form !== text && foldEmail(form) !== fold) apart.push(`${name} of ${text}`);
    }
  }
  expect(apart).toEqual([]);
});

test("an address in ASCII folds like one that is looked at letter by letter", () => {
  // A soft hyphen is passed over, and keeps the short way from being taken.
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (text) => foldEmail(text) === foldEmail(`${text}\u00ad`)));
});

test.each([
  ["blanks around it", " \tjane@example.com\n"],
  ["blanks within it", "ja ne@exam\u00a0ple.com"],
  ["a trailing NUL", "jane@example.com\0"],
  ["control characters", "\u0007jane@example.com\u009f"],
  ["zero-width characters", "ja\u200bne@\ufeffexample.com\u2060"],
  ["a soft hyphen", "ja\u00adne@example.com"],
  ["text direction marks", "\u202ejane@example.com\u202c"],
  ["a variation selector", "jane\ufe0f@example.com"],
  ["a Hangul filler", "jane\u3164@example.com"],
  ["accents", "jàñé@éxample.com"],
  ["combining accents", "ja\u0301ne@example.com"],
  ["full width", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ"],
  ["circled letters", "ⓙⓐⓝⓔ@example.com"],
  ["negative squared letters", "🅹🅰🅽🅴@example.com"],
  ["mathematical letters", "𝒿𝒶𝓃ℯ@example.com"],
  ["small letters above", "j\u0363ne@example.com"],
])("%s do not make another account", (_name, variant) => {
  expect(foldEmail(variant)).toBe("jane@example.com");
});

test.each([
  ["dotless i", "ıan@example.com", "ian@example.com"],
  ["dotted capital I", "İan@example.com", "ian@example.com"],
  ["Kelvin sign", "\u212aate@example.com", "kate@example.com"],
  ["long s", "je\u017fs@example.com", "jess@example.com"],
  ["final sigma", "ΟΔΟΣ@example.com", "οδοσ@example.com"],
  ["sharp s", "strauß@example.com", "STRAUSS@example.com"],
  ["capital sharp s", "strauẞ@example.com", "strauß@example.com"],
  ["o with a stroke", "jørn@example.com", "jorn@example.com"],
  ["l with a stroke", "łucja@example.com", "lucja@example.com"],
  ["l with a middle dot", "paraŀlel@example.com", "parallel@example.com"],
  ["ae in one letter", "mæve@example.com", "maeve@example.com"],
  ["Arabic digits", "jane٣٤@example.com", "jane34@example.com"],
])("%s shares the plain letter's fold", (_name, variant, other) => {
  expect(foldEmail(variant)).toBe(foldEmail(other));
});

test("whatever a collation takes for an ASCII letter or digit has its fold", () => {
  const collator = new Intl.Collator("und", { sensitivity: "base" });
  const apart = characters.filter((text) => {
    const twin = [...plain].find((each) => collator.compare(each, text) === 0);
    return twin !== undefined && foldEmail(text) !== twin;
  });
  expect(apart).toEqual([]);
});

test("distinct plain addresses never share a fold", () => {
  const part = fc.string({ unit: fc.constantFrom(...plain, ..."!#$%&'*+/=?^_`{|}~.-"), minLength: 1 });
  const plainAddress = fc.tuple(part, part).map(([local, domain]) => `${local}@${domain}`);
  fc.assert(fc.property(plainAddress, (text) => foldEmail(text) === text));
});

test("the store's name is the hash of the fold", () => {
  expect(accountName(readableHash, " JANE@Example.com")).toBe("account:jane@example.com");
});
