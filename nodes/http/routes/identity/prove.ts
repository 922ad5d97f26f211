import { Type } from "typebox";
import { closed, Digest } from "../../../../chaincode/rules/vocabulary.ts";
import { type NodeConfig, Person } from "../../../config/node-config.ts";
import { apiIdentityProof } from "../../api-identity.ts";
import type { HttpApp } from "../../http-app.ts";
import { everybody, peopleOf, personToken } from "../../person-token.ts";

/** 32 bytes each. */
const Identity = closed({ proof: Digest });

export function proveIdentity(
  app: HttpApp,
  deps: { readonly token: string; readonly config: () => Pick<NodeConfig, "reviewers" | "stewards"> },
): void {
  app.get(
    "/api/v1/identity",
    {
      schema: {
        summary: "Proof that this node holds the token of its folder, for a caller who has not shown it yet",
        security: [],
        querystring: closed({ challenge: Digest, person: Type.Optional(Person) }),
        response: { 200: Identity },
      },
      config: { public: true, accessLog: false },
    },
    async ({ query: { challenge, person } }) => {
      const isKnown = person !== undefined && everybody(peopleOf(deps.config())).includes(person);
      return { proof: apiIdentityProof(isKnown ? personToken(deps.token, person) : deps.token, challenge) };
    },
  );
}
