/** A page of Keycloak, as a browser without scripts sees it. */
export interface Page {
  readonly url: string;
  readonly html: string;
  /** The value of a form field that is there already. */
  field(name: string): string | undefined;
}

/** Follows Keycloak's pages with cookies, forms and redirects. */
export interface BrowserSession {
  open(url: string): Promise<Page>;
  /** Sends the page's first form, hidden fields included. */
  submit(page: Page, fields: Readonly<Record<string, string>>): Promise<Page>;
}

const unescapeHtml = (text: string) => text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescapeHtml(value);
}

/** The names and values of the page's inputs. */
function inputsOf(html: string): Map<string, string> {
  const inputs = [...html.matchAll(/<input\b[^>]*>/g)].map(([tag]) => tag);
  return new Map(
    inputs.flatMap((tag) => {
      const name = attribute(tag, "name");
      return name === undefined || attribute(tag, "type") === "submit" ? [] : [[name, attribute(tag, "value") ?? ""]];
    }),
  );
}

export function createBrowserSession(): BrowserSession {
  const cookies = new Map<string, string>();

  async function load(url: string, init: RequestInit = {}): Promise<Page> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { ...init, redirect: "manual", headers: { ...init.headers, cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
    }
    const location = response.headers.get("location");
    if (location !== null) return load(new URL(location, url).href);
    const html = await response.text();
    return { url, html, field: (name) => inputsOf(html).get(name) };
  }

  return {
    open: (url) => load(url),
    async submit(page, fields) {
      const form = /<form\b[^>]*>/.exec(page.html)?.[0];
      const action = form && attribute(form, "action");
      if (!action) throw new Error(`There is no form on ${page.url}`);
      const values = new URLSearchParams({ ...Object.fromEntries(inputsOf(page.html)), ...fields });
      return load(new URL(action, page.url).href, { method: "POST", body: values });
    },
  };
}
