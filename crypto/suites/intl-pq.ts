/**
 * Suite `intl-pq`: `intl`, but boxes and pair seeds of a computation are encapsulated under X-Wing instead of agreed on by
 * X25519, so that who keeps a transcript until X25519 falls still reads no contribution (docs/decisions/450).
 */
import { intl } from "./intl.ts";
import { xWing } from "./x-wing.ts";

export const intlPq = Object.freeze({ ...intl, id: "intl-pq", agreement: xWing, encapsulation: xWing });
