import { convertIndexedToRgb, decode } from "fast-png";
import readQr from "jsqr";
import { afterAll, beforeEach, expect, test } from "vitest";
import { testEveryOperation } from "../common-suite.ts";
import { sampleOf, send, startGateway } from "../harness.ts";

const sample = sampleOf("mfaEnroll");
const gateway = await startGateway();
const defaults = { ...gateway.behaviour };
beforeEach(() => void Object.assign(gateway.behaviour, defaults));
afterAll(() => gateway.stop());

testEveryOperation(() => gateway, sample, [{ code: "INVALID_TOKEN" }, { code: "MFA_ALREADY_ENROLLED" }]);

/** What a phone reads from the image. */
function scanned(dataUri: unknown): string | undefined {
  const [type, base64 = ""] = String(dataUri).split(",");
  expect(type).toBe("data:image/png;base64");
  const image = decode(Buffer.from(base64, "base64"));
  // Opaque and black on white: no page behind it can make it unreadable.
  expect(image.palette).toEqual([
    [255, 255, 255],
    [0, 0, 0],
  ]);
  const rgb = convertIndexedToRgb(image);
  const { width, height } = image;
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    rgba.set(rgb.subarray(pixel * 3, pixel * 3 + 3), pixel * 4);
  }
  return readQr.default(rgba, width, height)?.data;
}

test("the QR code is a PNG image that says the URI", async () => {
  const { body } = await send(gateway, sample);
  expect(scanned(body["qrCode"])).toBe(body["otpauthUri"]);
});

test("the longest URI still fits", async () => {
  const issuer = encodeURIComponent("Ü".repeat(32));
  const otpauthUri = `otpauth://totp/${issuer}:${"j".repeat(242)}%40example.com?secret=${"A".repeat(32)}&issuer=${issuer}&algorithm=SHA1&digits=6&period=30`;
  gateway.behaviour.mfaEnroll = async () => ({ secret: "A".repeat(32), otpauthUri, expiresInSeconds: 600 });
  const { body } = await send(gateway, sample);
  expect(scanned(body["qrCode"])).toBe(otpauthUri);
});

test("takes nothing from the body", async () => {
  await send(gateway, sample, { body: { userId: "somebody-else", secret: "A".repeat(32) } });
  expect(Object.keys(gateway.lastRequest())).toEqual(["bearer"]);
});
