/** Where the adapter reports what concerns no single request; any pino logger fits. */
export interface AdapterLog {
  warn(fields: object, message: string): void;
}
