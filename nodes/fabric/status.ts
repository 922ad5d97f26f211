/** `sealane fabric status`: what is alive, how high each ledger is, which chaincode is agreed on. */
import type { Binaries } from "./binaries.ts";
import { createCommands, type Definition } from "./commands.ts";
import type { StoredNetwork } from "./init-network.ts";
import { chaincodeName, ordererName, peerName } from "./network-processes.ts";
import { livePid } from "./processes.ts";

export interface ProcessStatus {
  readonly name: string;
  readonly kind: "orderer" | "peer" | "chaincode";
  /** Absent: not alive. */
  readonly pid?: number;
  /** Blocks of the channel; absent for a chaincode server, and where nobody answers. */
  readonly height?: number;
  readonly address: string;
  readonly log: string;
}

export interface FabricStatus {
  readonly channel: string;
  readonly processes: readonly ProcessStatus[];
  /** Absent: nobody answers, or nothing is agreed on. */
  readonly chaincode?: Definition & { readonly name: string };
}

export async function fabricStatus(
  network: StoredNetwork,
  binaries: Binaries,
  signal: AbortSignal,
): Promise<FabricStatus> {
  const { plan, layout } = network;
  const commands = createCommands(plan, layout, binaries, signal);
  const look = async (
    kind: ProcessStatus["kind"],
    name: string,
    port: number,
    ask?: () => Promise<number | undefined>,
  ): Promise<ProcessStatus> => {
    const pid = await livePid(layout.record(name));
    const height = pid === undefined ? undefined : await ask?.().catch(() => undefined);
    return {
      name,
      kind,
      ...(pid === undefined ? {} : { pid }),
      ...(height === undefined ? {} : { height }),
      address: `localhost:${port}`,
      log: layout.log(name),
    };
  };
  const processes = await Promise.all([
    ...plan.orderers.map((one) => look("orderer", ordererName(one), one.port, () => commands.ordererHeight(one))),
    ...plan.organisations.map((one) => look("peer", peerName(one), one.peer, () => commands.peerHeight(one))),
    ...plan.organisations.map((one) => look("chaincode", chaincodeName(one), one.chaincode)),
  ]);
  const answering = plan.organisations.find((org) =>
    processes.some(({ name, height }) => name === peerName(org) && height !== undefined),
  );
  const agreed = answering && (await commands.committed(answering).catch(() => undefined));
  return {
    channel: plan.channel,
    processes,
    ...(agreed === undefined ? {} : { chaincode: { name: plan.chaincode, ...agreed } }),
  };
}
