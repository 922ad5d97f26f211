/** The second start of a command or node takes a third of the first one: what was compiled is kept. */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Kept in a folder of the user's own, never in the system's temporary folder: who can write there could put other
 * code in the way. Where that folder cannot be written nothing is kept. NODE_COMPILE_CACHE and
 * NODE_DISABLE_COMPILE_CACHE go before.
 */
export function keepCompiled(): void {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  enableCompileCache(join(caches, "sealane"));
}
