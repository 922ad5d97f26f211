import { expect, test } from "vitest";
import { smallWorld } from "./_adversary.ts";
import { createNetwork } from "./_network.ts";
import { SecaggError } from "./errors.ts";
import { bytesOfText, wordsOfText } from "./words.ts";

test("a signed accept whose bits do not fit the key set is refused, and the others go on without it", () => {
  const network = createNetwork(
    smallWorld(7, {
      intercept: (sent, { sign }) => {
        if (sent.message.type !== "accept" || sent.from !== "m007") return [sent];
        const { accept, ...rest } = sent.message;
        const statement = { ...accept.statement, body: { accepted: "" } };
        return [{ ...sent, message: { ...rest, accept: sign("m007")("secagg-message", statement) as typeof accept } }];
      },
    }),
  );
  network.run();
  expect(network.blames.map(({ member, reason }) => `${member} ${reason}`)).toEqual(["m007 refused-accept"]);
  expect(network.decoded?.survivors).toHaveLength(6);
});

test("text that is not the one spelling of its bytes is refused by the code of the protocol", () => {
  expect(() => bytesOfText("AB", "box")).toThrow(SecaggError);
  expect(() => wordsOfText("A=", "words of m001", 1)).toThrow(SecaggError);
});
