/** A parsed JSON value that many readers share: frozen all the way down. */
export function frozen(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  for (const item of Object.values(value)) frozen(item);
  return Object.freeze(value);
}
