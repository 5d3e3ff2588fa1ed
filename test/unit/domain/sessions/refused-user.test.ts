import { expect, test } from "vitest";
import { isLicensed } from "../../../../src/domain/sessions/licence.ts";
import { incompleteUserError, refusedUserError } from "../../../../src/domain/sessions/refused-user.ts";
import { jane, licensedApp, openApp } from "../../../fakes/people.ts";

test.each([
  [openApp, undefined, true],
  [openApp, [], true],
  [licensedApp, undefined, false],
  [licensedApp, [], false],
  [licensedApp, [openApp.id], false],
  [licensedApp, [openApp.id, licensedApp.id], true],
  [licensedApp, [licensedApp.id.toUpperCase()], false],
])("%j with the licences %j: %s", (app, licenses, expected) => {
  expect(isLicensed(app, licenses)).toBe(expected);
});

test.each([
  [true, [], undefined, undefined],
  [true, ["VERIFY_EMAIL"], undefined, undefined],
  [false, [], "EMAIL_NOT_VERIFIED", undefined],
  [false, ["UPDATE_PASSWORD"], "EMAIL_NOT_VERIFIED", undefined],
  [true, ["UPDATE_PASSWORD"], "ACTION_REQUIRED", ["UPDATE_PASSWORD"]],
  [
    true,
    ["VERIFY_EMAIL", "UPDATE_PASSWORD", "CONFIGURE_TOTP"],
    "ACTION_REQUIRED",
    ["UPDATE_PASSWORD", "CONFIGURE_TOTP"],
  ],
] as const)("e-mail verified %s, required actions %j: %s", (emailVerified, requiredActions, code, shown) => {
  const error = refusedUserError({ ...jane, emailVerified, requiredActions });
  expect([error?.code, error?.requiredActions]).toEqual([code, shown]);
});

test("who is refused as incomplete without a reason in sight has to complete the profile", () => {
  expect(incompleteUserError(jane)).toMatchObject({ code: "ACTION_REQUIRED", requiredActions: ["VERIFY_PROFILE"] });
  expect(incompleteUserError(jane, ["CONFIGURE_TOTP"]).requiredActions).toEqual(["CONFIGURE_TOTP"]);
});

test("who is gone by now had the wrong credentials", () => {
  expect(incompleteUserError(undefined).code).toBe("INVALID_CREDENTIALS");
});
