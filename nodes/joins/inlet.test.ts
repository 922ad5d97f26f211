import { expect, test } from "vitest";
import { createInlet, createOutlet, InletError } from "./inlet.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("a call is answered when its piece has been worked on, and not before", async () => {
  const inlet = createInlet(2);
  const worked: number[] = [];
  let isAnswered = false;
  const first = inlet.push(0, bytes(1)).then(() => {
    isAnswered = true;
  });
  const read = inlet.pieces[Symbol.asyncIterator]();
  worked.push((await read.next()).value![0]);
  await new Promise(setImmediate);
  expect([worked, isAnswered]).toEqual([[1], false]);
  const second = read.next();
  await first;
  await Promise.all([inlet.push(1, bytes(2)), second.then(() => read.next())]);
  expect(inlet.taken()).toBe(2);
});

test("the last piece may come again, byte for byte; a changed one, an earlier one and one too many are refused", async () => {
  const inlet = createInlet(3);
  const all: number[] = [];
  const reading = (async () => {
    for await (const [value] of inlet.pieces) all.push(value!);
  })();
  await inlet.push(0, bytes(1));
  await inlet.push(0, bytes(1));
  await expect(inlet.push(0, bytes(9))).rejects.toThrow(InletError);
  await inlet.push(1, bytes(2));
  await expect(inlet.push(0, bytes(1))).rejects.toThrow(InletError);
  await expect(inlet.push(3, bytes(4))).rejects.toThrow(InletError);
  await Promise.all([inlet.push(2, bytes(3)), inlet.push(2, bytes(3))]);
  await expect(inlet.push(3, bytes(4))).rejects.toThrow(InletError);
  await reading;
  expect(all).toEqual([1, 2, 3]);
});

test("whoever pushes hears why the other end stopped, now and later", async () => {
  const inlet = createInlet(2);
  const pushed = inlet.push(0, bytes(1));
  inlet.fail(new Error("stopped"));
  await expect(pushed).rejects.toThrow("stopped");
  await expect(inlet.push(0, bytes(1))).rejects.toThrow("stopped");
  await expect(inlet.pieces[Symbol.asyncIterator]().next()).rejects.toThrow("stopped");
});

test("pieces go out in order, the last one as often as it is asked for", async () => {
  async function* pieces() {
    yield bytes(1);
    yield bytes(2);
  }
  const outlet = createOutlet(pieces());
  const [one, again] = await Promise.all([outlet.get(0), outlet.get(0)]);
  expect([one, again]).toEqual([bytes(1), bytes(1)]);
  await expect(outlet.get(2)).rejects.toThrow(InletError);
  expect(await outlet.get(1)).toEqual(bytes(2));
  await expect(outlet.get(0)).rejects.toThrow(InletError);
  await expect(outlet.get(2)).rejects.toThrow("there is none");
});
