/** What became of a change. */
export type AdminChange =
  /** `id` is that of what was created, empty for other changes. */
  | { readonly kind: "done"; readonly id: string }
  /** There is no such thing. */
  | { readonly kind: "missing" }
  /** The request broke a rule of the realm; `map-errors.ts` knows which. */
  | { readonly kind: "refused"; readonly status: 400 | 409; readonly body: unknown };
