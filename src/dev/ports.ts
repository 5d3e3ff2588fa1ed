import { type AddressInfo, createServer } from "node:net";
import { DevError } from "./dev-error.ts";

/** A free TCP port on 127.0.0.1: the wished one if it is free, else any. */
export async function freePort(wished = 0): Promise<number> {
  if (wished !== 0 && (await isTaken(wished))) return freePort();
  const port = await listenOnce(wished, "127.0.0.1");
  return port ?? freePort();
}

/**
 * Makes sure that nobody listens on a port.
 *
 * @throws DevError that names the option with which to choose another port
 */
export async function requireFreePort(port: number, what: string, option: string, hint = ""): Promise<void> {
  if (!(await isTaken(port))) return;
  throw new DevError(
    `Port ${port}, meant for ${what}, is taken.\n` +
      `Stop what listens there, or choose another port: npm run dev -- ${option} ${port + 1}${hint}`,
  );
}

// All three are tried: a listener on the wildcard address does not keep one from binding the loopback address everywhere.
async function isTaken(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1", "0.0.0.0"]) if ((await listenOnce(port, host)) === undefined) return true;
  return false;
}

/** Listens for a moment; undefined when the port is in use. A machine without IPv6 has nobody listening there. */
function listenOnce(port: number, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") resolve(undefined);
    else if (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT") resolve(port);
    else if (error.code === "EACCES") reject(new DevError(`Port ${port} needs more rights: choose one above 1023.`));
    else reject(error);
  });
  server.listen({ port, host, exclusive: true }, () => {
    const { port: bound } = server.address() as AddressInfo;
    server.close(() => resolve(bound));
  });
  return promise;
}
