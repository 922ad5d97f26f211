/** The node's keys at start. */
import { type NodeKeys, readKeys } from "../config/node-keys.ts";

export const openCurrentKeys = (dir: string, member: string, passphrase: string | undefined): Promise<NodeKeys> =>
  readKeys(dir, "current", member, passphrase);
