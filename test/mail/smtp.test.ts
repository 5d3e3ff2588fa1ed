import { getCACertificates, setDefaultCACertificates } from "node:tls";
import type { SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, test } from "vitest";
import { createSmtpMailer, type SmtpMailerOptions } from "../../src/adapters/mailer/smtp-mailer.ts";
import { parseMail } from "../../src/dev/mail-message.ts";
import { MailRefused } from "../../src/domain/ports/mail.ts";
import { selfSigned } from "./certificate.ts";
import {
  type Stage,
  startBadServer,
  startDrippingServer,
  startSmtpServer,
  type TestSmtpServer,
  verifyMail,
} from "./smtp-servers.ts";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

async function started(server: Promise<TestSmtpServer>): Promise<TestSmtpServer> {
  const running = await server;
  cleanUp.push(running.close);
  return running;
}

function mailerTo(url: string, options: Partial<SmtpMailerOptions> = {}) {
  const timeouts = { connectMs: 2_000, answerMs: 2_000, sendMs: 4_000, checkMs: 1_000 };
  const mailer = createSmtpMailer({ url, from: "Headgate <no-reply@mail.example>", timeouts, ...options });
  cleanUp.push(mailer.close);
  return mailer;
}

type OnAuth = NonNullable<SMTPServerOptions["onAuth"]>;

const loginAs =
  (user: string, password: string): OnAuth =>
  (auth, _session, done) =>
    auth.username === user && auth.password === password
      ? done(null, { user })
      : done(new Error("5.7.8 Authentication failed for jane"));

/** What a rejected send throws. */
const faultOf = (sending: Promise<unknown>): Promise<Error & { code?: string }> =>
  sending.then(
    () => {
      throw new Error("The mail was sent.");
    },
    (error: Error) => error,
  );

/** Lets this process trust the test's certificate. */
function trustSelfSigned(): void {
  const trusted = getCACertificates("default");
  setDefaultCACertificates([...trusted, selfSigned.cert]);
  cleanUp.push(() => setDefaultCACertificates(trusted));
}

describe("a mail", () => {
  test("arrives as text and HTML, from the sender to its one recipient", async () => {
    const server = await started(startSmtpServer());
    await mailerTo(`smtp://127.0.0.1:${server.port}`).send(verifyMail, "job_1.try-2");
    expect(server.received).toHaveLength(1);
    const [mail] = server.received;
    expect(mail).toMatchObject({ from: "no-reply@mail.example", to: ["jane@example.com"], secure: false });
    const message = parseMail(mail?.source ?? Buffer.alloc(0));
    expect(message).toMatchObject({
      from: "Headgate <no-reply@mail.example>",
      to: "jane@example.com",
      subject: "Confirm your e-mail address for Demo app",
    });
    expect(message.text).toContain(`\r\n${verifyMail.link}\r\n`);
    expect(message.html).toContain(`href="${verifyMail.link}"`);
    const source = mail?.source.toString("latin1") ?? "";
    expect(source).toMatch(/^Message-ID: <job_1\.try-2@mail\.example>\r$/m);
    expect(source).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(source).toMatch(/^Content-Language: en\r$/m);
    expect(source).toMatch(/^Date: \w{3}, \d/m);
    expect(source.indexOf("text/plain")).toBeLessThan(source.indexOf("text/html"));
    expect(source).not.toMatch(/^(X-Mailer|Bcc|Cc):/m);
  });

  test("carries names and subjects beyond ASCII unharmed", async () => {
    const server = await started(startSmtpServer());
    const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`, { from: '"B\u00fcro \u2013 Demo" <b@mail.example>' });
    await mailer.send({ ...verifyMail, firstName: "Zo\u00eb", appName: "D\u00e9mo \u30c7\u30e2" }, "id");
    const message = parseMail(server.received[0]?.source ?? Buffer.alloc(0));
    expect(message.subject).toBe("Confirm your e-mail address for D\u00e9mo \u30c7\u30e2");
    expect(message.from).toContain("B\u00fcro \u2013 Demo");
    expect(message.text).toContain("Hello Zo\u00eb,");
  });

  // Threat: whoever chooses an address or a name adds recipients and headers, and the gateway sends their mail.
  test("gains no header and no recipient from an address, a name or an id", async () => {
    const server = await started(startSmtpServer());
    const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`);
    for (const to of [
      "jane@example.com\r\nBcc: eve@example.com",
      "jane@example.com\nSubject: x",
      "jane@example.com, eve@example.com",
      "jane@example.com eve@example.com",
      "Jane <eve@example.com>",
      "jane@example.com>\r\nRCPT TO:<eve@example.com",
      "eve@example.com\u0000@example.com",
      '"jane@example.com"@example.com',
      "undisclosed:eve@example.com;",
      "jane\u2028@example.com",
      `${"x".repeat(250)}@example.com`,
      "",
    ]) {
      const fault = await faultOf(mailer.send({ ...verifyMail, to }, "id"));
      expect(fault, JSON.stringify(to)).toBeInstanceOf(MailRefused);
      expect(fault.message).not.toContain("example");
    }
    for (const id of ["", "a b", "a>\r\nBcc: eve@example.com", "x".repeat(129)]) {
      await expect(mailer.send(verifyMail, id)).rejects.toBeInstanceOf(TypeError);
    }
    expect(server.received).toEqual([]);

    const name = "Jane\r\nBcc: eve@example.com";
    await mailer.send({ ...verifyMail, firstName: name, appName: name }, "id");
    expect(server.received[0]?.to).toEqual(["jane@example.com"]);
    expect(server.received[0]?.source.toString()).not.toMatch(/^Bcc:/im);
  });

  test("is refused at the start when its sender is not one address", () => {
    for (const from of [
      "",
      "no-reply",
      "a@b, c@d",
      "A <a@b>, c@d",
      "A\r\nBcc: x@y <a@b>",
      "A <a@b\r\n>",
      'A "q" <a@b>',
      "<a@b> <c@d>",
    ]) {
      expect(() => createSmtpMailer({ url: "smtp://localhost", from }), JSON.stringify(from)).toThrow(TypeError);
    }
  });
});

describe("TLS", () => {
  // Threat: whoever sits between gateway and mail server reads the links, or the password of the login.
  test("by STARTTLS is used where it is offered, and a certificate that nobody signed is refused", async () => {
    const server = await started(startSmtpServer({ hideSTARTTLS: false }));
    for (const query of ["", "?starttls=required"]) {
      const mailer = mailerTo(`smtp://localhost:${server.port}${query}`);
      expect(await faultOf(mailer.send(verifyMail, "id"))).toMatchObject({
        name: "MailNotSent",
        code: expect.stringMatching(/^(DEPTH_ZERO_SELF_SIGNED_CERT|ETLS|ESOCKET)$/),
      });
      await expect(mailer.check()).rejects.toMatchObject({ name: "MailNotSent" });
    }
    expect(server.received).toEqual([]);
    await mailerTo(`smtp://localhost:${server.port}?starttls=required&verify=off`).send(verifyMail, "id");
    expect(server.received).toMatchObject([{ secure: true }]);
  });

  test("by STARTTLS works with a certificate that is trusted, for its own name only", async () => {
    trustSelfSigned();
    const server = await started(startSmtpServer({ hideSTARTTLS: false }));
    await mailerTo(`smtp://localhost:${server.port}?starttls=required`).send(verifyMail, "id");
    expect(server.received).toMatchObject([{ secure: true }]);
    await faultOf(mailerTo(`smtp://127.0.0.1:${server.port}?starttls=required`).send(verifyMail, "id"));
    expect(server.received).toHaveLength(1);
  });

  // Threat: an attacker removes the offer of STARTTLS from the server's answer.
  test("that is required and not offered sends nothing, not even the login", async () => {
    const logins: unknown[] = [];
    const onAuth: OnAuth = (auth, _session, done) => {
      logins.push(auth);
      done(null, { user: "u" });
    };
    const server = await started(startSmtpServer({ onAuth, allowInsecureAuth: true, disabledCommands: ["STARTTLS"] }));
    const mailer = mailerTo(`smtp://u:p@localhost:${server.port}?starttls=required&verify=off`);
    expect(await faultOf(mailer.send(verifyMail, "id"))).toMatchObject({ name: "MailNotSent" });
    await expect(mailer.check()).rejects.toMatchObject({ name: "MailNotSent" });
    expect([logins, server.received]).toEqual([[], []]);
  });

  test("from the first byte works with smtps://, and its certificate is checked", async () => {
    const server = await started(startSmtpServer({ secure: true }));
    await faultOf(mailerTo(`smtps://localhost:${server.port}`).send(verifyMail, "id"));
    expect(server.received).toEqual([]);
    trustSelfSigned();
    await mailerTo(`smtps://localhost:${server.port}`).send(verifyMail, "id");
    expect(server.received).toMatchObject([{ secure: true }]);
  });

  test("is left alone with starttls=off", async () => {
    const server = await started(startSmtpServer({ hideSTARTTLS: false }));
    await mailerTo(`smtp://localhost:${server.port}?starttls=off`).send(verifyMail, "id");
    expect(server.received).toMatchObject([{ secure: false }]);
  });
});

describe("a login", () => {
  const options = { authOptional: false, hideSTARTTLS: false, onAuth: loginAs("mail@user", "p@ss:w\u00f6rd/") };
  const login = `${encodeURIComponent("mail@user")}:${encodeURIComponent("p@ss:w\u00f6rd/")}`;

  test("with the right password sends", async () => {
    const server = await started(startSmtpServer(options));
    const mailer = mailerTo(`smtp://${login}@localhost:${server.port}?verify=off`);
    await mailer.check();
    await mailer.send(verifyMail, "id");
    expect(server.received).toMatchObject([{ user: "mail@user", secure: true }]);
  });

  test("with the wrong password is a fault that may pass, without the login in it", async () => {
    const server = await started(startSmtpServer(options));
    const mailer = mailerTo(`smtp://jane:wrong@localhost:${server.port}?verify=off`);
    for (const fault of await Promise.all([mailer.send(verifyMail, "id"), mailer.check()].map(faultOf))) {
      expect(fault).toMatchObject({ name: "MailNotSent", code: "SMTP_535" });
      expect(fault.cause).toBeUndefined();
      expect(fault.message).not.toMatch(/jane|wrong/);
    }
    expect(server.received).toEqual([]);
  });

  // Threat: a server that stands in for the real one offers no login, and is given the mail all the same.
  test("that the server does not offer sends nothing", async () => {
    const server = await started(startSmtpServer({ disabledCommands: ["AUTH"] }));
    const mailer = mailerTo(`smtp://u:p@localhost:${server.port}?starttls=off`);
    expect(await faultOf(mailer.send(verifyMail, "id"))).toMatchObject({ name: "MailNotSent" });
    expect(server.received).toEqual([]);
  });
});

describe("a server", () => {
  test("that is down is a fault that may pass, and is used again when it is back", async () => {
    const server = await startSmtpServer();
    const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`);
    await mailer.check();
    await server.close();
    for (const fault of await Promise.all([mailer.send(verifyMail, "id"), mailer.check()].map(faultOf))) {
      expect(fault).toMatchObject({ name: "MailNotSent", code: "ECONNREFUSED" });
    }
    const back = await started(startSmtpServer({}, server.port));
    await mailer.send(verifyMail, "id");
    expect(back.received).toHaveLength(1);
  });

  // Threat: a mail server that answers no more holds every worker for ever.
  test.each<Stage>(["connect", "hello", "sender", "recipient", "data", "body"])(
    "that falls silent at the stage %s is given up in time",
    async (stage) => {
      const server = await started(startBadServer(stage, "hang"));
      const timeouts = { connectMs: 200, answerMs: 200, sendMs: 10_000, checkMs: 200 };
      const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`, { timeouts });
      expect(await faultOf(mailer.send(verifyMail, "id"))).toMatchObject({ name: "MailNotSent", code: "ETIMEDOUT" });
      if (stage === "connect" || stage === "hello") {
        expect(await faultOf(mailer.check())).toMatchObject({ name: "MailNotSent", code: "ETIMEDOUT" });
      } else await mailer.check();
    },
  );

  test("that is never silent and never done is given up in time too", async () => {
    const server = await started(startDrippingServer());
    const timeouts = { connectMs: 10_000, answerMs: 10_000, sendMs: 300, checkMs: 300 };
    const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`, { timeouts });
    for (const fault of await Promise.all([mailer.send(verifyMail, "id"), mailer.check()].map(faultOf))) {
      expect(fault).toMatchObject({ name: "MailNotSent", code: "ETIMEDOUT" });
    }
  });

  test("that is in the middle of a mail is left at once when the mailer closes", async () => {
    const server = await started(startBadServer("body", "hang"));
    const mailer = mailerTo(`smtp://127.0.0.1:${server.port}`, { timeouts: { answerMs: 60_000, sendMs: 60_000 } });
    const sending = faultOf(mailer.send(verifyMail, "id"));
    mailer.close();
    expect(await sending).toMatchObject({ name: "MailNotSent", code: "EABORT" });
  });

  const text = "5.1.1 <jane@example.com>: no such user";
  // Only a refusal of this very mail ends it: what concerns the server or the login will be repaired by someone.
  test.each<[Stage, number, boolean]>([
    ["connect", 554, false],
    ["connect", 421, false],
    ["sender", 550, false],
    ["sender", 451, false],
    ["recipient", 550, true],
    ["recipient", 553, true],
    ["recipient", 450, false],
    ["recipient", 503, false],
    ["data", 554, true],
    ["data", 451, false],
    ["body", 552, true],
    ["body", 452, false],
  ])("that answers at the stage %s with %i refuses the mail for good: %s", async (stage, code, forGood) => {
    const server = await started(startBadServer(stage, { code, text }));
    const fault = await faultOf(mailerTo(`smtp://127.0.0.1:${server.port}`).send(verifyMail, "id"));
    expect(fault instanceof MailRefused).toBe(forGood);
    expect(fault.code).toBe(`SMTP_${code}`);
    expect(fault.message).toContain("5.1.1");
    expect(fault.cause).toBeUndefined();
    expect(`${fault.message} ${fault.stack}`).not.toContain("jane");
  });
});
