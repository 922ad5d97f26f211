/** SIGHUP: takes over limits, sources and log level from sealane.json; names what needs a restart. */
import { isDeepStrictEqual } from "node:util";
import type { FastifyBaseLogger } from "fastify";
import { loadConfig, type NodeConfig } from "../config/node-config.ts";

const RELOADED = ["limits", "sources", "log"] as const;
/** Under `limits`, but fixed when a server starts. */
const FIXED_LIMITS = ["requestTimeoutMs"] as const;

/** A wrong file changes nothing and throws ConfigError. */
export async function reloadConfig(deps: {
  readonly dir: string;
  readonly current: NodeConfig;
  readonly apply: (next: NodeConfig) => void;
  readonly log: FastifyBaseLogger;
}): Promise<readonly string[]> {
  const read = await loadConfig(deps.dir);
  const { limits, sources, log } = read;
  deps.apply({ ...deps.current, limits, sources, log });
  const names = Object.keys(read) as (keyof NodeConfig)[];
  const restart = [
    ...names.filter(
      (name) => !RELOADED.some((reloaded) => reloaded === name) && !isDeepStrictEqual(read[name], deps.current[name]),
    ),
    ...FIXED_LIMITS.filter((name) => limits[name] !== deps.current.limits[name]).map((name) => `limits.${name}`),
  ];
  deps.log.info({ restart }, "configuration reloaded");
  return restart;
}
