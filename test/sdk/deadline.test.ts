import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CalimaticAuthError, HeadlessAuthClient, type RequestOptions } from "../../src/sdk/index.ts";
import {
  type Answer,
  credentials,
  json,
  rejection,
  type StubGateway,
  startStubGateway,
  tokenSet,
} from "./stub-gateway.ts";

let gateway: StubGateway;
let client: HeadlessAuthClient;
beforeAll(async () => {
  gateway = await startStubGateway();
  client = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials });
});
afterAll(async () => await gateway.close());

const login = (options: RequestOptions, by = client) =>
  by.auth.login({ email: "jane@example.com", password: "p" }, options);

const silence: Answer = () => {};
const halfABody: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write('{"accessToken":');
};

/** Answers of a fetch that does not heed its signal, as a stand-in inside a test or a wrapper might be. */
const deafFetches = {
  "never answers": () => new Promise<Response>(() => {}),
  "sends half a body": () =>
    new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array([0x7b])) })),
};

describe("time-out", () => {
  it.each([
    ["no answer", silence],
    ["a body that hangs", halfABody],
  ])("ends a call with %s as UNKNOWN with status 0", async (_name, answer) => {
    gateway.answerWith(answer);
    const error = await rejection(login({ timeoutMs: 1000 }));
    expect(error).toBeInstanceOf(CalimaticAuthError);
    expect(error).toMatchObject({ status: 0, code: "UNKNOWN", message: "The gateway did not answer in time." });
    expect((error as CalimaticAuthError).cause).toMatchObject({ name: "TimeoutError" });
    expect(gateway.received).toHaveLength(1);
  });

  it.each([
    ["no answer", silence],
    ["a body that hangs", halfABody],
  ])("closes the connection of a call with %s", async (_name, answer) => {
    let closed: Promise<void> | undefined;
    gateway.answerWith((response, request) => {
      closed = new Promise((resolve) => response.once("close", () => resolve()));
      answer(response, request);
    });
    await rejection(login({ timeoutMs: 1000 }));
    expect(closed).toBeDefined();
    await closed;
  });

  it.each(Object.entries(deafFetches))("holds for a fetch that %s and ignores its signal", async (_name, fetch) => {
    const deaf = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, fetch, timeoutMs: 50 });
    expect(await rejection(login({}, deaf))).toMatchObject({ status: 0, code: "UNKNOWN" });
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])("refuses timeoutMs %d", async (timeoutMs) => {
    gateway.answerWith(json(200, tokenSet));
    expect(await rejection(login({ timeoutMs }))).toBeInstanceOf(TypeError);
    expect(gateway.received).toHaveLength(0);
  });
});

describe("the caller's signal", () => {
  const reason = new Error("the visitor left");

  it("that has fired already keeps the call from being made", async () => {
    let calls = 0;
    const fetch = () => {
      calls += 1;
      return Response.json(tokenSet);
    };
    const counted = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, fetch });
    expect(await rejection(login({ signal: AbortSignal.abort(reason) }, counted))).toBe(reason);
    expect(calls).toBe(0);
  });

  it.each([
    ["no answer has come", silence],
    ["the body hangs", halfABody],
  ])("ends a call with the signal's own reason while %s", async (_name, answer) => {
    const controller = new AbortController();
    gateway.answerWith((response, request) => {
      answer(response, request);
      setImmediate(() => controller.abort(reason));
    });
    expect(await rejection(login({ signal: controller.signal }))).toBe(reason);
  });

  it("without a reason of its own gives an AbortError, as fetch does", async () => {
    const controller = new AbortController();
    gateway.answerWith(() => controller.abort());
    expect(await rejection(login({ signal: controller.signal }))).toMatchObject({ name: "AbortError" });
  });

  it.each(Object.entries(deafFetches))("holds for a fetch that %s and ignores its signal", async (_name, fetch) => {
    const deaf = new HeadlessAuthClient({ baseUrl: gateway.baseUrl, ...credentials, fetch });
    const controller = new AbortController();
    const error = rejection(login({ signal: controller.signal }, deaf));
    setImmediate(() => controller.abort(reason));
    expect(await error).toBe(reason);
  });

  it("is let go of after the call, so that a long-lived one does not gather listeners", async () => {
    const { signal } = new AbortController();
    gateway.answerWith(json(200, tokenSet));
    await login({ signal });
    gateway.answerWith((response) => response.destroy());
    await rejection(login({ signal }));
    gateway.answerWith(silence);
    await rejection(login({ signal, timeoutMs: 50 }));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
