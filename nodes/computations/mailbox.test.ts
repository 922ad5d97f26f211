import { expect, test } from "vitest";
import type { Message } from "../../crypto/secagg/messages.ts";
import { createMailbox } from "./mailbox.ts";

const message = (type: string) => ({ type, computation: "c" }) as unknown as Message;
const START = { epoch: "none", after: 0 };

test("each member reads its own messages, in order, from its cursor", async () => {
  const mailbox = createMailbox("e1");
  mailbox.post("alpha", message("keyset"));
  mailbox.post("beta", message("boxes"));
  mailbox.post("alpha", message("maskset"));
  const first = await mailbox.read("alpha", START, 0);
  expect(first).toMatchObject({ epoch: "e1", next: 2, messages: [{ type: "keyset" }, { type: "maskset" }] });
  expect((await mailbox.read("alpha", { epoch: "e1", after: 2 }, 0)).messages).toEqual([]);
});

test("a waiting reader gets a message as it is posted", async () => {
  const mailbox = createMailbox("e1");
  const waiting = mailbox.read("alpha", START, 10_000);
  mailbox.post("alpha", message("keyset"));
  expect((await waiting).messages).toHaveLength(1);
});

test("a cursor of an earlier epoch starts anew, so that nothing said after a restart is missed", async () => {
  const mailbox = createMailbox("e2");
  mailbox.post("alpha", message("keyset"));
  expect((await mailbox.read("alpha", { epoch: "e1", after: 7 }, 0)).messages).toHaveLength(1);
});

test("closing answers everyone who waits", async () => {
  const mailbox = createMailbox("e1");
  const waiting = mailbox.read("alpha", START, 60_000);
  mailbox.close();
  expect((await waiting).messages).toEqual([]);
});

test("a message that is repeated takes the place of the one before, so that nobody can fill the mailbox", async () => {
  const mailbox = createMailbox("e1");
  mailbox.post("alpha", message("keyset"));
  for (let round = 0; round < 1_000; round++) mailbox.post("alpha", message("receipt-2"));
  const all = await mailbox.read("alpha", START, 0);
  expect(all.messages.map(({ type }) => type)).toEqual(["keyset", "receipt-2"]);
  const waiting = mailbox.read("alpha", { epoch: "e1", after: all.next }, 10_000);
  mailbox.post("alpha", message("receipt-2"));
  expect((await waiting).messages).toHaveLength(1);
});
