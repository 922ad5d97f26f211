/**
 * Test fixture: one participant as a process of its own, with the engine, a real store and HTTP, which kills itself
 * without warning at points it is given: right before or right after a state is on disk, before the other side hears of
 * it. Each point counts once.
 */
import { existsSync, writeFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import pino from "pino";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import { addProcessRoutes } from "../http/dataspace/process-routes.ts";
import { createHttpApp, type HttpApp } from "../http/http-app.ts";
import { openDatabase } from "../store/database.ts";
import { openRecords, type RecordStore } from "../store/records.ts";
import { createDataspaceClient } from "./client.ts";
import type { ProcessPorts } from "./process-ports.ts";
import type { ProcessRecord } from "./process-record.ts";
import { createProcesses } from "./processes.ts";

export interface CrashSetup {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  readonly peer: { readonly name: string; readonly port: number };
  /** Consumer: ids of processes to begin. */
  readonly begin: readonly string[];
  /** By consumerPid: `before` or `after` this state is on disk. */
  readonly deaths: Readonly<Record<string, { readonly when: "before" | "after"; readonly state: string }>>;
}

/** How the points of death call a state. */
type Named<D, M> = (document: D, record: ProcessRecord<D, M>) => string;

export async function openCrashSide() {
  const setup = JSON.parse(process.argv[2] ?? "") as CrashSetup;
  const database = await openDatabase(setup.dir);
  const now = () => new Date().toISOString();
  const baseOf = (port: number) => `http://127.0.0.1:${port}${DATASPACE_PATH}`;
  const client = createDataspaceClient({ dispatcher: async () => undefined, authorize: () => `Bearer ${setup.name}` });

  function dieAt(when: "before" | "after", document: ProcessDocument | undefined, state: string | undefined): void {
    const death = setup.deaths[document?.consumerPid ?? ""];
    if (document === undefined || death?.when !== when || death.state !== state) return;
    const mark = join(setup.dir, `died-${document.consumerPid}`);
    if (existsSync(mark)) return;
    writeFileSync(mark, "");
    process.kill(process.pid, "SIGKILL");
  }

  function mortal<D extends ProcessDocument, M>(
    store: RecordStore<ProcessRecord<D, M>>,
    named: Named<D, M>,
  ): typeof store {
    return {
      ...store,
      async put(pid, record) {
        const { document } = record.side;
        const state = document && named(document, record);
        dieAt("before", document, state);
        await store.put(pid, record);
        dieAt("after", document, state);
      },
    };
  }

  return Object.freeze({
    setup,
    now,
    base: baseOf(setup.port),
    peer: { name: setup.peer.name, address: baseOf(setup.peer.port) },
    store: <V>(name: string) => openRecords<V>(database, name),
    /** Runs the engine of this protocol, and listens. */
    async serve<D extends ProcessDocument, M extends { readonly "@type": string }>(
      protocol: Protocol<D, M>,
      steering: Pick<ProcessPorts<D, M>, "next" | "mayTake">,
      named: Named<D, M> = ({ state }) => state,
    ) {
      const processes = createProcesses<D, M>({
        protocol,
        now,
        ...steering,
        records: mortal(openRecords<ProcessRecord<D, M>>(database, "processes"), named),
        open: openRecords<true>(database, "processes-open", undefined, "unless-power-fails"),
        post: client.post,
        ask: client.get,
        admits: async () => undefined,
        onError: (_pid, error) => console.error(error),
        patience: { firstPauseMs: 20, longestPauseMs: 200, giveUpMs: 600_000, doubtfulTries: 1_000 },
      });
      const limits = { maxBodyBytes: () => 1 << 20, requestTimeoutMs: 30_000 };
      const app = createHttpApp({ logger: pino({ level: "silent" }), ...limits });
      await app.register(
        async (scoped) => {
          scoped.addHook("onRequest", async (request) => {
            request.author = (request.headers.authorization ?? "").replace("Bearer ", "");
          });
          addProcessRoutes(scoped as HttpApp, protocol, processes);
        },
        { prefix: DATASPACE_PATH },
      );
      await app.listen({ host: "127.0.0.1", port: setup.port });
      await processes.start();
      // Nothing is written at the end of a life that is killed.
      flushCompileCache();
      return processes;
    },
  });
}
