/** One node of the demonstration as its own process: `node-process <dir> <scenario>`. Speaks to its parent by IPC. */
import { flushCompileCache } from "node:module";
import type { ApiAddress } from "../cli/api-client.ts";
import { startNode } from "../runtime/node.ts";
import { privateValues, readTables } from "./compare.ts";
import { loadScenario, type ScenarioName } from "./scenario.ts";
import { createWireTap, type Traffic } from "./wire-tap.ts";

export type ToNode = { readonly kind: "traffic" };
export type FromNode =
  | { readonly kind: "ready"; readonly address: ApiAddress }
  | { readonly kind: "traffic"; readonly traffic: Traffic };

const [dir, scenario] = process.argv.slice(2);
if (dir === undefined || scenario === undefined || process.send === undefined) {
  throw new TypeError("node-process: started by the demonstration only");
}
flushCompileCache();
const say = (message: FromNode): void => void process.send?.(message);

const tap = createWireTap(privateValues(await readTables(await loadScenario(scenario as ScenarioName))));
const node = await startNode({ dir, logLevel: "silent", observe: (message) => tap.see(dir, message) });
process.on("message", (message: ToNode) => {
  if (message.kind === "traffic") say({ kind: "traffic", traffic: tap.traffic() });
});
const stop = async (): Promise<void> => {
  await node.stop();
  process.disconnect?.();
};
process.once("SIGTERM", () => void stop());
// Ctrl-C reaches the whole group; the parent decides when this one ends.
process.on("SIGINT", () => undefined);
process.once("disconnect", () => void node.stop().then(() => process.exit(0)));
say({ kind: "ready", address: { base: node.address.api, token: node.token } });
