import { correction, generate } from "lean-qr";
import { toPngDataURL } from "lean-qr/extras/node_export";

const black = [0, 0, 0, 255] as const;
const white = [255, 255, 255, 255] as const;

/**
 * A QR code of the text as `data:image/png;base64`: black on white, since the page behind it may be dark, with the quiet zone
 * that ISO/IEC 18004 asks for.
 */
export function qrPngDataUri(text: string): string {
  const code = generate(text, { minCorrectionLevel: correction.M });
  return toPngDataURL(code, { on: black, off: white, scale: 6, pad: 4 });
}
