import { correction, generate } from "lean-qr";
import { toPngDataURL } from "lean-qr/extras/node_export";

/** A QR code of the text as `data:image/png;base64`: black on white with the quiet zone that ISO/IEC 18004 asks for. */
export function qrPngDataUri(text: string): string {
  return toPngDataURL(generate(text, { minCorrectionLevel: correction.M }), { scale: 6, pad: 4 });
}
