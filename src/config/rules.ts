import { z } from "zod";

/** Any text; an empty variable counts as not set. */
export const text = () => z.string().min(1, "must not be empty");

export const integer = (range: { min: number; max: number; default: number }) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, `must be from ${range.min} to ${range.max}`)
    .default(range.default);

export const flag = (fallback: boolean) =>
  z
    .enum(["true", "false"], "must be true or false")
    .default(fallback ? "true" : "false")
    .transform((value) => value === "true");

/** A URL of one of the protocols, `http:` for example. */
export const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (value) => protocols.includes(URL.parse(value)?.protocol ?? ""),
      `must be a URL with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    );

/** An http or https address that paths are added to; without the slashes that it may end in. */
export const baseUrl = () =>
  url(["http:", "https:"])
    .refine((value) => {
      const parsed = URL.parse(value);
      return parsed === null || `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` === "";
    }, "must have no user, query or fragment")
    .transform((value) => value.replace(/\/+$/, ""));

/** `requests/seconds`; the limiter counts in whole microseconds, so that more than a million a second would be no limit. */
export const rate = (fallback: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,5}\/[1-9]\d{0,5}$/, "must be requests/seconds, such as 600/60")
    .default(fallback)
    .transform((value) => {
      const [limit, windowSeconds] = value.split("/").map(Number) as [number, number];
      return { limit, windowSeconds };
    });

const redisUrlPattern =
  /^rediss?(?<cluster>\+cluster)?:\/\/(?:(?<login>[^@/]*)@)?(?<nodes>[^@/?#]+)(?:\/(?<database>\d*))?$/;
const redisNodePattern = /^(?:\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;

function isRedisNode(node: string): boolean {
  const match = redisNodePattern.exec(node);
  const port = Number(match?.groups?.["port"] ?? 6379);
  return match !== null && port >= 1 && port <= 65_535;
}

/** `user:password`, each percent-encoded. */
function isRedisLogin(login: string): boolean {
  if (login === "") return true;
  const colon = login.indexOf(":");
  try {
    decodeURIComponent(login.slice(0, colon));
    decodeURIComponent(login.slice(colon + 1));
  } catch {
    return false;
  }
  return colon >= 0;
}

/** `embedded`, `redis://[user:password@]host[:port][/database]`, `redis+cluster://host:port,host:port`; `rediss` for TLS. */
export const redisUrl = () =>
  z.string().refine((value) => {
    if (value === "embedded") return true;
    const { cluster, login = "", nodes = "", database = "" } = redisUrlPattern.exec(value)?.groups ?? {};
    const each = nodes.split(",");
    const shape = cluster === undefined ? each.length === 1 : database === "";
    return shape && each.every(isRedisNode) && isRedisLogin(login);
  }, "must be `embedded`, redis://host:port or redis+cluster://host:port,host:port (rediss for TLS)");
