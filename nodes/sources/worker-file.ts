/** Where a worker lies beside its caller: `.ts` from source, `.js` from the compiled package. */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** `name` without extension, relative to the module whose `import.meta.url` is given. */
export const workerFile = (name: string, callerUrl: string): string =>
  fileURLToPath(new URL(`${name}${extname(new URL(callerUrl).pathname)}`, callerUrl));
