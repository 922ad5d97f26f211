/**
 * Files that are started as a worker or a child process. The same code runs from the checkout (`.ts`) and from the
 * package (`dist`, `.js`), so the caller's own extension decides. Assets (JSON, CSV) keep their names in both.
 */
import { fileURLToPath } from "node:url";

/** `siblingPath(import.meta.url, "./worker")`: absolute path of the module beside the caller, in the caller's extension. */
export function siblingPath(caller: string, module: string): string {
  const extension = /\.[cm]?[jt]s$/.exec(new URL(caller).pathname)?.[0];
  if (extension === undefined) throw new TypeError(`caller: expected the URL of a module, got ${caller}`);
  return fileURLToPath(new URL(`${module}${extension}`, caller));
}

/** `assetPath(import.meta.url, "./en.json")`: absolute path of a data file that lies beside the caller. */
export const assetPath = (caller: string, file: string): string => fileURLToPath(new URL(file, caller));
