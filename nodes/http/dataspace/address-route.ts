/** Beside the binding, for tokens that run out: a participant of a transfer asks for the next address of its data. */
import { Type } from "typebox";
import type { DataAddress } from "../../../exchange/transfers/messages.ts";
import type { HttpApp } from "../http-app.ts";

const Pid = Type.Object({ pid: Type.String({ minLength: 1, maxLength: 200 }) });

/** In a scope where participants are known. */
export function addAddressRoute(
  app: HttpApp,
  renewed: (participant: string, pid: string) => Promise<DataAddress>,
): void {
  app.post(
    "/transfers/:pid/address",
    { bodyLimit: 1024, config: { public: true, readOnlySafe: true }, schema: { params: Pid, body: Type.Object({}) } },
    async ({ author, params }) => ({ dataAddress: await renewed(author, params.pid) }),
  );
}
