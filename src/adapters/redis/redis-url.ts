/** Where a Redis is and how to log in to it. */
export interface RedisAddress {
  readonly cluster: boolean;
  readonly tls: boolean;
  /** One node, or the nodes of a cluster to ask first. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
  /** Number of the database; 0 on a cluster. */
  readonly database: number;
}

const urlPattern = /^(redis|rediss)(\+cluster)?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/(\d*))?$/;
const nodePattern = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/;
const defaultPort = 6379;

/**
 * Reads `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, and `redis+cluster://host:port,host:port` or
 * `rediss+cluster://…` for a cluster. User and password are percent-encoded.
 *
 * @throws TypeError without the URL in its message, since it may hold a password
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = urlPattern.exec(url);
  if (match === null) throw invalid("it must look like redis://host:port or redis+cluster://host:port,host:port");
  const [, scheme, clusterPart, login, hosts = "", database = ""] = match;
  const cluster = clusterPart !== undefined;
  if (cluster && database !== "") throw invalid("a cluster has no database numbers");
  const nodes = hosts.split(",").map(parseNode);
  if (!cluster && nodes.length > 1) throw invalid("several nodes need redis+cluster://");
  return {
    cluster,
    tls: scheme === "rediss",
    nodes,
    ...parseLogin(login),
    database: database === "" ? 0 : Number(database),
  };
}

function parseNode(text: string): { host: string; port: number } {
  const [, host, digits] = nodePattern.exec(text) ?? [];
  if (host === undefined) throw invalid("a node is host:port");
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) throw invalid("a port is 1 to 65535");
  return { host: host.replace(/^\[|\]$/g, ""), port };
}

function parseLogin(login: string | undefined): { username?: string; password?: string } {
  if (login === undefined || login === "") return {};
  const colon = login.indexOf(":");
  if (colon < 0) throw invalid("a login is user:password or :password");
  try {
    const username = decodeURIComponent(login.slice(0, colon));
    const password = decodeURIComponent(login.slice(colon + 1));
    return username === "" ? { password } : { username, password };
  } catch {
    throw invalid("user and password must be percent-encoded");
  }
}

function invalid(reason: string): TypeError {
  return new TypeError(`The Redis URL is not valid: ${reason}.`);
}
