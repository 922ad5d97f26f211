import { expect, test, vi } from "vitest";
import type { Message } from "../../crypto/secagg/messages.ts";
import type { PeerCall } from "../peer/client.ts";
import { PeerError } from "../peer/peer-error.ts";
import type { Context } from "./context.ts";
import { createCoordinatorLine } from "./coordinator-line.ts";

const message = (type: string) => ({ type, computation: "c" }) as unknown as Message;
const page = (next: number, ...types: string[]) => ({ epoch: "e", next, messages: types.map(message) });

type Call = Pick<PeerCall<never>, "method" | "path" | "body" | "signal">;

/** C answers with what `answer` gives; never where it is undefined and the call waits. `replies`: what the member says. */
function lineTo(
  answer: (call: Call, at: number) => object | undefined,
  replies: Readonly<Record<string, string>> = {},
) {
  const calls: { readonly what: string; readonly waits: boolean }[] = [];
  const heard: string[] = [];
  const role = new AbortController();
  const peers = {
    async call(_target: unknown, call: Call) {
      const waits = call.path.includes("waitMs=");
      const said = call.body as { type: string } | undefined;
      calls.push({ what: said?.type ?? "poll", waits });
      const given = answer(call, calls.length - 1);
      if (given !== undefined) return given;
      if (!waits) return { accepted: true };
      return await new Promise((_resolve, reject) => {
        call.signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      });
    },
  };
  const ctx = { services: { peers, members: { target: async () => ({}) }, log: { warn: () => undefined } } };
  const line = createCoordinatorLine(ctx as unknown as Context, { coordinator: "operator", computation: "c" });
  const running = line.run(role.signal, async (value) => {
    const { type } = value as Message;
    heard.push(type);
    if (replies[type] !== undefined) line.send(message(replies[type]));
  });
  return {
    line,
    calls,
    heard,
    said: () => calls.filter(({ what }) => what !== "poll").map(({ what }) => what),
    async end() {
      role.abort();
      await running;
    },
  };
}

test("the answer to a message brings the coordinator's next word: nothing is asked for in between", async () => {
  const next: Readonly<Record<string, object>> = {
    keys: page(2, "keyset"),
    shares: page(3, "boxes"),
    accept: page(4, "maskset"),
  };
  const { calls, heard, end } = lineTo(
    ({ body }) => (body === undefined ? page(1, "documents") : next[(body as Message).type]),
    { documents: "keys", keyset: "shares", boxes: "accept" },
  );
  await vi.waitFor(() => expect(heard).toEqual(["documents", "keyset", "boxes", "maskset"]));
  expect(calls.slice(0, 4).map(({ what }) => what)).toEqual(["poll", "keys", "shares", "accept"]);
  await end();
});

test("a message that comes while an answer is waited for leaves at once, behind the one before", async () => {
  const { line, said, end } = lineTo(({ body }) => (body === undefined ? page(1, "documents") : undefined), {
    documents: "keys",
  });
  await vi.waitFor(() => expect(said()).toEqual(["keys"]));
  line.send(message("refusal"));
  await line.lastWord();
  expect(said()).toEqual(["keys", "keys", "refusal"]);
  await end();
});

test("a message is repeated until it is taken, and one that is refused does not hold up the next", async () => {
  let lost = 2;
  const { line, said, end } = lineTo(({ body }) => {
    const type = (body as Message | undefined)?.type;
    if (type === "keys" && lost-- > 0) throw new PeerError("ERR_PEER_UNREACHABLE", "lost");
    if (type === "shares") throw new PeerError("ERR_PEER_REFUSED", "no", { answer: { status: 400, code: "ERR" } });
    return page(1);
  });
  for (const type of ["keys", "shares", "refusal"]) line.send(message(type));
  await line.lastWord();
  expect(said()).toEqual(["keys", "keys", "keys", "shares", "refusal"]);
  await end();
});

test("who has had nothing to say for a while asks", async () => {
  const { calls, heard, end } = lineTo((_call, at) =>
    at < 2 ? page(at + 1, at === 0 ? "documents" : "keyset") : undefined,
  );
  await vi.waitFor(() => expect(heard).toEqual(["documents", "keyset"]), { timeout: 20_000 });
  expect(calls.slice(0, 2)).toEqual([
    { what: "poll", waits: true },
    { what: "poll", waits: true },
  ]);
  await end();
});
