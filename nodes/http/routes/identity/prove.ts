import { closed, Digest } from "../../../../chaincode/rules/vocabulary.ts";
import { apiIdentityProof } from "../../api-identity.ts";
import type { HttpApp } from "../../http-app.ts";

/** 32 bytes each. */
const Identity = closed({ proof: Digest });

export function proveIdentity(app: HttpApp, { token }: { readonly token: string }): void {
  app.get(
    "/api/v1/identity",
    {
      schema: {
        summary: "Proof that this node holds the token of its folder, for a caller who has not shown it yet",
        security: [],
        querystring: closed({ challenge: Digest }),
        response: { 200: Identity },
      },
      config: { public: true, accessLog: false },
    },
    async ({ query }) => ({ proof: apiIdentityProof(token, query.challenge) }),
  );
}
