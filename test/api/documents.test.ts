import { afterAll, describe, expect, test } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import { expectError } from "./common-suite.ts";
import { base, samples, send, startGateway, templateOf } from "./harness.ts";

const gateway = await startGateway();
afterAll(() => gateway.stop());

const get = async (path: string) => {
  const response = await fetch(`${gateway.url}${path}`);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

/** Every code but those of framework paths, which belong to no operation. */
const codes = Object.keys(errorTable).filter((code) => code !== "NOT_FOUND" && code !== "METHOD_NOT_ALLOWED");

describe.each([
  ["/openapi.json", "application/json"],
  ["/docs", "text/html; charset=utf-8"],
  ["/docs/style.css", "text/css; charset=utf-8"],
  ["/llms.txt", "text/plain; charset=utf-8"],
])("%s", (path, type) => {
  test("is served without credentials, with the common headers", async () => {
    gateway.events.splice(0);
    const { status, headers, text } = await get(path);
    expect([status, headers.get("content-type")]).toEqual([200, type]);
    expect(text.length).toBeGreaterThan(500);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-request-id")).toMatch(/^req_/);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(gateway.events).toEqual([]);
  });

  test("is the same whatever is asked, and logged by its route", async () => {
    const { text } = await get(path);
    expect((await get(`${path}?q=<script>marker-query</script>`)).text).toBe(text);
    expect(gateway.rawLog()).not.toContain("marker-query");
    expect(gateway.logLines().at(-1)).toMatchObject({ route: path, status: 200 });
  });

  test("has a HEAD and no other method", async () => {
    const head = await send(gateway, { method: "HEAD", path });
    expect([head.status, head.text]).toEqual([200, ""]);
    const answer = await send(gateway, { method: "POST", path });
    expectError(answer, "METHOD_NOT_ALLOWED");
    expect(answer.headers.get("allow")).toBe("GET, HEAD");
  });
});

test.each(["/docs", "/llms.txt"])("%s names every endpoint and every error code", async (path) => {
  const { text } = await get(path);
  for (const sample of samples) expect(text).toContain(templateOf(sample));
  for (const code of codes) expect(text).toContain(code);
  expect(text).not.toMatch(/undefined|\[object|NaN/);
});

describe("the reference page", () => {
  // Threat: a page on the origin of the API runs somebody else's script, or tells a third party who reads it.
  test("has no script and takes everything from the gateway itself, and its policy says so", async () => {
    const { text, headers } = await get("/docs");
    expect(text).not.toMatch(/<script|<iframe|<object|<form|javascript:|\son\w+=|\sstyle=/i);
    for (const [, url = ""] of text.matchAll(/\s(?:src|href)="([^"]*)"/g))
      expect(url).toMatch(/^(?:#|\/[a-z]|data:,$)/);
    expect((await get("/docs/style.css")).text).not.toMatch(/url\(|@import/);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy.split("; ").sort()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src data:",
      "style-src 'self'",
    ]);
  });

  test("every link leads somewhere", async () => {
    const { text } = await get("/docs");
    const ids = new Set([...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id));
    for (const [, target = ""] of text.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(target);
    for (const [, path = ""] of text.matchAll(/href="(\/[^"]*)"/g)) expect((await get(path)).status).toBe(200);
  });

  test("shows text as text", async () => {
    const { text } = await get("/docs");
    expect(text).toContain("&quot;email&quot;: &quot;jane@example.com&quot;");
    expect(text).not.toContain("&amp;quot;");
    expect(text).not.toMatch(/`/);
  });
});

test("/llms.txt tells how to call the API", async () => {
  const { text } = await get("/llms.txt");
  expect(text).toMatch(/^# .+\n\n> .+\n/);
  for (const part of ["x-client-id", "x-client-secret", "Authorization: Bearer", `${base}/login`, "/openapi.json"]) {
    expect(text).toContain(part);
  }
});
