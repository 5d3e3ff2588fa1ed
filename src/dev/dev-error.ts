/** A failure whose message is all there is to say: what went wrong and what to do. It is printed without a stack. */
export class DevError extends Error {
  override name = "DevError";
}
