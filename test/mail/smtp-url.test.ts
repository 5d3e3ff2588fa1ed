import { describe, expect, test } from "vitest";
import { parseSmtpUrl } from "../../src/adapters/mailer/smtp-url.ts";

describe("the SMTP URL", () => {
  test.each([
    ["smtp://mail.example", { host: "mail.example", port: 587, tls: "optional", verifyCertificate: true }],
    ["smtp://127.0.0.1:1025/", { host: "127.0.0.1", port: 1025, tls: "optional", verifyCertificate: true }],
    ["smtp://[::1]:25", { host: "::1", port: 25, tls: "optional", verifyCertificate: true }],
    ["smtps://mail.example", { host: "mail.example", port: 465, tls: "immediate", verifyCertificate: true }],
    ["smtp://mail.example?starttls=off", { host: "mail.example", port: 587, tls: "off", verifyCertificate: true }],
    [
      "smtp://mail.example?starttls=required&verify=off",
      { host: "mail.example", port: 587, tls: "required", verifyCertificate: false },
    ],
    [
      "smtps://a%40b:p%3Aw%2F@mail.example:4465",
      {
        host: "mail.example",
        port: 4465,
        tls: "immediate",
        verifyCertificate: true,
        credentials: { user: "a@b", password: "p:w/" },
      },
    ],
  ])("%s is read", (url, address) => {
    expect(parseSmtpUrl(url)).toEqual(address);
  });

  // Threat: a password travels in clear because nobody thought of asking for TLS.
  test("asks for STARTTLS by itself where a password would leave the machine in clear", () => {
    expect(parseSmtpUrl("smtp://u:p@mail.example").tls).toBe("required");
    expect(parseSmtpUrl("smtp://u:p@mail.example?starttls=optional").tls).toBe("optional");
    for (const host of ["localhost", "127.0.0.1", "[::1]"])
      expect(parseSmtpUrl(`smtp://u:p@${host}`).tls).toBe("optional");
    expect(parseSmtpUrl("smtp://u:p@127.0.0.1.example").tls).toBe("required");
  });

  test.each([
    "",
    "mail.example",
    "http://mail.example",
    "smtp://",
    "smtp://mail.example/path",
    "smtp://mail.example#x",
    "smtp://hunter2@mail.example",
    "smtp://:hunter2@mail.example",
    "smtp://u:hunter2%zz@mail.example",
    "smtp://u:hunter2@mail.example?starttls=maybe",
    "smtp://u:hunter2@mail.example?verify=on",
    "smtp://u:hunter2@mail.example?requireTLS=true",
    "smtps://u:hunter2@mail.example?starttls=required",
  ])("%j is refused without being repeated", (url) => {
    expect(() => parseSmtpUrl(url)).toThrow(TypeError);
    expect(() => parseSmtpUrl(url)).not.toThrow(/hunter2/);
  });
});
