/** The entries and checkpoint of a node's replica for an audit: from its folder, or from the node while that runs. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { type StoredEntry, storedForm } from "../../ledger/audit/replica.ts";
import { from, layout } from "../../ledger/embedded/layout.ts";
import { type LogStore, openLevelStore } from "../../ledger/embedded/store.ts";
import { parseCheckpoint } from "../../ledger/log/checkpoint.ts";
import { parseProof } from "../../ledger/log/proof-text.ts";
import { type LedgerEntry, LedgerError, type LedgerProof, type LedgerStatus } from "../../ledger/port.ts";
import { CONFIG_FILE } from "../config/node-config.ts";
import { LEDGER_FOLDER } from "../runtime/open-ledger.ts";
import type { ApiClient } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { CliError } from "./errors.ts";

export interface StoredLedger {
  readonly checkpoint: string;
  readonly entries: AsyncIterable<StoredEntry>;
  readonly close: () => Promise<void>;
}

const PAGE = 500;

/** Throws CliError ERR_CLI_NO_NODE, ERR_CLI_NO_LEDGER, or LedgerError ERR_LEDGER_CORRUPT while reading. */
export async function openStoredLedger(context: CommandContext): Promise<StoredLedger> {
  const location = join(context.dir, LEDGER_FOLDER);
  await access(location).catch(async () => {
    const isNode = await access(join(context.dir, CONFIG_FILE)).then(
      () => true,
      () => false,
    );
    throw new CliError(isNode ? "ERR_CLI_NO_LEDGER" : "ERR_CLI_NO_NODE", { dir: context.dir });
  });
  const store = await openLevelStore(location).catch((error: { cause?: { code?: string } }) => {
    if (error.cause?.code === "LEVEL_LOCKED") return undefined;
    throw new LedgerError("ERR_LEDGER_CORRUPT", `${location}: cannot be opened`, { cause: error });
  });
  return store === undefined ? fromNode(await context.api()) : storedLedger(store);
}

export async function storedLedger(store: LogStore): Promise<StoredLedger> {
  const head = await store.get(layout.head);
  const { checkpoint } = JSON.parse(head ?? '{"checkpoint":""}') as { checkpoint: string };
  return { checkpoint, entries: storedEntries(store, sizeOf(checkpoint)), close: () => store.close() };
}

async function* storedEntries(store: LogStore, size: number): AsyncIterable<StoredEntry> {
  let position = 0;
  for await (const [key, text] of store.range(from("entry", 0))) {
    if (position === size) return;
    if (key !== layout.entry(position)) return;
    yield { position, text };
    position += 1;
  }
}

async function fromNode(api: ApiClient): Promise<StoredLedger> {
  const { height } = await api.get<LedgerStatus>("/ledger/status");
  const proof = height === 0 ? undefined : await api.get<LedgerProof>(`/ledger/entries/${height - 1}/proof`);
  const checkpoint = proof?.kind === "tlog" ? parseProof(proof.proof).checkpoint : "";
  return { checkpoint, entries: pagedEntries(api, sizeOf(checkpoint)), close: async () => undefined };
}

async function* pagedEntries(api: ApiClient, size: number): AsyncIterable<StoredEntry> {
  for (let start = 0; start < size; start += PAGE) {
    const limit = Math.min(PAGE, size - start);
    const page = await api.get<{ entries: readonly LedgerEntry[] }>(`/ledger/entries?from=${start}&limit=${limit}`);
    yield* page.entries.map(storedForm);
    if (page.entries.length < limit) return;
  }
}

/** 0 for text that is no checkpoint: the verifier then says so. */
function sizeOf(checkpoint: string): number {
  try {
    return parseCheckpoint(checkpoint).checkpoint.size;
  } catch {
    return 0;
  }
}
