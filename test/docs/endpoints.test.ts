import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { errorTable } from "../../src/contract/errors.ts";
import type { ApiDocument } from "../../src/http/openapi/document.ts";
import { endpointsPage } from "../../src/http/openapi/endpoints-page.ts";
import { readModel } from "../../src/http/openapi/model.ts";
import { startGateway } from "../api/harness.ts";

// `npm run docs` writes the file: it runs these tests with leave to replace what is stale.
const gateway = await startGateway();
afterAll(() => gateway.stop());

test("docs/endpoints.md is what the routes say; if not, run npm run docs", async () => {
  const page = endpointsPage(readModel(gateway.document as unknown as ApiDocument));
  await expect(page).toMatchFileSnapshot("../../docs/endpoints.md");
});

test("docs/errors.md has a row for every code, with its status", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [code, Number(status)]);
  expect(rows.sort()).toEqual(
    Object.entries(errorTable)
      .map(([code, { status }]) => [code, status])
      .sort(),
  );
});
