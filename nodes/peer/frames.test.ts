/** Messages over a connection whose other end is slow, silent or as busy as this one. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from "node:net";
import { expect, test, vi } from "vitest";
import { type Frames, type FramesOptions, openFrames } from "./frames.ts";

const MIB = 1024 * 1024;
const waits = { timeout: 60_000, interval: 20 };

/** Two ends of one connection. */
async function connected(): Promise<{ readonly here: Socket; readonly there: Socket }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const there = tcpConnect((server.address() as AddressInfo).port, "127.0.0.1");
  const [here] = (await once(server, "connection")) as [Socket];
  server.close();
  there.on("error", () => undefined);
  return { here, there };
}

/** One end, what it has heard, and whether it has ended. */
function opened(socket: Socket, options: Partial<FramesOptions> = {}) {
  const heard: number[] = [];
  const state = { isOpen: true };
  const frames: Frames = openFrames(socket, Buffer.alloc(0), {
    maxBytes: 16 * MIB,
    frameMs: 60_000,
    idleMs: 60_000,
    pausesReading: false,
    onMessage: (message) => heard.push(message.length),
    onClose: () => {
      state.isOpen = false;
    },
    ...options,
  });
  return { heard, state, frames };
}

test("16 MiB both ways at once arrive, whoever of the two does not read while it writes", async () => {
  const { here, there } = await connected();
  const [pausing, reading] = [opened(here, { pausesReading: true }), opened(there)];
  const half = Buffer.alloc(8 * MIB);
  for (const { frames } of [pausing, reading, pausing, reading]) frames.send(half);
  await vi.waitFor(() => expect([pausing.heard, reading.heard]).toEqual(Array(2).fill(Array(2).fill(8 * MIB))), waits);
  pausing.frames.close();
});

test("a message that comes in slowly ends the connection, however many bytes of it arrive", async () => {
  const { here, there } = await connected();
  const slow = opened(here, { frameMs: 300 });
  there.write(Buffer.of(0, 0, 1, 0));
  const trickle = setInterval(() => there.write(Buffer.of(0)), 20);
  // 256 of them would make it whole after five seconds at the earliest.
  await vi.waitFor(() => expect(slow.state.isOpen).toBe(false), waits);
  clearInterval(trickle);
  expect(slow.heard).toEqual([]);
});

test("silence after a message that came in pieces is not a slow message", async () => {
  const { here, there } = await connected();
  const kept = opened(here, { frameMs: 1_000 });
  there.write(Buffer.of(0, 0));
  await new Promise((resolve) => setTimeout(resolve, 50));
  there.write(Buffer.of(0, 1, 7));
  await vi.waitFor(() => expect(kept.heard).toEqual([1]), waits);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(kept.state.isOpen).toBe(true);
  kept.frames.close();
});

test.each([true, false])(
  "what does not leave ends the connection, although bytes come in (pausing: %s)",
  async (pausesReading) => {
    const { here, there } = await connected();
    const stuck = opened(here, { idleMs: 300, pausesReading });
    there.pause();
    for (let round = 0; round < 4; round++) stuck.frames.send(Buffer.alloc(8 * MIB));
    const busy = setInterval(() => there.write(Buffer.of(0, 0, 0, 1, 7)), 20);
    await vi.waitFor(() => expect(stuck.state.isOpen).toBe(false), waits);
    clearInterval(busy);
    there.destroy();
  },
);
