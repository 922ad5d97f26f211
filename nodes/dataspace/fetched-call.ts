/** A call that came as a letter, taken as the routes of its protocol would take it. */
import { callAt } from "../../exchange/protocol/paths.ts";
import type { ProcessDocument, Protocol } from "../../exchange/protocol/protocol.ts";
import { refusalOf } from "../http/dataspace/answer-error.ts";
import { problemOf } from "../http/problem.ts";
import { unknownProcess } from "./dataspace-error.ts";
import type { Answer } from "./post-office.ts";
import type { Processes } from "./process-ports.ts";

/** Never throws. What is no call of this protocol gets the answer of an unknown process. */
export async function takeFetched<D extends ProcessDocument, M extends { readonly "@type": string }>(
  protocol: Protocol<D, M>,
  processes: Pick<Processes<D, M>, "takeFirst" | "take">,
  letter: { readonly from: string; readonly path: string; readonly body: unknown },
  onError: (error: unknown) => void,
): Promise<Answer> {
  const { from, path, body } = letter;
  try {
    const call = callAt(protocol, path);
    if (call === undefined) throw unknownProcess();
    const taken =
      call.pid === undefined
        ? await processes.takeFirst(from, body, call.type)
        : await processes.take(from, call.pid, body, call.type);
    return { status: call.pid === undefined ? 201 : 200, body: protocol.answer(taken) };
  } catch (error) {
    const refusal = refusalOf(protocol.error, error);
    if (refusal !== undefined) return refusal;
    onError(error);
    return { status: problemOf(error).status, body: {} };
  }
}
