/** The second start of a command or node takes about half of the first one: what was compiled is kept. */
import { mkdirSync, statSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

/** NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE go before. */
export function keepCompiled(): void {
  const folder = cacheFolder(process.env, homedir);
  if (folder !== undefined) enableCompileCache(folder);
}

/**
 * A folder that only this user writes: whoever else could put other code in its place. Undefined where there is none
 * (no home, one that others write to, a relative path): then nothing is kept.
 */
export function cacheFolder(
  { XDG_CACHE_HOME = "" }: Readonly<Record<string, string | undefined>>,
  home: () => string,
): string | undefined {
  try {
    // The XDG Base Directory Specification has relative paths ignored.
    const caches = isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(home(), ".cache");
    const folder = join(caches, "sealane");
    if (!isAbsolute(folder)) return undefined;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return [folder, dirname(folder)].every(isOwn) ? folder : undefined;
  } catch {
    return undefined;
  }
}

const WRITABLE_BY_OTHERS = 0o022;

function isOwn(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return process.getuid === undefined || (uid === process.getuid() && (mode & WRITABLE_BY_OTHERS) === 0);
}
