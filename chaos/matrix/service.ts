import { stepRetry } from "../../service/operations/retry.ts";
import { blowAt, type Interferer, wrapSteps } from "./interference.ts";
import { readOrders, writeOrders } from "./orders.ts";

/**
 * The control service as it is, but for its steps: they fail, die or do their work twice where the file of orders says so. A crash is a
 * SIGKILL of the whole process, at exactly that place.
 */
const file = process.env.MATRIX_ORDERS ?? "";

const interferer: Interferer = {
  strike(place) {
    const orders = readOrders(file);
    const blow = orders.tenantId === place.tenantId ? blowAt(orders.blows, place) : undefined;
    if (blow === undefined) return undefined;
    blow.left -= 1;
    writeOrders(file, orders);
    return blow;
  },
  repeats(tenantId) {
    const orders = readOrders(file);
    return orders.repeat && orders.tenantId === tenantId;
  },
  crash() {
    process.kill(process.pid, "SIGKILL");
    throw new Error("a process that was killed does not go on");
  },
};

Object.assign(stepRetry, { backoffMs: 1, backoffMaxMs: 2 });
wrapSteps(interferer);
await import("../../service/main.ts");
