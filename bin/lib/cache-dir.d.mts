/** Where everything fetched once is kept, outside the repository; `HEADGATE_CACHE_DIR` overrides it. */
export function cacheDir(env?: Record<string, string | undefined>, platform?: string): string;
