/** Policies that wait for their day or for a second person. */
import { type Static, Type } from "typebox";
import { AssetId, Count, closed, Digest, Instant, literals, Uuid } from "../../../../chaincode/rules/vocabulary.ts";
import { Policy } from "../../../../policies/model/policy.ts";
import type { Activation } from "../../../policies/activation.ts";
import { ACTIVATION_PROBLEMS } from "../../../policies/activation.ts";
import type { Activations, ShownActivation } from "../../../policies/activations.ts";
import type { NodeServices } from "../../../runtime/services.ts";
import type { HttpApp } from "../../http-app.ts";
import { judgedLater } from "../../openapi.ts";
import { problems } from "../../schemas.ts";
import { Remarks, remarksOn } from "../assets/remarks.ts";
import { AssetParameters } from "../assets/schemas.ts";

const Text = Type.String({ minLength: 1, maxLength: 2_000 });
const Brief = {
  id: Uuid,
  asset: AssetId,
  policyDigest: Digest,
  from: Instant,
  state: literals(["waiting", "scheduled", "activating", "active", "overtaken", "withdrawn", "failed"]),
  persons: Count,
  approvals: Type.Array(closed({ by: Type.String(), at: Instant })),
  version: Type.Optional(Count),
  endedAt: Type.Optional(Instant),
  endedBy: Type.Optional(Type.String()),
  reason: Type.Optional(Text),
  problem: Type.Optional(literals(ACTIVATION_PROBLEMS)),
};
const BriefView = closed(Brief);
export const ActivationView = closed({ ...Brief, policy: Type.Union([Policy, Type.Null()]) });
/** `remarks`: names of the policy that nothing answers to. */
export const ProposedView = closed({ ...ActivationView.properties, remarks: Remarks });
export type ProposedView = Static<typeof ProposedView>;
export type ActivationBriefView = Static<typeof BriefView>;
export type ActivationView = Static<typeof ActivationView>;

const brief = (activation: Activation): ActivationBriefView => ({
  ...activation,
  approvals: activation.approvals.map((one) => ({ ...one })),
});
const viewOf = ({ activation, policy }: ShownActivation): ActivationView => ({
  ...brief(activation),
  policy: policy ?? null,
});

const Parameters = closed({ activation: Uuid });
const STEWARDS = { people: "stewards" } as const;

export function addActivationApi(
  app: HttpApp,
  activations: Activations,
  deps: Pick<NodeServices, "assets" | "ledger">,
): void {
  app.post(
    "/api/v1/assets/:asset/policy/activations",
    {
      schema: {
        summary: "Proposes a policy: in force from a day on, once as many persons have approved as the node wants",
        params: AssetParameters,
        body: closed({ policy: judgedLater(Policy), from: Type.Optional(Instant) }),
        response: { 201: ProposedView, ...problems },
      },
      config: STEWARDS,
    },
    async ({ params, body: { policy, from }, operator }, reply) => {
      const given = { by: operator, ...(from === undefined ? {} : { from }) };
      const view = viewOf(await activations.propose(params.asset, policy, given));
      const own = await deps.assets.find(params.asset);
      const remarks = own === undefined ? [] : await remarksOn(deps, own.asset, view.policy);
      return reply.code(201).send({ ...view, remarks });
    },
  );
  app.get(
    "/api/v1/policies/activations",
    {
      schema: {
        summary: "Policies that wait for a person or for their day, then those that do not any more",
        response: { 200: closed({ activations: Type.Array(BriefView) }), ...problems },
      },
      config: STEWARDS,
    },
    async () => ({ activations: (await activations.list()).map(brief) }),
  );
  app.get(
    "/api/v1/policies/activations/:activation",
    {
      schema: {
        summary: "One of them, with the policy",
        params: Parameters,
        response: { 200: ActivationView, ...problems },
      },
      config: STEWARDS,
    },
    async ({ params }) => viewOf(await activations.show(params.activation)),
  );
  app.post(
    "/api/v1/policies/activations/:activation/approve",
    {
      schema: {
        summary: "Another person than those before approves it",
        params: Parameters,
        response: { 200: ActivationView, ...problems },
      },
      config: STEWARDS,
    },
    async ({ params, operator }) => viewOf(await activations.approve(params.activation, operator)),
  );
  app.post(
    "/api/v1/policies/activations/:activation/withdraw",
    {
      schema: {
        summary: "It is not put in force",
        params: Parameters,
        body: closed({ reason: Text }),
        response: { 200: ActivationView, ...problems },
      },
      config: STEWARDS,
    },
    async ({ params, body, operator }) => viewOf(await activations.withdraw(params.activation, operator, body.reason)),
  );
}
