import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { startServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/observability/log.ts";
import { base, client, sampleOf, send, startGateway, tokens } from "./harness.ts";
import { openConnection, type RawAnswer } from "./raw-connection.ts";

const gateway = await startGateway();
const impatient = await startGateway({ timeouts: { headersMs: 100, requestMs: 200, keepAliveMs: 100 } });
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => Promise.all([gateway.stop(), impatient.stop()]));

const auth = `x-client-id: ${client.id}\r\nx-client-secret: ${client.secret}\r\n`;
const json = JSON.stringify(sampleOf("login").body);
const head = (more: string) =>
  `POST ${base}/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${auth}${more}\r\n`;
const whole = `${head(`Content-Length: ${json.length}\r\n`)}${json}`;
const livez = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

function expectServerError(answer: RawAnswer | undefined, status: number, code = "VALIDATION_ERROR"): void {
  expect(answer?.status).toBe(status);
  expect(answer?.body).toEqual({
    code,
    message: expect.any(String),
    requestId: answer?.headers.get("x-request-id"),
    ...(code === "VALIDATION_ERROR" ? { details: [{ path: "", message: answer?.body["message"] }] } : {}),
  });
  expect(answer?.headers.get("content-type")).toBe("application/json");
  expect(answer?.headers.get("cache-control")).toBe("no-store");
}

// Threats: request smuggling by two readings of one message, and answers that fall out of the contract.
describe("what is not HTTP", () => {
  test.each([
    ["no HTTP at all", "\u0016\u0003\u0001\u0002hello\r\n\r\n"],
    ["an unknown method", "LOGIN / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a blank in a header name", "GET / HTTP/1.1\r\nHost : x\r\n\r\n"],
    ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nx-client-id: a\u0000b\r\n\r\n"],
    ["a folded header", `GET / HTTP/1.1\r\nHost: x\r\nx-client-id: a\r\n b\r\n\r\n`],
    ["both length and chunks", `${head(`Content-Length: ${json.length}\r\nTransfer-Encoding: chunked\r\n`)}0\r\n\r\n`],
    ["two different lengths", `${head("Content-Length: 5\r\nContent-Length: 6\r\n")}{}`],
    ["a length with a sign", `${head("Content-Length: +2\r\n")}{}`],
    ["chunks that are hidden", `${head("Transfer-Encoding: x, chunked\r\nContent-Length: 2\r\n")}{}`],
    ["a coding besides chunks", `${head("Transfer-Encoding: gzip, chunked\r\n")}0\r\n\r\n`],
    ["two lists of codings", `${head("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n")}0\r\n\r\n`],
    ["a chunk size that is none", `${head("Transfer-Encoding: chunked\r\n")}zz\r\n{}\r\n0\r\n\r\n`],
  ])("%s: 400 with the contract's body, and the connection ends", async (_what, message) => {
    gateway.events.splice(0);
    const connection = await openConnection(gateway);
    connection.write(message);
    const answers = await connection.closed();
    expect(answers).toHaveLength(1);
    expectServerError(answers[0], 400);
    expect(answers[0]?.headers.get("connection")).toBe("close");
    expect(gateway.events).not.toContain("login");
    expect(gateway.logLines().at(-1)).toMatchObject({ status: 400 });
  });

  test.each([
    ["no Host", `GET /livez HTTP/1.1\r\n\r\n`],
    ["two different Hosts", "GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"],
    ["the same Host twice", "GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"],
    ["a Host that is none", "GET /livez HTTP/1.1\r\nHost: a/b@c\r\n\r\n"],
    ["a backslash in the path", "GET /livez\\..\\x HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an absolute target that is none", "GET http://[x HTTP/1.1\r\nHost: x\r\n\r\n"],
  ])("%s: 400", async (_what, message) => {
    const connection = await openConnection(gateway);
    connection.write(message);
    await expect.poll(() => connection.answers()).toHaveLength(1);
    expectServerError(connection.answers()[0], 400);
    connection.socket.destroy();
  });

  test("headers over 16 KiB: 431", async () => {
    const connection = await openConnection(gateway);
    connection.write(head(`x-end-user-agent: ${"a".repeat(17_000)}\r\n`));
    const answers = await connection.closed();
    expect(answers).toHaveLength(1);
    expectServerError(answers[0], 431);
  });

  test("behind a request that is being answered: that answer still comes, and only that", async () => {
    const release = holdLogins();
    const connection = await openConnection(gateway);
    connection.write(`${whole}\u0000garbage\r\n\r\n`);
    await expect.poll(() => gateway.events).toContain("login");
    release();
    const answers = await connection.closed();
    expect(answers.map(({ status }) => status)).toEqual([200]);
  });

  // Threat: the answer to the second request is taken for the first one's, whose tokens nobody gets.
  test("in the body of a second request: the first one's answer comes first", async () => {
    const release = holdLogins();
    const connection = await openConnection(gateway);
    connection.write(`${whole}${head("Transfer-Encoding: chunked\r\n")}zz\r\n{}\r\n0\r\n\r\n`);
    await expect.poll(() => gateway.events).toContain("login");
    release();
    const [first] = await connection.closed();
    expect(first?.status).toBe(200);
    expect(first?.body).toHaveProperty("accessToken");
  });
});

/** Logins wait for the returned function. */
function holdLogins({ behaviour, events } = gateway): () => void {
  const release = Promise.withResolvers<void>();
  behaviour.login = async () => {
    await release.promise;
    return { kind: "tokens", tokens };
  };
  events.splice(0);
  return release.resolve;
}

describe("what is unusual HTTP", () => {
  const answerTo = async (message: string) => {
    const connection = await openConnection(gateway);
    connection.write(message);
    await expect.poll(() => connection.answers()).toHaveLength(1);
    connection.socket.destroy();
    return connection.answers()[0];
  };

  test("Expect: 100-continue, and expectations that nobody knows", async () => {
    for (const expectation of ["100-continue", "a-miracle"]) {
      const answer = await answerTo(`${head(`Content-Length: ${json.length}\r\nExpect: ${expectation}\r\n`)}${json}`);
      expect(answer?.status).toBe(200);
    }
  });

  test("an upgrade is not taken", async () => {
    const answer = await answerTo("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n");
    expect(answer?.status).toBe(200);
  });

  test("TRACE does not echo", async () => {
    const answer = await answerTo(`TRACE ${base}/login HTTP/1.1\r\nHost: x\r\n${auth}\r\n`);
    expect(answer?.status).toBe(405);
    expect(JSON.stringify(answer?.body)).not.toContain(client.secret);
  });

  test.each([
    ["alone", "", []],
    ["behind a request", livez, [200]],
  ])("CONNECT, %s, gets a 405 and no tunnel", async (_what, before, first) => {
    const connection = await openConnection(gateway);
    connection.write(`${before}CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n${livez}`);
    const answers = await connection.closed();
    expect(answers.map(({ status }) => status)).toEqual([...first, 405]);
    expectServerError(answers.at(-1), 405, "METHOD_NOT_ALLOWED");
    expect(answers.at(-1)?.headers.get("allow")).toBe("");
    expect(gateway.logLines().at(-1)).toMatchObject({ status: 405, method: null });
  });

  test("a client that resets its connection after CONNECT harms nobody", async () => {
    const connection = await openConnection(gateway);
    connection.write("CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    await expect.poll(() => connection.answers()).toHaveLength(1);
    connection.socket.resetAndDestroy();
    expect((await answerTo(livez))?.status).toBe(200);
  });

  test("pipelined requests are answered in order", async () => {
    const connection = await openConnection(gateway);
    connection.write(`${livez}GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n${livez}`);
    await expect.poll(() => connection.answers()).toHaveLength(3);
    expect(connection.answers().map(({ status }) => status)).toEqual([200, 404, 200]);
    connection.socket.destroy();
  });

  test("a body that is far too large is answered and not read to its end", async () => {
    const connection = await openConnection(gateway);
    connection.write(head("Content-Length: 100000000\r\n"));
    await expect.poll(() => connection.answers()).toHaveLength(1);
    expectServerError(connection.answers()[0], 413, "PAYLOAD_TOO_LARGE");
    connection.write("x".repeat(100_000));
    await connection.closed();
    expect(connection.answers()).toHaveLength(1);
  });

  test("a body in chunks that is too large harms no request after it", async () => {
    const connection = await openConnection(gateway);
    const chunk = `${(6_000).toString(16)}\r\n${"x".repeat(6_000)}\r\n`;
    connection.write(head("Transfer-Encoding: chunked\r\n"));
    for (let count = 0; count < 5; count++) connection.write(chunk);
    await expect.poll(() => connection.answers()).toHaveLength(1);
    expectServerError(connection.answers()[0], 413, "PAYLOAD_TOO_LARGE");
    const release = holdLogins();
    connection.write(`${chunk}0\r\n\r\n${whole}`);
    await expect.poll(() => gateway.events).toContain("login");
    // More than the framework waits until it cuts off a body that it has not seen the end of.
    await new Promise((resolve) => setTimeout(resolve, 800));
    release();
    await expect.poll(() => connection.answers().map(({ status }) => status)).toEqual([413, 200]);
    connection.socket.destroy();
  });
});

// Threat: clients that send a byte now and then hold connections, and work, for ever (Slowloris, R-U-Dead-Yet).
describe("slow clients", () => {
  test.each([
    ["says nothing", "", ""],
    ["does not end its headers", `POST ${base}/login HTTP/1.1\r\nHost: x\r\n`, "x-a: b\r\n"],
    ["does not end its body", `${head("Content-Length: 1000\r\n")}{"email":`, " "],
    ["does not end its chunks", `${head("Transfer-Encoding: chunked\r\n")}5\r\n{"ema\r\n`, "1\r\n \r\n"],
  ])("who %s: 408, and the connection ends", async (_what, message, drop) => {
    impatient.events.splice(0);
    const connection = await openConnection(impatient);
    connection.write(message);
    const dripping = setInterval(() => connection.write(drop), 10);
    const answers = await connection.closed();
    clearInterval(dripping);
    expect(answers).toHaveLength(1);
    expectServerError(answers[0], 408);
    expect(impatient.events).not.toContain("login");
  });

  // Fault: the 408 of an answered request would be taken for the answer to the next one.
  test("whose request was answered before its body came get no second answer", async () => {
    const connection = await openConnection(impatient);
    connection.write("GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{");
    expect((await connection.closed()).map(({ status }) => status)).toEqual([200]);
  });

  test("a connection without a next request is closed", async () => {
    const connection = await openConnection(impatient);
    connection.write(livez);
    expect((await connection.closed()).map(({ status }) => status)).toEqual([200]);
  });

  test("a slow body is no fault of ours: nothing is logged as an error", async () => {
    expect(impatient.logLines().filter(({ level }) => level === "error")).toEqual([]);
  });
});

describe("shutdown", () => {
  async function startBusy() {
    const busy = await startGateway();
    const release = holdLogins(busy);
    const answer = send(busy, sampleOf("login"), { headers: { connection: undefined } });
    await expect.poll(() => busy.events).toContain("login");
    return { busy, release, answer };
  }

  // Threat: an answer that is lost after Keycloak has opened the session, or after a refresh token was rotated.
  test("a request in flight is finished, told that the connection ends, and nothing new is taken", async () => {
    const { busy, release, answer } = await startBusy();
    const idle = await openConnection(busy);
    idle.write(livez);
    await expect.poll(() => idle.answers()).toHaveLength(1);
    const silent = await openConnection(busy);

    const closing = busy.server.close(10_000);
    await Promise.all([idle.closed(), silent.closed()]);
    await expect(openAndAsk(busy.server.port)).rejects.toThrow();
    release();
    const { status, headers } = await answer;
    expect(status).toBe(200);
    expect(headers.get("connection")).toBe("close");
    expect(await closing).toEqual({ finished: true });
  });

  test.each([
    ["body", whole.length - 5],
    ["headers", 50],
  ])("a request in the middle of its %s is still taken", async (_what, sentBefore) => {
    const busy = await startGateway();
    const connection = await openConnection(busy);
    // Written at once with a request before it: when that is answered, the rest has arrived too.
    connection.write(livez + whole.slice(0, sentBefore));
    await expect.poll(() => connection.answers()).toHaveLength(1);
    const closing = busy.server.close(10_000);
    connection.write(whole.slice(sentBefore));
    const [, answer] = await connection.closed();
    expect([answer?.status, answer?.headers.get("connection")]).toEqual([200, "close"]);
    expect(await closing).toEqual({ finished: true });
  });

  // Threat: the caller hangs up, the process ends, and what the login has begun is torn off: its attempt stays counted, its
  // gate shut, its session open.
  test("waits also for what is done for a caller that has hung up", async () => {
    const busy = await startGateway();
    const release = holdLogins(busy);
    let released = false;
    const connection = await openConnection(busy);
    connection.write(whole);
    await expect.poll(() => busy.events).toContain("login");
    connection.socket.destroy();
    await connection.closed();
    const closing = busy.server.close(10_000).then((outcome) => ({ ...outcome, released }));
    setTimeout(() => {
      released = true;
      release();
    }, 100);
    expect(await closing).toEqual({ finished: true, released: true });
  });

  test("a request that does not end is cut off after the time-out", async () => {
    const { busy, answer } = await startBusy();
    const cutOff = expect(answer).rejects.toThrow();
    expect(await busy.server.close(50)).toEqual({ finished: false });
    await cutOff;
  });

  async function openAndAsk(port: number): Promise<Response> {
    return fetch(`http://127.0.0.1:${port}/livez`);
  }
});

test("a taken port is an error before anything is served", async () => {
  const log = createLogger({ level: "silent", destination: { write: () => undefined } });
  const random = { token: () => "x" };
  const app = { fetch: () => new Response() };
  const start = startServer({ app, host: "127.0.0.1", port: gateway.server.port, log, random });
  await expect(start).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("an app that fails outside its own handlers still answers as the contract says", async () => {
  const lines: string[] = [];
  const server = await startServer({
    app: {
      fetch: () => {
        throw new Error("marker-outside");
      },
    },
    host: "127.0.0.1",
    port: 0,
    log: createLogger({ level: "info", destination: { write: (line: string) => void lines.push(line) } }),
    random: { token: () => "fixed" },
  });
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ code: "INTERNAL_ERROR", requestId: "req_fixed" });
  expect(lines.join("")).toContain("marker-outside");
  await server.close(1_000);
});
