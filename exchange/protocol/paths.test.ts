import { expect, test } from "vitest";
import { negotiationProtocol as negotiation } from "../negotiation/protocol.ts";
import { callAt } from "./paths.ts";

test("a path is a call of the protocol, of a process whose id may be escaped, or none", () => {
  expect(callAt(negotiation, "negotiations/request")).toEqual({ type: "ContractRequestMessage" });
  expect(callAt(negotiation, "negotiations/urn%3Auuid%3A1/agreement")).toMatchObject({ pid: "urn:uuid:1" });
  for (const path of ["negotiations/%zz/agreement", "negotiations/a/nothing", "negotiations/a", "transfers/a/start"]) {
    expect(callAt(negotiation, path)).toBeUndefined();
  }
});
