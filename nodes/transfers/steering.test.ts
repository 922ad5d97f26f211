/** A provider's hold against what its consumer says, with the real engine on stores that outlive it. */
import { expect, test } from "vitest";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import {
  transferCompletion,
  transferRequest,
  transferStart,
  transferSuspension,
  transferTermination,
} from "../../exchange/transfers/compose.ts";
import { PULL } from "../../exchange/transfers/formats.ts";
import type { TransferMessage } from "../../exchange/transfers/messages.ts";
import { transferProtocol } from "../../exchange/transfers/protocol.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { Delivery, ProcessRecord } from "../dataspace/process-record.ts";
import { createProcesses } from "../dataspace/processes.ts";
import { memoryRecords } from "../peer/_memory-records.ts";
import { createSteering } from "./steering.ts";
import { createWishes, isHolding, type WishStores } from "./wishes.ts";

const PAUSE = { become: "SUSPENDED", cause: causeOf("maintenance") } as const;
const REFUSED: Delivery = { kind: "refused", code: "transition-not-allowed", reasons: [] };
type Answer = (message: TransferMessage) => Delivery | Promise<Delivery>;

/** A provider, and a consumer that answers as it likes. */
async function provider(answer: Answer = () => ({ kind: "taken", answer: {} })) {
  const stores: WishStores = { wishes: memoryRecords(), holds: memoryRecords() };
  const records = memoryRecords<ProcessRecord<Transfer, TransferMessage>>();
  const open = memoryRecords<true>();
  const consumer = { answer };
  const revoked = { is: false };
  const sent: string[] = [];
  function boot() {
    const wishes = createWishes(stores);
    const steering = createSteering({
      wishes,
      consumer: { next: async () => undefined },
      provider: {
        start: (_kept, document) => transferStart(document),
        async next(_kept, document) {
          if (revoked.is) return transferTermination(document, causeOf("agreement-revoked"));
          return document.state === "REQUESTED" ? transferStart(document) : undefined;
        },
      },
    });
    const engine = createProcesses<Transfer, TransferMessage>({
      protocol: transferProtocol,
      ...{ records, open, ...steering },
      now: () => new Date().toISOString(),
      async post(_peer, _url, message) {
        sent.push(message["@type"]);
        return await consumer.answer(message);
      },
      ask: async () => undefined,
      admits: async () => undefined,
      endsIfRefused: (message) => message["@type"] !== "TransferSuspensionMessage",
      onError: () => undefined,
    });
    return { wishes, engine };
  }
  let run = boot();
  const about = { agreementId: "urn:uuid:a", format: PULL, callbackAddress: "https://beta.example/dsp" };
  const message = transferRequest({ consumerPid: "c", ...about });
  const { providerPid: pid } = await run.engine.takeFirst("beta", message, message["@type"]);
  const document = async () => (await records.get(pid))!.side.document!;
  const refusal = async () => (await records.get(pid))?.refusal?.type;
  const state = async () => (await document()).state;
  await expect.poll(state).toBe("STARTED");
  return {
    ...{ consumer, sent, document, refusal, state, revoked },
    /** What the operator wants. */
    async wants(wish: Parameters<typeof run.wishes.put>[1]) {
      await run.wishes.put(pid, wish);
      run.engine.poke(pid);
    },
    poke: () => run.engine.poke(pid),
    /** What the consumer says. */
    async says(compose: (document: Transfer) => TransferMessage) {
      const said = compose(await document());
      return await run.engine.take("beta", pid, said, said["@type"]);
    },
    isHeld: async () => isHolding(await run.wishes.get(pid)),
    async restart() {
      await run.engine.stop();
      run = boot();
      await run.engine.start();
    },
  };
}
const suspended = (document: Transfer) => transferSuspension(document, causeOf("mine"));
const started = (document: Transfer) => transferStart(document);
const NOT_TAKEN = { said: { code: "transition-not-allowed" } };

test.each([[false], [true]])(
  "a consumer that refuses its provider's pause does not undo it with one of its own (restart: %s)",
  async (isRestarted) => {
    const world = await provider();
    world.consumer.answer = () => REFUSED;
    await world.wants(PAUSE);
    await expect.poll(world.refusal).toBe("TransferSuspensionMessage");
    expect(await world.state()).toBe("STARTED");
    if (isRestarted) await world.restart();
    await world.says(suspended);
    world.poke();
    if (isRestarted) await world.restart();
    await expect(world.says(started)).rejects.toMatchObject(NOT_TAKEN);
    expect([await world.state(), await world.isHeld()]).toEqual(["SUSPENDED", true]);
  },
);

test("a pause that is wanted while the consumer's own one holds it holds it on", async () => {
  const world = await provider();
  await world.says(suspended);
  await world.wants(PAUSE);
  await world.restart();
  await expect(world.says(started)).rejects.toMatchObject(NOT_TAKEN);
  await world.wants({ become: "STARTED" });
  await expect.poll(world.state).toBe("STARTED");
  expect(await world.isHeld()).toBe(false);
});

test("a pause that crosses the consumer's stands, whichever of them the state tells of", async () => {
  const arrived = Promise.withResolvers<Delivery>();
  const world = await provider();
  world.consumer.answer = () => arrived.promise;
  await world.wants(PAUSE);
  await expect.poll(() => world.sent.at(-1)).toBe("TransferSuspensionMessage");
  await expect(world.says(suspended)).rejects.toMatchObject({ said: { code: "crossed" } });
  arrived.resolve(REFUSED);
  await expect.poll(world.refusal).toBe("TransferSuspensionMessage");
  await world.says(suspended);
  await expect(world.says(started)).rejects.toMatchObject(NOT_TAKEN);
});

test("a pause that nobody takes is lifted by whoever made it, and the consumer resumes its own again", async () => {
  const world = await provider();
  world.consumer.answer = () => REFUSED;
  await world.wants(PAUSE);
  await expect.poll(world.refusal).toBe("TransferSuspensionMessage");
  await world.wants({ become: "STARTED" });
  await expect.poll(world.isHeld).toBe(false);
  await world.says(suspended);
  expect(await world.says(started)).toMatchObject({ state: "STARTED" });
});

test("a consumer that goes on holding it does not end it by refusing its provider's start", async () => {
  const world = await provider();
  await world.says(suspended);
  world.consumer.answer = () => REFUSED;
  await world.wants({ become: "STARTED" });
  await expect.poll(world.refusal).toBe("TransferStartMessage");
  world.poke();
  expect(await world.state()).toBe("SUSPENDED");
  expect(await world.says(started)).toMatchObject({ state: "STARTED" });
});

test("what ends a release ends it while a pause that the consumer has refused holds it", async () => {
  const world = await provider();
  world.consumer.answer = (message) =>
    message["@type"] === "TransferSuspensionMessage" ? REFUSED : { kind: "taken", answer: {} };
  await world.wants(PAUSE);
  await expect.poll(world.refusal).toBe("TransferSuspensionMessage");
  world.revoked.is = true;
  world.poke();
  await expect.poll(world.state).toBe("TERMINATED");
  expect(world.sent.filter((type) => type === "TransferSuspensionMessage")).toHaveLength(1);
  await expect(world.says(transferCompletion)).rejects.toMatchObject(NOT_TAKEN);
});

test("a consumer says what its own side has to say", async () => {
  const ending = async (_kept: unknown, document: Transfer) =>
    transferTermination(document, causeOf("agreement-expired"));
  const { next } = createSteering({
    wishes: createWishes({ wishes: memoryRecords(), holds: memoryRecords() }),
    provider: { start: (_kept, document) => transferStart(document), next: async () => undefined },
    consumer: { next: ending },
  });
  const document = { providerPid: "p", consumerPid: "c", state: "SUSPENDED" } as Transfer;
  expect(await next({ pid: "c", side: { role: "consumer", document } } as never)).toMatchObject({
    code: "agreement-expired",
  });
});
