/** Records as CSV (RFC 4180): UTF-8, CRLF, header line; NULL is an empty field, an empty text is quoted. */

const NEEDS_QUOTES = /[",\r\n]/;

const field = (value: string | null): string => {
  if (value === null) return "";
  return value === "" || NEEDS_QUOTES.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

export const csvLine = (cells: readonly (string | null)[]): string => `${cells.map(field).join(",")}\r\n`;
