/** Who matches is who the request names: no other member's disk and processors are at the two sides' disposal. */
import { Type } from "typebox";
import { expect, test } from "vitest";
import { createFront } from "../attacks/_front.ts";
import type { PeerError } from "../peer/peer-error.ts";
import { createJoined, LIST, SUMS } from "./_joined.ts";
import { joinPaths } from "./messages.ts";

interface Announcement {
  readonly part: { readonly minimum?: number };
  readonly request: { readonly document: { readonly statement: object }; readonly salt: string };
}

test("a member that the request does not name matches nothing, whatever document comes with the lists", async () => {
  const front = createFront();
  await using joined = await createJoined(
    { operations: ["statistics"], leastItems: 20, minimumGroup: 5 },
    { fronts: { bureau: front.open } },
  );
  const said: Announcement[] = [];
  front.lie(async (call, next) => {
    if (call.method === "POST" && call.path.includes("/matches/")) said.push(JSON.parse(call.body.toString()));
    return await next();
  });
  const request = await joined.ask({ operation: "statistics" }, { query: SUMS, coordinator: "bureau" });
  const { run, state } = await joined.run(
    request,
    LIST.map(({ item }) => ({ item })),
  );
  expect(state).toBe("released");
  const honest = said.find(({ part }) => part.minimum === undefined)!;
  const announced = async (to: string, body: unknown) => {
    const { peers, members } = joined.network.net.node("ministry").services;
    const call = { method: "POST", path: joinPaths.match(run), body, response: Type.Any(), attempts: 1 } as const;
    return await peers.call(await members.target(to), call).then(
      () => "taken",
      (error: PeerError) => error.answer,
    );
  };
  expect(await announced("operator", honest)).toEqual({ status: 403, code: "ERR_REQUEST_FORBIDDEN" });
  const { document, salt } = honest.request;
  const other = { document: { ...document, statement: { ...document.statement, coordinator: "beta" } }, salt };
  expect(await announced("beta", { ...honest, request: other })).toMatchObject({ code: "ERR_REQUEST_INVALID" });
  expect(await announced("bureau", honest)).toBe("taken");
});
