/** A sender as `From` shows it. */
export interface Sender {
  readonly name: string;
  readonly address: string;
}

const maxAddressLength = 254;
const addressPattern = /^[^\s\p{C}<>()[\]\\,;:"@]+@[^\s\p{C}<>()[\]\\,;:"@]+$/u;

/**
 * Whether it is one plain address. Nothing that could end a header, start another one, or make two addresses of one passes;
 * nor do the quoted forms that would need such characters.
 */
export function isPlainAddress(address: string): boolean {
  return address.length <= maxAddressLength && addressPattern.test(address);
}

/**
 * Reads `address` or `Name <address>`.
 *
 * @throws TypeError when it is neither
 */
export function parseSender(text: string): Sender {
  const [, name = "", named, bare] = /^(?:([^<>]*?)\s*<([^<>]+)>|([^<>]+))$/.exec(text.trim()) ?? [];
  const address = named ?? bare ?? "";
  const display = name.replace(/^"(.*)"$/, "$1").trim();
  if (!isPlainAddress(address) || /[\p{C}"\\]/u.test(display)) {
    throw new TypeError("The sender of mails must look like `no-reply@example.com` or `Name <no-reply@example.com>`.");
  }
  return { name: display, address };
}
